package cfntest

import (
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Template is a parsed template. The short forms of functions (!Sub) are replaced by
// their long forms ({"Fn::Sub": …}).
type Template struct {
	Parameters map[string]Parameter
	conditions map[string]any
	resources  map[string]any
}

// Parameter is the declaration of a parameter.
type Parameter struct {
	Type, Default, Pattern string
	HasDefault, NoEcho     bool
	MinLength, MaxLength   int // in characters; 0 for no limit
}

// Read reads a template from a file. It refuses sections other than those of plain
// CloudFormation: Transform, Rules, Mappings, Hooks.
func Read(file string) (Template, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return Template{}, err
	}
	t, err := Parse(source)
	if err != nil {
		return Template{}, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

// Parse parses a template. It refuses what Read refuses.
func Parse(source []byte) (Template, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(source, &root); err != nil {
		return Template{}, err
	}
	if len(root.Content) != 1 {
		return Template{}, fmt.Errorf("%d documents", len(root.Content))
	}
	plain, err := convert(root.Content[0])
	if err != nil {
		return Template{}, err
	}
	sections, _ := plain.(map[string]any)
	var t Template
	for name, section := range sections {
		body, isMap := section.(map[string]any)
		switch name {
		case "AWSTemplateFormatVersion", "Description", "Metadata", "Outputs":
		case "Parameters":
			t.Parameters, err = parameters(body)
		case "Conditions":
			t.conditions = body
		case "Resources":
			t.resources = body
		default:
			return Template{}, fmt.Errorf("section %s is not known", name)
		}
		if err != nil {
			return Template{}, err
		}
		if !isMap && (name == "Parameters" || name == "Resources") {
			return Template{}, fmt.Errorf("section %s is empty", name)
		}
	}
	return t, nil
}

// convert converts YAML to the values that JSON has. It refuses anchors and aliases,
// which CloudFormation does not have.
func convert(n *yaml.Node) (any, error) {
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return nil, fmt.Errorf("line %d: anchors and aliases are not known", n.Line)
	}
	value, err := plain(n)
	if err != nil {
		return nil, err
	}
	name, short := strings.CutPrefix(n.Tag, "!")
	switch {
	case !short || strings.HasPrefix(name, "!"): // a type of YAML, such as !!str
		return value, nil
	case name == "Ref" || name == "Condition":
		return map[string]any{name: value}, nil
	case name == "GetAtt":
		logical, attribute, _ := strings.Cut(fmt.Sprint(value), ".")
		return map[string]any{"Fn::GetAtt": []any{logical, attribute}}, nil
	}
	return map[string]any{"Fn::" + name: value}, nil
}

func plain(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		return mapping(n)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, one := range n.Content {
			value, err := convert(one)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.ScalarNode:
		return scalar(n)
	}
	return nil, fmt.Errorf("line %d: unknown kind of YAML", n.Line)
}

func mapping(n *yaml.Node) (any, error) {
	body := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if _, twice := body[key]; twice || key == "<<" {
			return nil, fmt.Errorf("line %d: %s is given twice or is a merge key", n.Content[i].Line, key)
		}
		value, err := convert(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		body[key] = value
	}
	return body, nil
}

// scalar returns a string, a number or a boolean. It refuses the other types that
// YAML reads from unquoted text, such as dates and null.
func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!int", "!!bool", "!!float":
		var value any
		return value, n.Decode(&value)
	case "!!null", "!!timestamp":
		return nil, fmt.Errorf("line %d: %q is not a string without quotes", n.Line, n.Value)
	}
	return n.Value, nil
}

func parameters(section map[string]any) (map[string]Parameter, error) {
	all := map[string]Parameter{}
	for name, raw := range section {
		body, _ := raw.(map[string]any)
		p := Parameter{}
		for key, value := range body {
			switch key {
			case "Type":
				p.Type = fmt.Sprint(value)
			case "Default":
				p.Default, p.HasDefault = fmt.Sprint(value), true
			case "AllowedPattern":
				p.Pattern = fmt.Sprint(value)
			case "NoEcho":
				p.NoEcho = value == true
			case "MinLength":
				p.MinLength, _ = value.(int)
			case "MaxLength":
				p.MaxLength, _ = value.(int)
			case "Description", "ConstraintDescription":
			default:
				return nil, fmt.Errorf("parameter %s: %s is not known", name, key)
			}
		}
		if p.Type != "String" && p.Type != "CommaDelimitedList" {
			return nil, fmt.Errorf("parameter %s: type %q is not known", name, p.Type)
		}
		all[name] = p
	}
	return all, nil
}
