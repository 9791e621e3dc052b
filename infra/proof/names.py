"""The names of resources as CloudFormation's Ref and GetAtt return them.

If a template gives no name, CloudFormation generates one. This module does the same,
with a suffix that no policy can guess.
"""

from intrinsics import Unresolved

GENERATED = "1A2B3C4D5E6F"
REGION = "arn:{partition}:{service}:{region}:{account}:"

# type: (property with the name, value of Ref, {attribute: value of GetAtt})
# {name} is the resource's own name, {arn} the ARN of the service up to the account.
KINDS = {
    "AWS::Lambda::Function": ("FunctionName", "{name}", {"Arn": REGION + "function:{name}"}),
    "AWS::DynamoDB::Table": ("TableName", "{name}", {
        "Arn": REGION + "table/{name}", "StreamArn": REGION + "table/{name}/stream/2026-01-01T00:00:00.000"}),
    "AWS::IAM::Role": ("RoleName", "{name}", {
        "Arn": "arn:{partition}:iam::{account}:role{path}{name}", "RoleId": "AROA{name}"}),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "arn:{partition}:iam::{account}:policy{path}{name}", {}),
    "AWS::SNS::Topic": ("TopicName", REGION + "{name}", {"TopicArn": REGION + "{name}", "TopicName": "{name}"}),
    "AWS::SQS::Queue": ("QueueName", "https://sqs.{region}.amazonaws.com/{account}/{name}", {
        "Arn": REGION + "{name}", "QueueName": "{name}"}),
    "AWS::S3::Bucket": ("BucketName", "{name}", {"Arn": "arn:{partition}:s3:::{name}"}),
    "AWS::Logs::LogGroup": ("LogGroupName", "{name}", {"Arn": REGION + "log-group:{name}:*"}),
    "AWS::Events::Rule": ("Name", "{name}", {"Arn": REGION + "rule/{name}"}),
    "AWS::Events::EventBus": ("Name", "{name}", {"Arn": REGION + "event-bus/{name}", "Name": "{name}"}),
    "AWS::Scheduler::Schedule": ("Name", "{name}", {"Arn": REGION + "schedule/default/{name}"}),
    "AWS::Scheduler::ScheduleGroup": ("Name", "{name}", {"Arn": REGION + "schedule-group/{name}"}),
    "AWS::KMS::Key": (None, "{name}", {"Arn": REGION + "key/{name}", "KeyId": "{name}"}),
    "AWS::ApiGatewayV2::Api": (None, "{name}", {"ApiId": "{name}", "ApiEndpoint": "https://{name}.execute-api.{region}.amazonaws.com"}),
    "AWS::SSM::Parameter": ("Name", "{name}", {}),
    "AWS::ApiGatewayV2::Integration": (None, "{name}", {}),
    "AWS::ApiGatewayV2::Stage": ("StageName", "{name}", {}),
    "AWS::CloudWatch::Alarm": ("AlarmName", "{name}", {"Arn": REGION + "alarm:{name}"}),
    "AWS::EC2::SecurityGroup": (None, "sg-{name}", {"GroupId": "sg-{name}"}),
}
SERVICES = {"Lambda": "lambda", "DynamoDB": "dynamodb", "SNS": "sns", "SQS": "sqs", "Logs": "logs", "Events": "events",
            "Scheduler": "scheduler", "KMS": "kms", "CloudWatch": "cloudwatch"}


class Names:
    """The names of a template's resources in one deployment."""

    def __init__(self, resources, pseudo):
        self.resources, self.pseudo = resources, pseudo
        self.resolver = None  # set later: the resolver and the names need each other

    def attributes(self, resource):
        """Returns the known attributes of a resource."""
        return KINDS.get(self.resources[resource]["Type"], (None, None, {}))[2]

    def attribute(self, resource, attribute=None):
        if resource not in self.resources:
            raise Unresolved(f"there is no {resource} in this deployment")
        kind = self.resources[resource]["Type"]
        if kind == "AWS::Lambda::Alias":
            return self._qualified(resource, "Name", attribute, ("AliasArn",))
        if kind == "AWS::Lambda::Version":
            return "1" if attribute == "Version" else self._qualified(resource, None, attribute, ("FunctionArn",))
        if kind not in KINDS:
            raise Unresolved(f"the name of {kind} is not known here")
        _, ref, attributes = KINDS[kind]
        if attribute is not None and attribute not in attributes:
            raise Unresolved(f"{resource}.{attribute} is not known here")
        return self._fill(resource, ref if attribute is None else attributes[attribute])

    def _fill(self, resource, pattern):
        properties = self.resources[resource].get("Properties", {})
        kind = self.resources[resource]["Type"]
        given = KINDS[kind][0]
        name = f"{self.pseudo['AWS::StackName']}-{resource}-{GENERATED}"
        if given in properties:
            name = self.resolver.resolve(properties[given], f"{resource}.{given}")
        elif kind.startswith(("AWS::S3", "AWS::ApiGatewayV2")):
            name = name.lower()
        path = self.resolver.resolve(properties.get("Path", "/"), f"{resource}.Path") if "{path}" in pattern else "/"
        return pattern.format(
            name=name, path=path, service=SERVICES.get(kind.split("::")[1], ""),
            partition=self.pseudo["AWS::Partition"], region=self.pseudo["AWS::Region"], account=self.pseudo["AWS::AccountId"])

    def _qualified(self, resource, qualifier, attribute, known):
        """Returns the ARN of a version or an alias: the function's ARN with a qualifier."""
        if attribute is not None and attribute not in known:
            raise Unresolved(f"{resource}.{attribute} is not known here")
        properties = self.resources[resource]["Properties"]
        function = function_arn(self.resolver.resolve(properties["FunctionName"], f"{resource}.FunctionName"), self.pseudo)
        return f"{function}:{self.resolver.resolve(properties[qualifier], resource) if qualifier else '1'}"


def function_arn(name, pseudo):
    """Returns a function's ARN for a name or an ARN, both with or without a qualifier."""
    if name.startswith("arn:"):
        return name
    return REGION.format(partition=pseudo["AWS::Partition"], service="lambda", region=pseudo["AWS::Region"],
                         account=pseudo["AWS::AccountId"]) + "function:" + name
