// Command fits compares deployments of template.yaml, as template.py prints them, with
// the code: the environment of each function, the table, and the filter of its stream.
// It prints each difference and fails if there is one.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
)

// deployment is a deployment as template.py prints it.
type deployment struct {
	Name      string
	Functions map[config.Function]map[string]string // environment
	Table     map[string]any                        // properties; nil if the stack uses an existing table
	Devices   map[string]any                        // properties
	Filters   map[string][]string                   // of the stream mappings, by logical id
}

func main() {
	var all []deployment
	if err := json.NewDecoder(os.Stdin).Decode(&all); err != nil {
		fmt.Fprintln(os.Stderr, "read the deployments:", err)
		os.Exit(2)
	}
	wrong := 0
	for _, d := range all {
		for _, problem := range d.problems() {
			fmt.Printf("template.yaml, deployed as %q: %s\n", d.Name, problem)
			wrong++
		}
	}
	if wrong > 0 || len(all) == 0 {
		os.Exit(1)
	}
}

func (d deployment) problems() []string {
	var out []string
	for _, f := range config.Functions {
		out = append(out, environment(f.Name, d.Functions[f.Name])...)
	}
	if d.Table != nil {
		out = append(out, table("table", d.Table, dynamo.TableInput(""))...)
	}
	out = append(out, table("table of devices", d.Devices, dynamo.DevicesInput(""))...)
	filters := map[string][]string{"NotifyMapping": {store.StreamFilter}, "CutMapping": {store.CutFilter}}
	if !reflect.DeepEqual(d.Filters, filters) {
		out = append(out, fmt.Sprintf("the stream's filters are %q, but pkg/store has %q", d.Filters, filters))
	}
	return out
}

// environment returns why a function would not start with these variables, and which
// variables it does not read. An operator would believe that such a variable works.
func environment(f config.Function, variables map[string]string) []string {
	read := make(map[string]bool)
	_, err := config.Read(f, func(name string) string {
		read[name] = true
		if name == "AWS_REGION" { // set by Lambda
			return "eu-west-1"
		}
		return variables[name]
	})
	var out []string
	if err != nil {
		out = append(out, fmt.Sprintf("%s: %v", f, err))
	}
	for name := range variables {
		if !read[name] {
			out = append(out, fmt.Sprintf("%s does not read %s", f, name))
		}
	}
	return out
}

// table compares a table with the one that the tests use.
func table(name string, have map[string]any, created *dynamodb.CreateTableInput) []string {
	var out []string
	want := plain(created)
	for _, property := range []string{"BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"} {
		if one, other := sorted(have[property]), sorted(want[property]); !reflect.DeepEqual(one, other) {
			out = append(out, fmt.Sprintf("the %s's %s is %v, but %v in pkg/store/dynamo", name, property, one, other))
		}
	}
	stream, _ := have["StreamSpecification"].(map[string]any)
	wanted, _ := want["StreamSpecification"].(map[string]any)
	if stream["StreamViewType"] != wanted["StreamViewType"] {
		out = append(out, fmt.Sprintf("the %s's stream is %v", name, stream))
	}
	if ttl, _ := have["TimeToLiveSpecification"].(map[string]any); ttl["AttributeName"] != dynamo.TTLAttribute {
		out = append(out, fmt.Sprintf("the %s's time to live is %v, but pkg/store/dynamo uses %s",
			name, ttl, dynamo.TTLAttribute))
	}
	return out
}

// plain converts a value to what its JSON decodes to, without null values.
func plain(v any) map[string]any {
	text, err := json.Marshal(v)
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic(err) // cannot happen for TableInput
	}
	return bare(out).(map[string]any)
}

// bare removes null values.
func bare(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, item := range v {
			if v[name] = bare(item); item == nil {
				delete(v, name)
			}
		}
	case []any:
		for i := range v {
			v[i] = bare(v[i])
		}
	}
	return v
}

// sorted returns a list in a fixed order, because the order in the template has no
// meaning.
func sorted(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}
