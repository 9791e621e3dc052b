"""Deploys template.yaml on paper, with its optional parameters off, on, and
together, and says what would not hold: a reference to something that is not there
under those parameters, a text too long for AWS, something that would be deleted
with the stack and must not. Prints what the code is to be compared with (fits).

It needs no AWS: the transform is aws-sam-translator's, the intrinsic functions are
those of infra/proof, which judges the same template's permissions.
"""

import json
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "infra" / "proof"))

from intrinsics import Resolver, Unresolved, load, parameters  # noqa: E402
from translate import transformed  # noqa: E402

PSEUDO = {
    "AWS::AccountId": "999999999999", "AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "aws-access", "AWS::StackId": "arn:aws:cloudformation:eu-west-1:999999999999:stack/aws-access/1",
}
NEEDED = {"SlackTeamId": "T01234567"}
# Every parameter that may be left out, with another value than its own.
OPTIONAL = {
    "SlackEnterpriseId": "E01234567",
    "SlackHost": "slack-gov.com",
    "OrganizationId": "o-a1b2c3d4e5",
    "OperatorsEmail": "operators@example.com",
    "ConsoleIssuer": "https://example.com/aws-access",
    "BotTokenParameter": "/jit-access/other/bot-token",
    "SigningSecretParameter": "/jit-access/other/signing-secret",
    "ExternalIdParameter": "/jit-access/other/external-id",
    "Frozen": "true",
    "ExistingTableStreamArn": "arn:aws:dynamodb:eu-west-1:999999999999:table/restored/stream/2026-11-21T12:00:00.000",
    "Architecture": "x86_64",
    "RetentionDays": "30",
    "Tracing": "Active",
    "ProvisionedConcurrency": "2",
    "KmsKeyArn": "arn:aws:kms:eu-west-1:999999999999:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "PermissionsBoundaryArn": "arn:aws:iam::999999999999:policy/boundary",
    "VpcSubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "VpcSecurityGroupIds": "sg-0123456789abcdef0",
}
TOGETHER = [{"VpcSubnetIds", "VpcSecurityGroupIds"}]  # one without the other is refused by Lambda
LONGEST = {
    "SlackTeamId": "T" + "0" * 11, "SlackEnterpriseId": "E" + "0" * 11,
    **{name: "/jit-access/" + "x" * 40 for name in ("BotTokenParameter", "SigningSecretParameter", "ExternalIdParameter")},
    "ExistingTableStreamArn": f"arn:aws:dynamodb:eu-west-1:999999999999:table/{'x' * 60}/stream/2026-11-21T12:00:00.000",
}
OUTLIVE = {"AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::KMS::Key"}  # the stack
# Name in functions/ and logical id of each function.
FUNCTIONS = {p.parent.name: p.parent.name.capitalize() + "Function" for p in pathlib.Path("functions").glob("*/main.go")}


class Wrong(Exception):
    pass


def deployments():
    yield "what must be given", NEEDED
    yield "another workspace", {"SlackTeamId": "T09999999"}
    pairs = [name for pair in TOGETHER for name in pair]
    for names in [{name} for name in OPTIONAL if name not in pairs] + TOGETHER:
        yield " and ".join(sorted(names)), NEEDED | {name: OPTIONAL[name] for name in names}
    yield "frozen while warm", NEEDED | {"Frozen": "true", "ProvisionedConcurrency": "2"}
    yield "everything", NEEDED | OPTIONAL
    yield "the longest values", NEEDED | OPTIONAL | LONGEST


