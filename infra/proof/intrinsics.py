"""Resolves CloudFormation's intrinsic functions for given parameters, without AWS.

It refuses (Unresolved) everything that it does not know: a policy with an unresolved
value must not be checked as if the value were harmless.
"""

import re

import yaml

NO_VALUE = object()


class Unresolved(Exception):
    """A value that only CloudFormation knows, or an invalid template."""


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML with CloudFormation's tags, as cfn-lint reads it. Dates stay text, such as a policy's Version."""


def _tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {"Fn::" + suffix: value}


def _mapping(loader, node):
    """Refuses duplicate keys: the last one would silently replace the others, for example a condition."""
    keys = [key.value for key, _ in node.value]
    if doubles := {key for key in keys if keys.count(key) > 1}:
        raise Unresolved(f"line {node.start_mark.line + 1}: the key {doubles.pop()} occurs twice")
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", _tagged)
Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
Loader.yaml_implicit_resolvers = {
    first: [(tag, match) for tag, match in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader)  # noqa: S506 - Loader is a SafeLoader


def parameters(declared, given):
    """Returns the value of every parameter, or raises Unresolved if a value is not allowed."""
    if strangers := set(given) - set(declared):
        raise Unresolved(f"no such parameter: {', '.join(sorted(strangers))}")
    values = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.get("Default"))
        if value is None:
            raise Unresolved(f"parameter {name} needs a value")
        value = str(value)
        if parameter["Type"].startswith(("AWS::SSM::", "List<AWS::SSM::")):
            raise Unresolved(f"parameter {name} is read from SSM at deployment")
        if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
            raise Unresolved(f"parameter {name}: {value!r} is not of the form {parameter['AllowedPattern']}")
        if "AllowedValues" in parameter and value not in map(str, parameter["AllowedValues"]):
            raise Unresolved(f"parameter {name}: {value!r} is not one of {parameter['AllowedValues']}")
        listed = parameter["Type"] == "CommaDelimitedList" or parameter["Type"].startswith("List<")
        values[name] = value.split(",") if listed else value
    return values


class Resolver:
    """The values of one template, deployed with these parameters.

    attribute(logical id, name or None for Ref) returns the name of a resource.
    """

    def __init__(self, template, values, pseudo, attribute):
        self.values = {**values, **pseudo}
        self.conditions = template.get("Conditions", {})
        self.mappings = template.get("Mappings", {})
        self.attribute = attribute

    def resolve(self, value, where):
        out = self._resolve(value, where)
        if out is NO_VALUE:
            raise Unresolved(f"{where}: there is no value")
        return out

    def _resolve(self, value, where):
        if isinstance(value, list):
            items = [self._resolve(item, f"{where}[{i}]") for i, item in enumerate(value)]
            return [item for item in items if item is not NO_VALUE]
        if isinstance(value, str) and "{{resolve:" in value:
            raise Unresolved(f"{where}: a dynamic reference: {value}")
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), = value.items()
            if name == "Ref":
                return self._ref(argument, where)
            # "Condition" is a reference only among conditions; in a policy it belongs to the statement.
            if name.startswith("Fn::"):
                return self._function(name, argument, where)
        if strange := [key for key in value if key == "Ref" or str(key).startswith("Fn::")]:
            raise Unresolved(f"{where}: {strange[0]} beside other keys")
        items = {key: self._resolve(item, f"{where}.{key}") for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not NO_VALUE}

    def _ref(self, name, where):
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.values:
            return self.values[name]
        return self._named(name, None, where)

    def _named(self, resource, attribute, where):
        try:
            return self.attribute(resource, attribute)
        except Unresolved as problem:
            raise Unresolved(f"{where}: {problem}") from None

    def _function(self, name, argument, where):
        if name == "Fn::If":
            condition, yes, no = argument
            return self._resolve(yes if self.condition(condition) else no, where)
        if name == "Fn::Sub":
            return self._sub(argument, where)
        if name == "Fn::GetAtt":
            resource, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
            return self._named(resource, self.resolve(attribute, where), where)
        if name == "Fn::Join":
            separator, parts = argument
            return separator.join(self._texts(parts, where))
        if name == "Fn::Split":
            separator, text = argument
            return self._text(text, where).split(separator)
        if name == "Fn::Select":
            index, items = argument
            items, index = self.resolve(items, where), int(self.resolve(index, where))
            if index not in range(len(items)):
                raise Unresolved(f"{where}: there is no item {index}")
            return items[index]
        if name == "Fn::FindInMap":
            first, second, third = self.resolve(argument, where)
            try:
                return self.mappings[first][second][third]
            except KeyError:
                raise Unresolved(f"{where}: {first} has no {second}.{third}") from None
        raise Unresolved(f"{where}: {name} is not resolved here")

    def _text(self, value, where):
        out = self.resolve(value, where)
        if not isinstance(out, (str, int)) or isinstance(out, bool):
            raise Unresolved(f"{where}: wants text, is {out!r}")
        return str(out)

    def _texts(self, values, where):
        out = self.resolve(values, where)
        if not isinstance(out, list):
            raise Unresolved(f"{where}: wants a list, is {out!r}")
        return [self._text(item, where) for item in out]

    def _sub(self, argument, where):
        text, own = argument if isinstance(argument, list) else (argument, {})

        def replace(match):
            name = match.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in own:
                return self._text(own[name], where)
            if "." in name:
                resource, attribute = name.split(".", 1)
                return self._text({"Fn::GetAtt": [resource, attribute]}, where)
            return self._text({"Ref": name}, where)

        return re.sub(r"\$\{([^}]*)\}", replace, text)

    def condition(self, name):
        """Returns whether a condition holds, given by its name or as an expression."""
        if isinstance(name, str):
            if name not in self.conditions:
                raise Unresolved(f"there is no condition {name}")
            return self.condition(self.conditions[name])
        (kind, argument), = name.items()
        if kind == "Condition":
            return self.condition(argument)
        if kind == "Fn::Equals":
            one, other = (self.resolve(side, "Conditions") for side in argument)
            return str(one) == str(other)
        if kind == "Fn::Not":
            return not self.condition(argument[0])
        if kind == "Fn::And":
            return all(map(self.condition, argument))
        if kind == "Fn::Or":
            return any(map(self.condition, argument))
        raise Unresolved(f"Conditions: {kind} is not resolved here")
