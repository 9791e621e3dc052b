"""Resolves template.yaml as CloudFormation would, with each optional parameter off
and on, and with all of them together. It fails for a reference to something that
does not exist with those parameters, for a text that is too long for AWS, and for a
resource that would be deleted with the stack but must not be. It prints what .ci/tools/fits
compares with the code.

It needs no AWS: the transform is aws-sam-translator's, and the intrinsic functions are
those of infra/proof, which checks the permissions of the same template.
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
    "AWS::AccountId": "999999999999", "AWS::Partition": "aws", "AWS::Region": "eu-west-1",
    "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "aws-access",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:999999999999:stack/aws-access/1",
}
REQUIRED = {"SlackTeamId": "T01234567"}
# Every optional parameter, with a value other than its default.
OPTIONAL = {
    "SlackEnterpriseId": "E01234567",
    "SlackHost": "slack-gov.com",
    "OrganizationId": "o-a1b2c3d4e5",
    "OperatorsEmail": "operators@example.com",
    "ConsoleIssuer": "https://example.com/aws-access",
    "ExactExpiry": "required",
    "BotTokenParameter": "/jit-access/other/bot-token",
    "SigningSecretParameter": "/jit-access/other/signing-secret",
    "ExternalIdParameter": "/jit-access/other/external-id",
    "AnswerKeyParameter": "/jit-access/other/answer-key",
    "CommandUrl": "https://access.example.com/v1 https://old.example.com/base/v1",
    "ApiConcurrency": "0",
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
TOGETHER = [{"VpcSubnetIds", "VpcSecurityGroupIds"}]  # Lambda refuses one without the other
LONGEST = {
    "SlackTeamId": "T" + "0" * 11, "SlackEnterpriseId": "E" + "0" * 11,
    **{name: "/jit-access/" + "x" * 40
       for name in ("BotTokenParameter", "SigningSecretParameter", "ExternalIdParameter")},
    "ExistingTableStreamArn":
        f"arn:aws:dynamodb:eu-west-1:999999999999:table/{'x' * 60}/stream/2026-11-21T12:00:00.000",
}
# Types of resources that must outlive the stack.
OUTLIVE = {"AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::KMS::Key"}
# Logical id of each function by its name in functions/.
FUNCTIONS = {p.parent.name: p.parent.name.capitalize() + "Function" for p in pathlib.Path("functions").glob("*/main.go")}


class Wrong(Exception):
    """A deployment that would fail, or that breaks a rule of this repository."""


def deployments():
    yield "only the required parameters", REQUIRED
    yield "another workspace", {"SlackTeamId": "T09999999"}
    pairs = [name for pair in TOGETHER for name in pair]
    for names in [{name} for name in OPTIONAL if name not in pairs] + TOGETHER:
        yield " and ".join(sorted(names)), REQUIRED | {name: OPTIONAL[name] for name in names}
    yield "frozen while warm", REQUIRED | {"Frozen": "true", "ProvisionedConcurrency": "2"}
    yield "everything", REQUIRED | OPTIONAL
    yield "the longest values", REQUIRED | OPTIONAL | LONGEST


class Deployment:
    def __init__(self, template, given):
        values = parameters(template["Parameters"], given)
        self.template = transformed(template, values, PSEUDO["AWS::Region"])
        self.resolver = Resolver(self.template, values, PSEUDO, self.attribute)
        self.present = {name for name, r in self.template["Resources"].items() if self.holds(r)}
        self.resources = {
            name: self.resolver.resolve(self.template["Resources"][name].get("Properties", {}), name)
            for name in sorted(self.present)
        }
        self.outputs = {name: self.resolver.resolve(o, f"Outputs.{name}") for name, o in self.plain_outputs()}

    def holds(self, thing):
        return "Condition" not in thing or self.resolver.condition(thing["Condition"])

    def plain_outputs(self):
        for name, output in self.template["Outputs"].items():
            if self.holds(output):
                yield name, {key: value for key, value in output.items() if key != "Condition"}

    def attribute(self, name, attribute):
        """Returns a placeholder for the name of a resource, if the resource exists."""
        if name not in self.template["Resources"]:
            raise Unresolved(f"{name} is not in the template")
        if name not in self.present:
            raise Unresolved(f"{name} does not exist with these parameters")
        return name if attribute is None else f"{name}:{attribute}"

    def of(self, kind):
        return {name: self.resources[name] for name in self.present
                if self.template["Resources"][name]["Type"] == kind}

    def check(self):
        for name in self.present:
            resource = self.template["Resources"][name]
            keep = {resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")}
            if resource["Type"] in OUTLIVE and not keep <= {"Retain", "RetainExceptOnCreate"}:
                raise Wrong(f"{name} must outlive the stack")
            wanted = resource.get("DependsOn", [])
            for other in [wanted] if isinstance(wanted, str) else wanted:
                self.attribute(other, None)
        for name, version in self.of("AWS::Lambda::Version").items():
            if len(version["Description"]) > 256:
                raise Wrong(f"the description of {name} is longer than the 256 characters that Lambda allows")
        for name, role in self.of("AWS::IAM::Role").items():
            if role.get("ManagedPolicyArns") or len(role["Policies"]) != 1:
                raise Wrong(f"{name} must have exactly one inline policy and no managed policy")
            if len(json.dumps(role["Policies"][0]["PolicyDocument"], separators=(",", ":"))) > 10240:
                raise Wrong(f"the policy of {name} is longer than IAM allows")
        for name, board in self.of("AWS::CloudWatch::Dashboard").items():
            json.loads(board["DashboardBody"])

    def version(self):
        """Returns the settings that a published version of slack keeps, and its description.
        The architecture is left out: another one needs new code, which makes a new version
        by itself."""
        (version,) = self.of("AWS::Lambda::Version").values()
        ignored = {"Architectures", "ReservedConcurrentExecutions", "Tags"}
        return {k: v for k, v in self.resources["SlackFunction"].items() if k not in ignored}, version["Description"]

    def for_fits(self, name):
        """Returns what .ci/tools/fits compares with the code."""
        functions = self.of("AWS::Lambda::Function")
        return {
            "Name": name,
            "Functions": {f: functions[i]["Environment"]["Variables"] for f, i in FUNCTIONS.items()},
            "Table": self.resources.get("Table"),
            "Devices": self.resources["DevicesTable"],
            "Filters": {name: [f["Pattern"] for f in mapping["FilterCriteria"]["Filters"]]
                        for name, mapping in self.of("AWS::Lambda::EventSourceMapping").items()},
        }


def check_version(plain, other):
    """A parameter that changes slack's settings must change the description of its version
    too, so that a stack with provisioned concurrency gets a new version. A parameter that
    changes no setting must not change it, because Lambda refuses to publish such a version."""
    (settings, description), (other_settings, other_description) = plain.version(), other.version()
    if settings != other_settings and description == other_description:
        raise Wrong("the settings of SlackFunction change with the parameter, but its VersionDescription does not")
    if settings == other_settings and description != other_description:
        raise Wrong("the VersionDescription of SlackFunction changes with the parameter, but its settings do not")


def check_filters(template):
    """The text that an alarm counts in a log must be exactly a text that the code logs."""
    code = "".join(path.read_text() for folder in ("functions", "pkg/vend", "pkg/relay") for path in (root / folder).glob("*.go"))
    for name, resource in template["Resources"].items():
        for text in re.findall(r'"([^"]*)"', resource["Properties"].get("FilterPattern", "")):
            if f'"{text}"' not in code:
                raise Wrong(f"{name} counts {text!r}, but no function logs it")


def check_longest(template):
    """LONGEST must hold the longest values that the template accepts."""
    for name, value in LONGEST.items():
        longer = re.sub(r"x{9,}|0{9,}", lambda run: run[0] + run[0][0], value)
        if re.fullmatch(template["Parameters"][name]["AllowedPattern"], longer):
            raise Wrong(f"parameter {name} accepts a longer value than LONGEST has")


def main():
    template = load(root / "template.yaml")
    if forgotten := set(template["Parameters"]) - set(REQUIRED) - set(OPTIONAL):
        sys.exit(f"template.yaml: no deployment of template.py sets the parameters {', '.join(sorted(forgotten))}")
    out, plain = [], None
    for name, given in deployments():
        try:
            deployment = Deployment(template, given)
            deployment.check()
            plain = plain or deployment
            check_version(plain, deployment)
            check_longest(template)
            check_filters(template)
            out.append(deployment.for_fits(name))
        except (Unresolved, Wrong, ValueError) as problem:
            sys.exit(f"template.yaml, deployed with {name}: {problem}")
    print(f"template.yaml: {len(out)} deployments resolved", file=sys.stderr)
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
