"""Tests of what the translation must do, and of what it must refuse rather than guess."""

import os
import tempfile
import unittest

from intrinsics import Unresolved, load
from translate import Deployment

PSEUDO = {
    "AWS::AccountId": "111111111111", "AWS::Region": "eu-west-1", "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "s",
}

HEAD = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Name: {Type: String, Default: ""}
  Many: {Type: CommaDelimitedList, Default: "a,b"}
  Digits: {Type: String, Default: "1", AllowedPattern: "^[0-9]+$"}
Conditions:
  Named: !Not [!Equals [!Ref Name, ""]]
Mappings: {Map: {a: {b: found}}}
Resources:
  Table: {Type: AWS::DynamoDB::Table}
  Log: {Type: AWS::Logs::LogGroup}
"""

ROLE = """
  Role:
    Type: AWS::IAM::Role
    Properties:
      Path: /p/
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: one
          PolicyDocument:
            Version: 2012-10-17
            Statement: [{Effect: Allow, Action: "x:Y", Resource: %s}]
"""


def deployed(text, **given):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "template.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEAD + text)
        return Deployment(load(path), given, PSEUDO).policies()


def resource(value, **given):
    role = deployed(ROLE % value, **given)["roles"]["Role"]
    return role["policies"][0]["document"]["Statement"][0]["Resource"]


class Resolves(unittest.TestCase):
    def test_intrinsics(self):
        table = "arn:aws:dynamodb:eu-west-1:111111111111:table/s-Table-1A2B3C4D5E6F"
        for value, want in {
            "!GetAtt Table.Arn": table,
            '!Sub "${Table.Arn}/index/*"': table + "/index/*",
            '!Sub ["${A}-${Name}-${!aws:username}", {A: !Ref AWS::Region}]': "eu-west-1-n-${aws:username}",
            "!GetAtt Log.Arn": "arn:aws:logs:eu-west-1:111111111111:log-group:s-Log-1A2B3C4D5E6F:*",
            '!Join ["-", [x, !Ref Name, !Select [1, !Ref Many]]]': "x-n-b",
            '!Select [0, !Split ["/", one/two]]': "one",
            "!If [Named, [!Ref Name, !Ref AWS::NoValue], nothing]": ["n"],
            "!FindInMap [Map, a, b]": "found",
        }.items():
            with self.subTest(value):
                self.assertEqual(resource(value, Name="n"), want)

    def test_a_date_stays_text_and_the_arn_contains_the_path(self):
        role = deployed(ROLE % '"*"')["roles"]["Role"]
        self.assertEqual(role["trust"]["Version"], "2012-10-17")
        self.assertEqual(role["arn"], "arn:aws:iam::111111111111:role/p/s-Role-1A2B3C4D5E6F")

    def test_resources_added_by_sam_are_included(self):
        out = deployed("""
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
      Policies: [{Statement: [{Effect: Allow, Action: "x:Y", Resource: "*"}]}]
      Events: {A: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}, B: {Type: HttpApi, Properties: {Path: /x, Method: POST}}}
""")
        role = out["roles"]["FRole"]
        self.assertEqual(out["functions"]["F"]["role"], role["arn"])
        self.assertEqual(role["policies"][0]["document"]["Statement"][0]["Action"], "x:Y")
        self.assertIn("service-role/AWSLambdaBasicExecutionRole", role["foreign"][0])
        principals = [p["document"]["Statement"][0]["Principal"]["Service"] for p in out["resourcePolicies"]]
        self.assertEqual(sorted(principals), ["apigateway.amazonaws.com", "events.amazonaws.com"])
        self.assertEqual(out["routes"], [{"route": "POST /x", "calls": out["functions"]["F"]["arns"][0]}])

    def test_the_policy_of_a_key_is_on_this_key(self):
        out = deployed("""
  Key:
    Type: AWS::KMS::Key
    Properties: {KeyPolicy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: "*", Action: "kms:Decrypt", Resource: "*"}]}}
""")
        (policy,) = out["resourcePolicies"]
        self.assertEqual(policy["on"], ["arn:aws:kms:eu-west-1:111111111111:key/s-Key-1A2B3C4D5E6F"])
        self.assertEqual(policy["document"]["Statement"][0]["Action"], "kms:Decrypt")


class Refuses(unittest.TestCase):
    def refused(self, text, why, **given):
        with self.assertRaisesRegex(Unresolved, why):
            deployed(text, **given)

    def test_values_that_it_cannot_resolve(self):
        for value, why in {
            "!ImportValue other": "Fn::ImportValue is not resolved",
            "!GetAtt Nothing.Arn": "there is no Nothing",
            "!GetAtt Table.Surprise": "Table.Surprise is not known",
            '!Sub "${aws:username}"': "there is no aws:username",
            '"{{resolve:ssm:/name}}"': "dynamic reference",
            '!Select [7, [a]]': "no item 7",
            "{Ref: Table, Also: this}": "Ref beside other keys",
        }.items():
            with self.subTest(value):
                self.refused(ROLE % value, why)

    def test_invalid_parameters(self):
        self.refused(ROLE % '"*"', "not of the form", Digits="x")
        self.refused(ROLE % '"*"', "no such parameter: Digit", Digit="1")

    def test_policies_that_it_does_not_read(self):
        for resource_, why in {
            "{Type: AWS::IAM::User}": "may have no AWS::IAM::User",
            "{Type: AWS::Lambda::Url, Properties: {AuthType: NONE, TargetFunctionArn: x}}": "may have no AWS::Lambda::Url",
            "{Type: AWS::Logs::ResourcePolicy, Properties: {PolicyName: x}}": "AWS::Logs::ResourcePolicy is a policy",
            "{Type: AWS::KMS::ReplicaKey, Properties: {KeyPolicy: {}}}": "KeyPolicy, which is not read",
            "{Type: AWS::DynamoDB::Table, Properties: {ResourcePolicy: {}}}": "ResourcePolicy, which is not read",
        }.items():
            with self.subTest(resource_):
                self.refused(f"  X: {resource_}\n", why)

    def test_a_duplicate_condition(self):
        self.refused(ROLE % '"*", Condition: {StringEquals: {a: b}, StringEquals: {c: d}}', "StringEquals occurs twice")


if __name__ == "__main__":
    unittest.main(verbosity=0)
