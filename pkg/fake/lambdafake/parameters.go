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

// maxParameter is the size of a standard parameter that SSM takes, in bytes.
const maxParameter = 4 << 10

// Parameters plays the part of Systems Manager that functions read: SecureStrings,
// for AWS_ENDPOINT_URL_SSM. The zero value holds none.
type Parameters struct {
	mu      sync.Mutex
	held    map[string]parameter
	refused map[string]bool
	reads   map[string]int
}

type parameter struct {
	value   string
	key     string // that it lies under
	version int
	at      time.Time
}

var parameterName = regexp.MustCompile(`^(/?[a-zA-Z0-9_.-]+)(/[a-zA-Z0-9_.-]+){0,14}$`)

// Put sets a SecureString under SSM's own key. See PutUnder.
func (p *Parameters) Put(name, value string) error { return p.PutUnder("alias/aws/ssm", name, value) }

// PutUnder sets a SecureString under a key, as PutParameter with Overwrite. It
// refuses names that begin with aws or ssm, as SSM does, in any case of letters.
func (p *Parameters) PutUnder(key, name, value string) error {
	lower := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case strings.HasPrefix(lower, "aws"), strings.HasPrefix(lower, "ssm"):
		return fmt.Errorf("parameter name %s: cannot be prefixed with aws or ssm (case-insensitive)", name)
	case !parameterName.MatchString(name), strings.Contains(name[1:], "/") && !strings.HasPrefix(name, "/"):
		return fmt.Errorf("parameter name %s: letters, digits, . - _ and, if it begins with one, slashes", name)
	case value == "" || len(value) > maxParameter:
		return fmt.Errorf("parameter %s: a value is 1 to 4,096 bytes", name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[string]parameter)
	}
	p.held[name] = parameter{value: value, key: key, version: p.held[name].version + 1, at: time.Now()}
	return nil
}

// Delete removes a parameter.
func (p *Parameters) Delete(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, name)
}

// Refuse has reads of a parameter refused with AccessDenied, or no longer.
func (p *Parameters) Refuse(name string, refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused == nil {
		p.refused = make(map[string]bool)
	}
	p.refused[name] = refused
}

// Reads counts how often a value was given out.
func (p *Parameters) Reads(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reads[name]
}

// ssmError is what SSM answers instead.
type ssmError struct{ code, message string }

func (e ssmError) Error() string { return e.code + ": " + e.message }

func (p *Parameters) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := p.answer(r)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-RequestId", newID())
	if refused, ok := errors.AsType[ssmError](err); ok {
		w.WriteHeader(http.StatusBadRequest) // whatever it is
		answer = map[string]string{"__type": refused.code, "message": refused.message, "Message": refused.message}
	}
	_, _ = w.Write(mustJSON(answer))
}

func (p *Parameters) answer(r *http.Request) (any, error) {
	if _, ok := signer(r, "ssm"); !ok {
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
			return nil, ssmError{"InvalidFilterKey", "only filters by whole names are known here"}
		}
		return p.describe(in.ParameterFilters[0].Values)
	default:
		return nil, ssmError{"UnknownOperationException", "only GetParameter and DescribeParameters are known here"}
	}
	if p.refused[in.Name] {
		const action = "ssm:GetParameter"
		return nil, ssmError{"AccessDeniedException", "User is not authorized to perform: " + action + " on resource: parameter" + in.Name +
			" because no identity-based policy allows the " + action + " action"}
	}
	found, ok := p.find(in.Name, in.WithDecryption)
	if !ok {
		return nil, ssmError{"ParameterNotFound", ""}
	}
	return map[string]any{"Parameter": found}, nil
}

// describe tells of parameters what is no secret.
func (p *Parameters) describe(names []string) (any, error) {
	const action = "ssm:DescribeParameters"
	if p.refused[action] {
		return nil, ssmError{"AccessDeniedException", "User is not authorized to perform: " + action + " on resource: *"}
	}
	found := []any{}
	for _, name := range names {
		if held, ok := p.held[name]; ok {
			found = append(found, map[string]any{"Name": name, "Type": "SecureString", "KeyId": held.key,
				"Version": held.version})
		}
	}
	return map[string]any{"Parameters": found}, nil
}

// find is a parameter as SSM writes it. Without decryption the value is a
// cipher text that means nothing.
func (p *Parameters) find(name string, decrypt bool) (map[string]any, bool) {
	held, ok := p.held[name]
	if !ok {
		return nil, false
	}
	value := "AQICAHhsealed"
	if decrypt {
		value = held.value
	}
	if p.reads == nil {
		p.reads = make(map[string]int)
	}
	p.reads[name]++
	return map[string]any{
		"Name": name, "Type": "SecureString", "Value": value, "Version": held.version, "DataType": "text",
		"LastModifiedDate": float64(held.at.UnixMilli()) / 1000,
		"ARN":              "arn:aws:ssm:" + region + ":" + account + ":parameter/" + strings.TrimPrefix(name, "/"),
	}, true
}
