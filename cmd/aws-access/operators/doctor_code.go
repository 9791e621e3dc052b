package operators

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"debug/elf"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/version"
)

// program is the program of a function: what is deployed, or a build of it.
type program struct {
	Function  config.Function `json:"function"`
	Published string          `json:"published,omitempty"` // version that an alias calls; "" for the function itself
	Sum       string          `json:"sha256"`              // of its bytes
	Processor string          `json:"processor"`           // arm64 or x86_64, as Lambda names them
	Build     version.Build   `json:"build"`
	Policy    string          `json:"policySha256,omitempty"` // of the compiled policy; "" for a build and for api
}

// String names the program.
func (p program) String() string {
	if p.Published != "" {
		return string(p.Function) + " (published version " + p.Published + ")"
	}
	return string(p.Function)
}

// programOf describes the bytes of a program. Bytes that are not a Go program have no
// version.
func programOf(f config.Function, text []byte) (p program) {
	p = program{Function: f, Sum: sumOf(text), Processor: "unknown"}
	// The readers of package debug are not made for hostile bytes, and may panic.
	defer func() { _ = recover() }()
	p.Build, _ = version.Read(bytes.NewReader(text)) // the zero value is unknown
	if file, err := elf.NewFile(bytes.NewReader(text)); err == nil {
		switch file.Machine {
		case elf.EM_AARCH64:
			p.Processor = "arm64"
		case elf.EM_X86_64:
			p.Processor = "x86_64"
		default:
			p.Processor = file.Machine.String()
		}
	}
	return p
}

// Limits of a download. A package of the product has 4 MB and its program 10 MB
// (docs/facts.md#f1). A much larger one is not the product, or was made to fill the memory.
const (
	maxPackage      = 64 << 20
	maxProgram      = 128 << 20
	downloadTimeout = 2 * time.Minute
)

// download reads the package behind the link of lambda:GetFunction
// (docs/facts.md#f1). Anyone who has the link can read the code, so no error contains
// it.
func (d *doctor) download(ctx context.Context, link string) ([]byte, error) {
	if !d.safeLink(link) {
		return nil, errors.New("the link to its code is not an https address")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, errors.New("the link to its code is not an address") // err would contain the link
	}
	client := *d.http // follows no redirect
	client.Timeout = downloadTimeout
	answer, err := client.Do(r)
	if err != nil {
		var with *url.Error // its text contains the link
		if errors.As(err, &with) {
			err = with.Err
		}
		return nil, fmt.Errorf("download its code: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("download its code: the answer has status %d", answer.StatusCode)
	}
	return readLimited(answer.Body, maxPackage)
}

// safeLink reports whether the code may be read from an address: https, or http on this
// computer if the endpoint of Lambda is on this computer too.
func (d *doctor) safeLink(link string) bool {
	u, err := url.Parse(link)
	if err != nil || u.User != nil || u.Hostname() == "" {
		return false
	}
	fake := config.IsLoopback(aws.ToString(d.lambda.Options().BaseEndpoint))
	return u.Scheme == "https" || u.Scheme == "http" && fake && onThisComputer(u.Hostname())
}

// errPackage is the error for a package that this product did not make.
var errPackage = errors.New("its deployment package is not one of this product")

func readLimited(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%w: it has more than %d MB", errPackage, limit>>20)
	}
	return text, err
}

