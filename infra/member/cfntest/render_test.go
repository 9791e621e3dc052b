package cfntest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `
Parameters:
  Name: {Type: String, Default: x, AllowedPattern: "[a-z]*", MaxLength: 3}
  List: {Type: CommaDelimitedList, Default: ""}
Conditions:
  Named: !Not [!Equals [!Ref Name, ""]]
  Listed: !Not [!Equals [!Join ["", !Ref List], ""]]
  Both: !And [!Condition Named, !Condition Listed]
  Either: !Or [!Condition Named, !Condition Listed]
Resources:
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Condition: Either
    Properties: {ManagedPolicyName: !Sub "p-${Name}", Path: /p/}
  Other:
    Type: AWS::IAM::Role
    Condition: Both
    Properties:
      Arn: !Ref Policy
      All: !Split [",", !Join [",", [!Sub "${AWS::Partition}", !Join [",", !Ref List]]]]
      Gone: !If [Named, !Ref AWS::NoValue, kept]
      Some: [!If [Listed, !Ref AWS::NoValue, kept], rest]
      Condition: {Bool: {aws:SecureTransport: "true"}}
      Number: 3600
`

func TestFunctionsAreResolved(t *testing.T) {
	template, err := Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Render(Place{Partition: "aws", Account: "111111111111"}, map[string]string{"List": "a, b"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Resource{
		"Policy": {"AWS::IAM::ManagedPolicy", map[string]any{"ManagedPolicyName": "p-x", "Path": "/p/"}},
		"Other": {"AWS::IAM::Role", map[string]any{
			"Arn": "arn:aws:iam::111111111111:policy/p/p-x", "All": []any{"aws", "a", "b"}, "Some": []any{"rest"},
			"Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "true"}}, "Number": 3600,
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err = template.Render(Place{}, map[string]string{"Name": ""}); err != nil || len(got) != 0 {
		t.Errorf("without name and list: %v, %v", got, err)
	}
}

func TestUnknownPartsOfATemplateAreRefused(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"!Sub \"p-${Name}\"", "!Sub [a, {}]", "the argument is not a string"},
		{"!Sub \"p-${Name}\"", "!Sub \"${Nobody}\"", "reference to Nobody"},
		{"!Sub \"p-${Name}\"", "!Sub \"${List}\"", "the value of ${List} is not a string"},
		{"!Sub \"p-${Name}\"", "!ImportValue x", "Fn::ImportValue is not known"},
		{"Condition: Both", "Condition: Nobody", "condition Nobody"},
		{"!Condition Listed]\n  Either", "!Condition Both]\n  Either", "refers to itself"},
		{"Condition: Both", "DeletionPolicy: Retain", "DeletionPolicy is not known"},
		{"Default: x", "Default: X", "parameter Name: must match"},
		{"Default: x", "Default: xxxx", "parameter Name: has 4 characters"},
		{"Type: CommaDelimitedList", "Type: AWS::SSM::Parameter::Value", "parameter List: type"},
		{"Path: /p/}", "Path: 2012-10-17}", "is not a string"},
		{"Path: /p/}", "Path: /p/, Path: /q/}", "given twice"},
		{"\nResources:", "\nTransform: x\nResources:", "section Transform"},
		{"\nResources:", "\nMappings: {}\nResources:", "section Mappings"},
		{"Path: /p/}", "Path: !Transform {Name: AWS::Include}}", "Fn::Transform is not known"},
		{"Path: /p/}", "Path: &a /p/}", "anchors and aliases"},
	} {
		if !strings.Contains(sample, c.from) {
			t.Fatalf("the sample does not contain %q", c.from)
		}
		template, err := Parse([]byte(strings.Replace(sample, c.from, c.to, 1)))
		if err == nil {
			_, err = template.Render(Place{Partition: "aws"}, map[string]string{"List": "a"})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.to, err, c.want)
		}
	}
}
