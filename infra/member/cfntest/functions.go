package cfntest

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// function returns the value of a function.
func (r rendering) function(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return r.reference(fmt.Sprint(argument))
	case "Condition", "Fn::Not", "Fn::And", "Fn::Or", "Fn::Equals":
		return r.evaluate(map[string]any{name: argument})
	case "Fn::Sub":
		return r.substitute(argument)
	case "Fn::If":
		return r.choose(argument)
	case "Fn::Join":
		return r.join(argument)
	case "Fn::Split":
		return r.split(argument)
	}
	return nil, fmt.Errorf("function %s is not known", name)
}

// reference returns the value of Ref: of a parameter, a pseudo parameter, or a managed
// policy, whose Ref is its ARN.
func (r rendering) reference(name string) (any, error) {
	if value, ok := r.values[name]; ok {
		return value, nil
	}
	switch name {
	case "AWS::NoValue":
		return removed{}, nil
	case "AWS::Partition":
		return r.place.Partition, nil
	case "AWS::AccountId":
		return r.place.Account, nil
	case "AWS::Region":
		return r.place.Region, nil
	}
	body, _ := r.resources[name].(map[string]any)
	if body["Type"] != "AWS::IAM::ManagedPolicy" {
		return nil, fmt.Errorf("reference to %s is not known", name)
	}
	properties, err := r.resolve(body["Properties"])
	if err != nil {
		return nil, err
	}
	p := properties.(map[string]any)
	return fmt.Sprintf("arn:%s:iam::%s:policy%s%s",
		r.place.Partition, r.place.Account, p["Path"], p["ManagedPolicyName"]), nil
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

func (r rendering) substitute(argument any) (any, error) {
	text, ok := argument.(string)
	if !ok {
		return nil, fmt.Errorf("Fn::Sub: the argument is not a string")
	}
	var failed error
	text = variable.ReplaceAllStringFunc(text, func(match string) string {
		value, err := r.reference(match[2 : len(match)-1])
		if s, isText := value.(string); err == nil && isText {
			return s
		}
		failed = fmt.Errorf("the value of %s is not a string: %w", match, err)
		return ""
	})
	return text, failed
}

func (r rendering) choose(argument any) (any, error) {
	list, _ := argument.([]any)
	if len(list) != 3 {
		return nil, fmt.Errorf("Fn::If with %d arguments", len(list))
	}
	holds, err := r.condition(fmt.Sprint(list[0]))
	if err != nil {
		return nil, err
	}
	if holds {
		return r.resolve(list[1])
	}
	return r.resolve(list[2])
}

// pair resolves the two arguments of Join and Split.
func (r rendering) pair(argument any) (separator string, second any, err error) {
	list, _ := argument.([]any)
	if len(list) != 2 {
		return "", nil, fmt.Errorf("got %v, want two arguments", argument)
	}
	second, err = r.resolve(list[1])
	return fmt.Sprint(list[0]), second, err
}

func (r rendering) join(argument any) (any, error) {
	separator, second, err := r.pair(argument)
	if err != nil {
		return nil, err
	}
	list, ok := second.([]any)
	if !ok {
		return nil, fmt.Errorf("Fn::Join: %v is not a list", second)
	}
	texts := make([]string, 0, len(list))
	for _, one := range list {
		s, ok := one.(string)
		if !ok {
			return nil, fmt.Errorf("Fn::Join: %v is not a string", one)
		}
		texts = append(texts, s)
	}
	return strings.Join(texts, separator), nil
}

func (r rendering) split(argument any) (any, error) {
	separator, second, err := r.pair(argument)
	if err != nil {
		return nil, err
	}
	text, ok := second.(string)
	if !ok {
		return nil, fmt.Errorf("Fn::Split: %v is not a string", second)
	}
	list := []any{}
	for _, one := range strings.Split(text, separator) {
		list = append(list, one)
	}
	return list, nil
}

// condition evaluates a condition by its name.
func (r rendering) condition(name string) (bool, error) {
	body, ok := r.conditions[name]
	if !ok || r.pending[name] {
		return false, fmt.Errorf("condition %s does not exist, or refers to itself", name)
	}
	r.pending[name] = true
	defer delete(r.pending, name)
	return r.evaluate(body)
}

// evaluate evaluates the body of a condition.
func (r rendering) evaluate(body any) (bool, error) {
	m, _ := body.(map[string]any)
	name, argument, ok := call(m)
	if !ok {
		return false, fmt.Errorf("%v is not a condition", body)
	}
	if name == "Condition" {
		return r.condition(fmt.Sprint(argument))
	}
	list, _ := argument.([]any)
	if name == "Fn::Equals" {
		return r.equal(list)
	}
	var got []bool
	for _, one := range list {
		holds, err := r.evaluate(one)
		if err != nil {
			return false, err
		}
		got = append(got, holds)
	}
	switch {
	case name == "Fn::Not" && len(got) == 1:
		return !got[0], nil
	case name == "Fn::And" && len(got) > 1:
		return all(got, true), nil
	case name == "Fn::Or" && len(got) > 1:
		return !all(got, false), nil
	}
	return false, fmt.Errorf("%s with %d arguments is not known", name, len(got))
}

func (r rendering) equal(list []any) (bool, error) {
	if len(list) != 2 {
		return false, fmt.Errorf("Fn::Equals with %d arguments", len(list))
	}
	both, err := r.resolve(list)
	if err != nil {
		return false, err
	}
	pair := both.([]any)
	return len(pair) == 2 && reflect.DeepEqual(pair[0], pair[1]), nil
}

// all reports whether all values are want.
func all(got []bool, want bool) bool {
	for _, b := range got {
		if b != want {
			return false
		}
	}
	return true
}