class Deployment:
    def __init__(self, template, given):
        values = parameters(template["Parameters"], given)
        self.template = transformed(template, values, PSEUDO["AWS::Region"])
        self.resolver = Resolver(self.template, values, PSEUDO, self.attribute)
        there = {name for name, r in self.template["Resources"].items() if self.holds(r)}
        self.there = there
        self.resources = {name: self.resolver.resolve(self.template["Resources"][name].get("Properties", {}), name) for name in sorted(there)}
        self.outputs = {name: self.resolver.resolve(o, f"Outputs.{name}") for name, o in self.plain_outputs()}

    def holds(self, thing):
        return "Condition" not in thing or self.resolver.condition(thing["Condition"])

    def plain_outputs(self):
        for name, output in self.template["Outputs"].items():
            if self.holds(output):
                yield name, {key: value for key, value in output.items() if key != "Condition"}

    def attribute(self, name, attribute):
        """Stands for what a resource is called. One that is not there has no name."""
        if name not in self.there:
            raise Unresolved(f"{name} is not in the template" if name not in self.template["Resources"] else f"{name} is not there under these parameters")
        return name if attribute is None else f"{name}:{attribute}"

    def of(self, kind):
        return {name: self.resources[name] for name in self.there if self.template["Resources"][name]["Type"] == kind}

    def check(self):
        for name in self.there:
            resource = self.template["Resources"][name]
            keep = {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")}
            if resource["Type"] in OUTLIVE and not keep <= {"Retain", "RetainExceptOnCreate"}:
                raise Wrong(f"{name} must outlive the stack")
            wanted = resource.get("DependsOn", [])
            for other in [wanted] if isinstance(wanted, str) else wanted:
                self.attribute(other, None)
        for name, version in self.of("AWS::Lambda::Version").items():
            if len(version["Description"]) > 256:
                raise Wrong(f"the description of {name} has {len(version['Description'])} characters, and Lambda takes 256")
        for name, role in self.of("AWS::IAM::Role").items():
            if role.get("ManagedPolicyArns") or len(role["Policies"]) != 1:
                raise Wrong(f"{name} has other policies than its one")
            if len(json.dumps(role["Policies"][0]["PolicyDocument"], separators=(",", ":"))) > 10240:
                raise Wrong(f"the policy of {name} is longer than IAM takes")
        for name, board in self.of("AWS::CloudWatch::Dashboard").items():
            json.loads(board["DashboardBody"])

    def version(self):
        """What a published version of slack keeps, and what its description says. A new
        processor comes with new code, which makes a new version by itself."""
        (version,) = self.of("AWS::Lambda::Version").values()
        apart = {"Architectures", "ReservedConcurrentExecutions", "Tags"}
        return {k: v for k, v in self.resources["SlackFunction"].items() if k not in apart}, version["Description"]

    def of_the_code(self, name):
        functions = self.of("AWS::Lambda::Function")
        (mapping,) = self.of("AWS::Lambda::EventSourceMapping").values()
        return {
            "Name": name,
            "Functions": {f: functions[i]["Environment"]["Variables"] for f, i in FUNCTIONS.items()},
            "Table": self.resources.get("Table"),
            "Filters": [f["Pattern"] for f in mapping["FilterCriteria"]["Filters"]],
        }


def check_version(plain, other):
    """A parameter that changes slack's settings must reach the version that a warm stack
    runs; one that does not must not ask for another, which Lambda refuses to publish."""
    (settings, said), (other_settings, other_said) = plain.version(), other.version()
    if (settings == other_settings) != (said == other_said):
        raise Wrong("the settings of SlackFunction change with the parameter, and its VersionDescription does not" if said == other_said
                    else "the VersionDescription of SlackFunction changes with the parameter, and its settings do not")


def check_filters(template):
    """What an alarm counts in a log is what the code writes there, word for word."""
    code = "".join(path.read_text() for folder in ("functions", "pkg/vend") for path in (root / folder).glob("*.go"))
    for name, resource in template["Resources"].items():
        for text in re.findall(r'"([^"]*)"', resource["Properties"].get("FilterPattern", "")):
            if f'"{text}"' not in code:
                raise Wrong(f"{name} counts {text!r}, which no function logs")


def check_longest(template):
    """Nothing longer is taken than what is tried here."""
    for name, value in LONGEST.items():
        longer = re.sub(r"x{9,}|0{9,}", lambda run: run[0] + run[0][0], value)
        if re.fullmatch(template["Parameters"][name]["AllowedPattern"], longer):
            raise Wrong(f"parameter {name} may be longer than is tried here")


def main():
    template = load(root / "template.yaml")
    if forgotten := set(template["Parameters"]) - set(NEEDED) - set(OPTIONAL):
        sys.exit(f"template.yaml: parameters that no deployment here sets: {', '.join(sorted(forgotten))}")
    out, plain = [], None
    for name, given in deployments():
        try:
            deployment = Deployment(template, given)
            deployment.check()
            plain = plain or deployment
            check_version(plain, deployment)
            check_longest(template)
            check_filters(template)
            out.append(deployment.of_the_code(name))
        except (Unresolved, Wrong, ValueError) as problem:
            sys.exit(f"template.yaml, deployed with {name}: {problem}")
    print(f"template.yaml: {len(out)} deployments on paper hold", file=sys.stderr)
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
