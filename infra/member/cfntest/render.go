package cfntest

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Resource is a resource that CloudFormation would make. Properties has the types of
// decoded JSON.
type Resource struct {
	Type       string
	Properties map[string]any
}

// Place is where a stack is deployed.
type Place struct{ Partition, Account, Region string }

// removed is the value of AWS::NoValue. Properties and list elements with it are left
// out.
type removed struct{}

// rendering is one template with values for its parameters.
type rendering struct {
	Template
	values  map[string]any // of parameters: a string or a list of strings
	place   Place
	pending map[string]bool // conditions that are being evaluated
}

// Render returns the resources whose conditions hold, by logical id. Values have the
// form of a parameter file, with commas in lists. Render refuses unknown parameters
// and values that CloudFormation would refuse.
func (t Template) Render(place Place, values map[string]string) (map[string]Resource, error) {
	r := rendering{Template: t, values: map[string]any{}, place: place, pending: map[string]bool{}}
	for name := range values {
		if _, known := t.Parameters[name]; !known {
			return nil, fmt.Errorf("parameter %s is not declared", name)
		}
	}
	for name, p := range t.Parameters {
		value, given := values[name]
		if !given {
			value = p.Default
		}
		if !given && !p.HasDefault {
			return nil, fmt.Errorf("parameter %s: must have a value", name)
		}
		var err error
		if r.values[name], err = p.read(value); err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	return r.renderResources()
}

// read checks a value like CloudFormation: each element of a list by itself, and
// patterns against the whole value.
func (p Parameter) read(value string) (any, error) {
	one := []string{value}
	if p.Type == "CommaDelimitedList" {
		one = strings.Split(value, ",")
	}
	list := make([]any, 0, len(one))
	for _, v := range one {
		v = strings.TrimSpace(v)
		if p.Pattern != "" && !regexp.MustCompile(`\A(?:`+p.Pattern+`)\z`).MatchString(v) {
			return nil, fmt.Errorf("must match %s", p.Pattern)
		}
		list = append(list, v)
	}
	length := utf8.RuneCountInString(value)
	if length < p.MinLength || p.MaxLength > 0 && length > p.MaxLength {
		return nil, fmt.Errorf("has %d characters, must have %d to %d", length, p.MinLength, p.MaxLength)
	}
	if p.Type == "CommaDelimitedList" {
		return list, nil
	}
	return value, nil
}

func (r rendering) renderResources() (map[string]Resource, error) {
	made := map[string]Resource{}
	for id, raw := range r.resources {
		body, _ := raw.(map[string]any)
		for key := range body {
			switch key {
			case "Type", "Condition", "Properties", "DependsOn", "Metadata":
			default:
				return nil, fmt.Errorf("resource %s: %s is not known", id, key)
			}
		}
		if name, conditional := body["Condition"]; conditional {
			holds, err := r.condition(fmt.Sprint(name))
			if err != nil {
				return nil, fmt.Errorf("resource %s: %w", id, err)
			}
			if !holds {
				continue
			}
		}
		properties, err := r.resolve(body["Properties"])
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		resource := Resource{Type: fmt.Sprint(body["Type"])}
		resource.Properties, _ = properties.(map[string]any)
		made[id] = resource
	}
	return made, nil
}

// resolve replaces functions by their values.
func (r rendering) resolve(value any) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		if name, argument, ok := call(v); ok {
			return r.function(name, argument)
		}
		body := map[string]any{}
		for key, one := range v {
			resolved, err := r.resolve(one)
			if err != nil {
				return nil, err
			}
			if _, gone := resolved.(removed); !gone {
				body[key] = resolved
			}
		}
		return body, nil
	case []any:
		list := make([]any, 0, len(v))
		for _, one := range v {
			resolved, err := r.resolve(one)
			if err != nil {
				return nil, err
			}
			if _, gone := resolved.(removed); !gone {
				list = append(list, resolved)
			}
		}
		return list, nil
	}
	return value, nil
}

// call reports whether a map is a function. Condition is one if its argument is a
// string, the name of a condition. IAM's element Condition has a map instead.
func call(v map[string]any) (name string, argument any, ok bool) {
	if len(v) != 1 {
		return "", nil, false
	}
	for name, argument = range v {
		if name == "Condition" {
			_, ok = argument.(string)
			return name, argument, ok
		}
		return name, argument, name == "Ref" || strings.HasPrefix(name, "Fn::")
	}
	return "", nil, false
}
