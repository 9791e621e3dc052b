package lambdafake

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// maxParameter is SSM's limit for the value of a standard parameter, in bytes.
const maxParameter = 4 << 10

// Parameters is a fake of the parameter store of Systems Manager, for
// AWS_ENDPOINT_URL_SSM. It serves GetParameter and DescribeParameters for
// SecureStrings. The zero value has no parameters. It is safe for concurrent use.
type Parameters struct {
	mu      sync.Mutex
	stored  map[string]parameter
	refused map[string]bool
	reads   map[string]int
}

type parameter struct {
	value   string
	key     string // id of the KMS key that encrypts it
	version int
	at      time.Time
}

var parameterName = regexp.MustCompile(`^(/?[a-zA-Z0-9_.-]+)(/[a-zA-Z0-9_.-]+){0,14}$`)

// Put sets a SecureString that is encrypted with SSM's default key. See PutUnder.
func (p *Parameters) Put(name, value string) error { return p.PutUnder("alias/aws/ssm", name, value) }

// PutUnder sets a SecureString that is encrypted with a KMS key, like PutParameter
// with Overwrite. Like SSM, it refuses invalid names, names that begin with aws or
// ssm in any letter case, and values that are empty or too long.
func (p *Parameters) PutUnder(key, name, value string) error {
	lower := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case strings.HasPrefix(lower, "aws"), strings.HasPrefix(lower, "ssm"):
		return fmt.Errorf("parameter name %s: cannot be prefixed with aws or ssm (case-insensitive)", name)
	case !parameterName.MatchString(name), strings.Contains(name[1:], "/") && !strings.HasPrefix(name, "/"):
		return fmt.Errorf("parameter name %s: it must have only letters, digits, . - _ "+
			"and, if it begins with a slash, slashes", name)
	case value == "" || len(value) > maxParameter:
		return fmt.Errorf("parameter %s: the value must have 1 to 4,096 bytes", name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stored == nil {
		p.stored = make(map[string]parameter)
	}
	p.stored[name] = parameter{value: value, key: key, version: p.stored[name].version + 1, at: time.Now()}
	return nil
}

// Delete removes a parameter.
func (p *Parameters) Delete(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.stored, name)
}

// Refuse makes reads of a parameter fail with AccessDeniedException, until it is
// called with false. The name ssm:DescribeParameters refuses that operation.
func (p *Parameters) Refuse(name string, refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused == nil {
		p.refused = make(map[string]bool)
	}
	p.refused[name] = refused
}

// Reads returns how often GetParameter returned a parameter.
func (p *Parameters) Reads(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reads[name]
}

// ssmError is an error answer of SSM.
type ssmError struct{ code, message string }

func (e ssmError) Error() string { return e.code + ": " + e.message }

func (p *Parameters) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := p.answer(r)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-RequestId", newID())
	if refused, ok := errors.AsType[ssmError](err); ok {
		w.WriteHeader(http.StatusBadRequest) // SSM uses it for all these errors
		answer = map[string]string{"__type": refused.code, "message": refused.message, "Message": refused.message}
	}
	_, _ = w.Write(mustJSON(answer))
}

func (p *Parameters) answer(r *http.Request) (any, error) {
	if _, ok := signingKey(r, "ssm"); !ok {
		return nil, ssmError{"MissingAuthenticationToken", "Missing Authentication Token"}
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var in struct {
		Name             string
		WithDecryption   bool
		ParameterFilters []struct {
			Key, Option string
			Values      []string
		}
	}
	if err != nil || json.Unmarshal(text, &in) != nil {
		return nil, ssmError{"SerializationException", "the body is not JSON"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.Header.Get("X-Amz-Target") {
	case "AmazonSSM.GetParameter":
	case "AmazonSSM.DescribeParameters":
		if len(in.ParameterFilters) != 1 || in.ParameterFilters[0].Key != "Name" ||
			in.ParameterFilters[0].Option != "Equals" {
			return nil, ssmError{"InvalidFilterKey", "this fake knows only filters by Name with the option Equals"}
		}
		return p.describe(in.ParameterFilters[0].Values)
	default:
		return nil, ssmError{"UnknownOperationException",
			"this fake knows only GetParameter and DescribeParameters"}
	}
	if p.refused[in.Name] {
		const action = "ssm:GetParameter"
		return nil, ssmError{"AccessDeniedException", "User is not authorized to perform: " + action +
			" on resource: parameter" + in.Name + " because no identity-based policy allows the " + action + " action"}
	}
	found, ok := p.find(in.Name, in.WithDecryption)
	if !ok {
		return nil, ssmError{"ParameterNotFound", ""}
	}
	return map[string]any{"Parameter": found}, nil
}

// describe returns parameters without their values.
func (p *Parameters) describe(names []string) (any, error) {
	const action = "ssm:DescribeParameters"
	if p.refused[action] {
		return nil, ssmError{"AccessDeniedException",
			"User is not authorized to perform: " + action + " on resource: *"}
	}
	found := []any{}
	for _, name := range names {
		if stored, ok := p.stored[name]; ok {
			found = append(found, map[string]any{
				"Name": name, "Type": "SecureString", "KeyId": stored.key, "Version": stored.version,
			})
		}
	}
	return map[string]any{"Parameters": found}, nil
}

// find returns a parameter in SSM's format. Without decryption its value is a
// meaningless cipher text.
func (p *Parameters) find(name string, decrypt bool) (map[string]any, bool) {
	stored, ok := p.stored[name]
	if !ok {
		return nil, false
	}
	value := "AQICAHhsealed"
	if decrypt {
		value = stored.value
	}
	if p.reads == nil {
		p.reads = make(map[string]int)
	}
	p.reads[name]++
	return map[string]any{
		"Name": name, "Type": "SecureString", "Value": value, "Version": stored.version, "DataType": "text",
		"LastModifiedDate": float64(stored.at.UnixMilli()) / 1000,
		"ARN":              "arn:aws:ssm:" + region + ":" + account + ":parameter/" + strings.TrimPrefix(name, "/"),
	}, true
}