// programs downloads the program of a function, and those of the published versions
// that its aliases call and that differ from it. It checks the settings of these versions.
func (d *doctor) programs(ctx context.Context, f config.Spec) ([]program, error) {
	name := d.found.functions[f.LogicalID]
	versions, err := d.published(ctx, name)
	if err != nil {
		return nil, err
	}
	var all []program
	seen := map[string]bool{}
	for _, v := range append([]string{""}, versions...) {
		in := &lambda.GetFunctionInput{FunctionName: &name}
		if v != "" {
			in.Qualifier = &v
		}
		out, err := d.lambda.GetFunction(ctx, in)
		switch {
		case err != nil:
			return nil, err
		case out.Configuration == nil || out.Code == nil || str(out.Code.Location) == "":
			return nil, errors.New("Lambda gives no link to its code") //nolint:staticcheck // the name of a service
		}
		if v == "" {
			d.found.reserved[f.Name] = nil
			if out.Concurrency != nil {
				d.found.reserved[f.Name] = out.Concurrency.ReservedConcurrentExecutions
			}
		} else {
			d.checkPublished(f, v, out.Configuration)
		}
		if seen[str(out.Configuration.CodeSha256)] {
			continue
		}
		seen[str(out.Configuration.CodeSha256)] = true
		p, err := d.program(ctx, f.Name, str(out.Code.Location), str(out.Configuration.CodeSha256))
		if err != nil {
			return nil, err
		}
		p.Published = v
		all = append(all, p)
	}
	return all, nil
}

// program downloads one package, whose SHA-256 Lambda states in base64.
func (d *doctor) program(ctx context.Context, f config.Function, link, stated string) (program, error) {
	archive, err := d.download(ctx, link)
	if err != nil {
		return program{}, err
	}
	sum := sha256.Sum256(archive)
	if got := base64.StdEncoding.EncodeToString(sum[:]); subtle.ConstantTimeCompare([]byte(got), []byte(stated)) != 1 {
		return program{}, fmt.Errorf("%w: its SHA-256 is not the one that Lambda states", errPackage)
	}
	text, compiled, err := unpack(archive, config.SpecOf(f).HasPolicy())
	if err != nil {
		return program{}, err
	}
	p := programOf(f, text)
	if compiled != nil {
		p.Policy = sumOf(compiled)
	}
	return p, nil
}

// sumOf returns the SHA-256 of bytes in hexadecimal digits, as sha256sum prints it.
func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// published lists the versions that the aliases of a function call. With provisioned
// concurrency the public routes call such a version instead of the function itself.
func (d *doctor) published(ctx context.Context, name string) (versions []string, err error) {
	pages := lambda.NewListAliasesPaginator(d.lambda, &lambda.ListAliasesInput{FunctionName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Aliases {
			versions = append(versions, str(a.FunctionVersion))
			if a.RoutingConfig != nil {
				for v := range a.RoutingConfig.AdditionalVersionWeights {
					versions = append(versions, v)
				}
			}
		}
	}
	slices.Sort(versions)
	versions = slices.Compact(versions)
	return slices.DeleteFunc(versions, func(v string) bool { return v == "" || v == "$LATEST" }), nil
}

// checkPublished checks the settings of a published version, which are its own: a layer
// or a variable can run foreign code in it, although the function itself has neither.
func (d *doctor) checkPublished(f config.Spec, number string, c *types.FunctionConfiguration) {
	wrong := d.changed(f, &lambda.GetFunctionConfigurationOutput{
		Layers: c.Layers, Environment: c.Environment, Role: c.Role, Runtime: c.Runtime, Handler: c.Handler,
	})
	var its map[string]string
	if c.Environment != nil {
		its = c.Environment.Variables
	}
	own := d.found.env(string(f.Name))
	var differ []string
	for _, name := range variables(f) {
		if own != nil && its[name] != own[name] {
			differ = append(differ, name)
		}
	}
	if len(differ) > 0 {
		wrong = append(wrong, "it has another value than the function itself in "+names(differ))
	}
	if len(wrong) > 0 {
		d.report.add(finding{inStack, "settings of " + string(f.Name) + " (published version " + number + ")", problem,
			"changed", "SECURITY: a published version that an alias calls differs from the template: " +
				strings.Join(wrong, "; ") + ".",
			"For some seconds of a deploy this is normal. Otherwise find out who published it (CloudTrail: " +
				"PublishVersion, UpdateAlias), and deploy the product's own template.yaml again."})
	}
}
