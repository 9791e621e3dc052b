#!/usr/bin/env python3
"""Prints the permissions that a template has after it is deployed.

    translate.py < deployments.json > policies.json

Reads a list of deployments: {"name", "template", "parameters", "pseudo"}. For
each it translates the template as CloudFormation's SAM transform does, resolves
every intrinsic in every policy, and prints the roles, the policies of resources
and the names. It needs no AWS. It fails for anything that it cannot resolve, and for
any policy that it does not know: nothing is skipped.
"""

import copy
import functools
import json
import logging
import os
import sys

import yaml

from intrinsics import Resolver, Unresolved, load, parameters
from names import Names, function_arn

SAM = "AWS::Serverless-2016-10-31"
# Properties that only policies have. A type that is not read below must have none of them.
POLICY_WORDS = {"PolicyDocument", "AssumeRolePolicyDocument", "ResourcePolicy", "KeyPolicy", "Policy", "Policies", "Statement",
                "ManagedPolicyArns", "FileSystemPolicy", "RepositoryPolicyText", "AccessPolicies"}
# type: (property that names what the policy is on, property with the document); without
# such a property, the policy is on the resource itself
RESOURCE_POLICIES = {
    "AWS::SNS::TopicPolicy": ("Topics", "PolicyDocument"),
    "AWS::SQS::QueuePolicy": ("Queues", "PolicyDocument"),
    "AWS::S3::BucketPolicy": ("Bucket", "PolicyDocument"),
    "AWS::KMS::Key": (None, "KeyPolicy"),
}
READ = {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy", *RESOURCE_POLICIES}


def transformed(template, values, region):
    """The template after the SAM transform, for one set of parameters."""
    wanted = template.get("Transform", [])
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if strange := [t for t in wanted if t != SAM]:
        raise Unresolved(f"the transform {strange[0]} is not supported here")
    if not wanted:
        return template
    os.environ["AWS_DEFAULT_REGION"] = region  # the translator takes the partition from it
    logging.disable(logging.WARNING)
    from samtranslator.translator.transform import transform

    class NoManagedPolicies:
        """No managed policy by its name alone; the roles are checked later in any case."""

        def load(self):
            return {}

    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource.setdefault("Properties", {})["CodeUri"] = "s3://bucket/key"  # `sam build` and `sam deploy` do this
    plain = {name: ",".join(v) if isinstance(v, list) else v for name, v in values.items()}
    return transform(template, plain, NoManagedPolicies())


class Deployment:
    """One template, deployed with one set of parameters."""

    def __init__(self, template, given, pseudo):
        values = parameters(template.get("Parameters", {}), given)
        self.pseudo = pseudo
        template = transformed(template, values, pseudo["AWS::Region"])
        self.names = Names({}, pseudo)
        self.resolver = self.names.resolver = Resolver(template, values, pseudo, self.names.attribute)
        for name, resource in template["Resources"].items():
            if "Condition" not in resource or self.resolver.condition(resource["Condition"]):
                self.names.resources[name] = resource
        self.resources = self.names.resources

    def of(self, *types):
        return [(name, r.get("Properties", {})) for name, r in self.resources.items() if r["Type"] in types]

    def policies(self):
        self.refuse_unknown_policies()
        return {
            "names": self.all_names(), "roles": self.roles(), "functions": self.functions(),
            "resourcePolicies": self.permissions() + self.resource_policies(),
            "routes": self.routes(), "pseudo": self.pseudo,
        }

    def refuse_unknown_policies(self):
        for name, resource in self.resources.items():
            kind = resource["Type"]
            if kind in ("AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::AccessKey", "AWS::IAM::UserToGroupAddition", "AWS::Lambda::Url"):
                raise Unresolved(f"{name}: the template may have no {kind}")
            if kind.startswith("AWS::Serverless::"):
                raise Unresolved(f"{name}: {kind} was not translated")
            if kind in READ:
                continue
            if kind.endswith(("Policy", "Permission")) and kind != "AWS::Lambda::Permission":
                raise Unresolved(f"{name}: {kind} is a policy that is not read here")
            if words := POLICY_WORDS & set(keys(resource.get("Properties", {}))):
                raise Unresolved(f"{name}: {kind} has {words.pop()}, which is not read here")

    def all_names(self):
        """Returns Ref and the known attributes of every resource."""
        out = {}
        for name in self.resources:
            for attribute in (None, *self.names.attributes(name)):
                try:
                    out[name if attribute is None else f"{name}.{attribute}"] = self.names.attribute(name, attribute)
                except Unresolved:
                    continue  # an expectation that uses this name will fail
        return out

    def roles(self):
        roles, managed = {}, {}
        for name, p in self.of("AWS::IAM::ManagedPolicy"):
            managed[self.names.attribute(name)] = {"name": name, "document": self.resolver.resolve(p["PolicyDocument"], name)}
        for name, p in self.of("AWS::IAM::Role"):
            inline = self.resolver.resolve(p.get("Policies", []), f"{name}.Policies")
            arns = self.resolver.resolve(p.get("ManagedPolicyArns", []), f"{name}.ManagedPolicyArns")
            boundary = self.resolver.resolve([p.get("PermissionsBoundary")], f"{name}.PermissionsBoundary")
            roles[name] = {
                "arn": self.names.attribute(name, "Arn"),
                "trust": self.resolver.resolve(p["AssumeRolePolicyDocument"], f"{name}.AssumeRolePolicyDocument"),
                "policies": [{"name": i["PolicyName"], "document": i["PolicyDocument"]} for i in inline]
                + [managed[arn] for arn in arns if arn in managed],
                "foreign": [arn for arn in arns if arn not in managed],
                "session": p.get("MaxSessionDuration"),
                "boundary": boundary not in ([], [None]),
                "limits": [managed[arn]["document"] for arn in boundary if arn in managed],  # the boundary, if it is in the template
            }
        self.attach(roles)
        return roles

    def attach(self, roles):
        """Adds the policies that name their roles (most roles name their policies)."""
        named = {self.names.attribute(name): role for name, role in roles.items()}
        for name, p in self.of("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy"):
            if p.get("Users") or p.get("Groups"):
                raise Unresolved(f"{name}: a policy for users or groups")
            holders = self.resolver.resolve(p.get("Roles", [p["RoleName"]] if "RoleName" in p else []), name)
            for holder in holders:
                if holder not in named:
                    raise Unresolved(f"{name}: the role {holder} is not in the template")
                named[holder]["policies"].append({"name": name, "document": self.resolver.resolve(p["PolicyDocument"], name)})

    def functions(self):
        out, named = {}, {}
        for name, p in self.of("AWS::Lambda::Function"):
            arn = self.names.attribute(name, "Arn")
            out[name] = {"arns": [arn], "role": self.resolver.resolve(p["Role"], f"{name}.Role")}
            named[arn] = out[name]
        for name, p in self.of("AWS::Lambda::Alias", "AWS::Lambda::Version"):
            function = function_arn(self.resolver.resolve(p["FunctionName"], f"{name}.FunctionName"), self.pseudo)
            named[function]["arns"].append(self.names.attribute(name))
        return out

    def permissions(self):
        """Returns each AWS::Lambda::Permission as the statement that Lambda makes of it."""
        out = []
        for name, p in self.of("AWS::Lambda::Permission"):
            p = self.resolver.resolve(p, name)
            arn = function_arn(p["FunctionName"], self.pseudo)
            conditions = {}
            for key, operator, condition in (("SourceArn", "ArnLike", "AWS:SourceArn"), ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
                                             ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
                                             ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
                                             ("EventSourceToken", "StringEquals", "lambda:EventSourceToken")):
                if key in p:
                    conditions.setdefault(operator, {})[condition] = p[key]
            if p.get("InvokedViaFunctionUrl"):
                conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
            statement = {"Effect": "Allow", "Principal": principal(p["Principal"]), "Action": p["Action"], "Resource": arn}
            out.append({"name": name, "on": [arn], "document": {
                "Version": "2012-10-17", "Statement": [statement | ({"Condition": conditions} if conditions else {})]}})
        return out

    def resource_policies(self):
        out = []
        for name, resource in self.resources.items():
            if resource["Type"] not in RESOURCE_POLICIES:
                continue
            on, document = RESOURCE_POLICIES[resource["Type"]]
            p = resource["Properties"]
            things = self.resolver.resolve(p[on], f"{name}.{on}") if on else self.names.attribute(name, "Arn")
            things = things if isinstance(things, list) else [things]
            out.append({"name": name, "on": [self.arn_of(t) for t in things], "document": self.resolver.resolve(p[document], name)})
        return out

    def arn_of(self, arn_or_name):
        """Returns the ARN of a resource that a policy names: by ARN, bucket name or queue URL."""
        if arn_or_name.startswith("arn:"):
            return arn_or_name
        for name, _ in self.of("AWS::S3::Bucket", "AWS::SQS::Queue"):
            if self.names.attribute(name) == arn_or_name:
                return self.names.attribute(name, "Arn")
        raise Unresolved(f"a policy is on {arn_or_name}, which is not in the template")

    def routes(self):
        """Returns the ARN of the function that each route of an HTTP API calls. The routes may
        be resources, or in the API's Body."""
        out, targets = [], {}
        for name, p in self.of("AWS::ApiGatewayV2::Integration"):
            targets[f"integrations/{self.names.attribute(name)}"] = called(self.resolver.resolve(p["IntegrationUri"], f"{name}.IntegrationUri"))
        for name, p in self.of("AWS::ApiGatewayV2::Route"):
            out.append({"route": p["RouteKey"], "calls": targets[self.resolver.resolve(p["Target"], f"{name}.Target")]})
        for name, p in self.of("AWS::ApiGatewayV2::Api"):
            for path, methods in p.get("Body", {}).get("paths", {}).items():
                for method, operation in methods.items():
                    uri = self.resolver.resolve(operation["x-amazon-apigateway-integration"]["uri"], f"{name} {path}")
                    out.append({"route": f"{method.upper()} {path}", "calls": called(uri)})
        return out


def called(uri):
    """Returns the function of an integration, from an ARN or from API Gateway's URI."""
    return uri.split("/functions/")[1].removesuffix("/invocations") if "/functions/" in uri else uri


def keys(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def principal(name):
    if name == "*":
        return "*"
    return {"Service": name} if "amazonaws" in name or name.endswith(".amazon.com") else {"AWS": name}


def main():
    out, read = {}, functools.cache(load)
    for d in json.load(sys.stdin):
        try:
            out[d["name"]] = Deployment(read(d["template"]), d["parameters"], d["pseudo"]).policies()
        except (Unresolved, yaml.YAMLError, KeyError, ValueError) as problem:
            sys.exit(f"{d['template']}, deployed as {d['name']}: {repr(problem) if isinstance(problem, KeyError) else problem}")
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
