"""What the API server would refuse of an object: the schemas of our CRDs, read as it reads them. Called by `lint`.

It takes null for a field that is left out, and with kubectl's validation it refuses fields that no schema names. Of the
CEL rules those that are one pattern are evaluated, and those in `_OTHER_RULES`; what the others say of a new object,
the kinds check when they parse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft4Validator, ValidationError
from jsonschema.validators import extend

from ram_operator.errors import Problem
from ram_operator.model import GROUP, VERSION, Json, Resource, number_of
from ram_operator.rules.wording import child, nearest, quoted, type_name, unknown_keys

SHAPES = frozenset({"type", "required", "x-kubernetes-int-or-string"})
"""The keywords whose problems leave nothing that a kind could parse."""
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_SERVERS = (
    "namespace resourceVersion uid generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds "
    "ownerReferences managedFields selfLink"
)
_PREFIX_LENGTH = 58
_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_METADATA: Mapping[str, Json] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 253, "pattern": _NAME},
        "generateName": {"type": "string"},
        "labels": _TEXTS,
        "annotations": _TEXTS,
        "finalizers": {"type": "array", "items": {"type": "string"}},
        **{name: {} for name in _SERVERS.split()},
    },
}
"""Kubernetes' own rules of the metadata of an object whose name may be a DNS subdomain."""
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text, in quotes where it looks like something else",
    "integer": "a whole number",
    "boolean": "true or false",
}
_LIMITS = {
    "maxLength": ("at most", "character"),
    "minLength": ("at least", "character"),
    "maxItems": ("at most", "item"),
    "minItems": ("at least", "item"),
    "maxProperties": ("at most", "key"),
}
_MATCHES = re.compile(r"self\.matches\('(?P<pattern>.*)'\)")
_ALL_MATCH = re.compile(r"self\.all\(k, (?P<negated>!?)k\.matches\('(?P<pattern>.*)'\)\)")
_PERCENTAGE = re.compile("([1-9][0-9]?|100)%")


def _at_most(most: int, field: str) -> tuple[str, Callable[[Json], bool]]:
    """The rule that limits the characters of all names in a list."""
    rule = f"!has(self.{field}) || self.{field}.map(name, size(name)).sum() <= {most}"
    return rule, lambda spec: sum(map(len, spec.get(field) or ())) <= most


_OTHER_RULES: Mapping[str, Callable[[Json], bool]] = dict(
    (
        _at_most(64000, "nodeNames"),
        _at_most(64000, "instances"),
        (
            "!has(self.nodeSelector) || !has(self.nodeSelector.matchExpressions) || "
            "self.nodeSelector.matchExpressions.map(term, has(term.values) ? size(term.values) : 0).sum() <= 500",
            lambda spec: sum(len(term.get("values") or ()) for term in _terms(spec)) <= 500,
        ),
        (
            "type(self) == int ? int(self) >= 1 : string(self).matches('^([1-9][0-9]?|100)%$')",
            lambda most: most >= 1 if isinstance(most, int) else _PERCENTAGE.fullmatch(most) is not None,
        ),
        (
            "(has(self.services) && dyn(self.services) != null) != has(self.document)",
            lambda trust: (trust.get("services") is None) != (trust.get("document") is None),
        ),
    )
)
"""Rules that are no pattern and that no kind checks, as the CRDs have them; asked of values of the right shape."""


def created(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """An object of any shape; with `metadata.generateName` alone, with a name as the API server makes one of it.

    Source: k8s.io/apiserver, pkg/storage/names: the first 58 characters, and five that are chosen at random.
    """
    metadata = body.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("name") not in (None, ""):
        return body
    prefix = metadata.get("generateName")
    if not isinstance(prefix, str) or not prefix:
        return body
    return {**body, "metadata": {**metadata, "name": f"{prefix[:_PREFIX_LENGTH]}xxxxx"}}


def refused(body: Mapping[str, Json], resource: Resource) -> tuple[list[Problem], bool]:
    """Find what the API server would refuse.

    Args:
        body: the object as it is written, of any shape; its status is not looked at, since the API server drops it.
        resource: its kind.

    Returns:
        The problems in the order of the object's places, and whether its shape is such that a kind can parse it.
    """
    schema = _schema(resource)
    errors = list(_Schema(schema).iter_errors(body))
    parsable = all(error.validator not in SHAPES for error in errors)
    if parsable:
        # A rule can be asked only of a value that has the right shape.
        errors = list(_WithRules(schema).iter_errors(body))
    problems = [Problem(_place(error.absolute_path), _sentence(error)) for error in errors]
    return sorted(problems, key=lambda problem: problem.place), parsable


@cache
def _schema(resource: Resource) -> Mapping[str, Any]:
    crd = yaml.safe_load((_folder() / f"{resource.plural}.{GROUP}.yaml").read_text(encoding="utf-8"))
    [schema] = (each["schema"]["openAPIV3Schema"] for each in crd["spec"]["versions"] if each["name"] == VERSION)
    version = {"type": "string", "enum": [f"{GROUP}/{VERSION}"]}
    properties = {**schema["properties"], "apiVersion": version, "metadata": _METADATA, "status": {}}
    required = ["apiVersion", "metadata", *schema.get("required", ())]
    return {**schema, "properties": properties, "required": required}


def _folder() -> Traversable:
    """The CRDs inside the installed wheel, or in the checkout."""
    inside = files("ram_operator") / "data/crds"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "crds"


def _properties(
    validator: Draft4Validator, properties: Mapping[str, Any], value: Json, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """Descend into the fields that are written, and tell of those that no schema names."""
    if not isinstance(value, Mapping):
        return
    if not schema.get("x-kubernetes-preserve-unknown-fields"):
        problems, _ = unknown_keys(value, list(properties), "")
        yield from (ValidationError(problem.sentence) for problem in problems)
    for name in value.keys() & properties.keys():
        if value[name] is not None or properties[name].get("nullable"):
            yield from validator.descend(value[name], properties[name], path=name, schema_path=name)


def _required(
    _: Draft4Validator, names: Sequence[str], value: Json, __: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if isinstance(value, Mapping):
        for name in names:
            if value.get(name) is None:
                yield ValidationError(f"has no {name}; write {name}")


def _type(_: Draft4Validator, name: str, value: Json, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if value is None and schema.get("nullable"):
        return
    if not Draft4Validator.TYPE_CHECKER.is_type(value, name):
        yield ValidationError(f"is {type_name(value)}; write {_TYPES[name]}")


def _number_or_text(_: Draft4Validator, __: bool, value: Json, ___: Mapping[str, Any]) -> Iterator[ValidationError]:
    if not isinstance(value, (int, str)) or isinstance(value, bool):
        yield ValidationError(f"is {type_name(value)}; write a whole number or text")


def _distinct(_: Draft4Validator, form: str, value: Json, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Entries of a set are written once; those of a map once for each key."""
    if not isinstance(value, list) or form == "atomic":
        return
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    seen: set[str] = set()
    for index, item in enumerate(value):
        entry = {key: item.get(key) for key in keys} if keys and isinstance(item, Mapping) else item
        identity = json.dumps(entry, sort_keys=True)
        if identity in seen:
            yield ValidationError(f"entry {index} is there already; remove it")
        seen.add(identity)


def _rules(
    _: Draft4Validator, rules: Sequence[Mapping[str, str]], value: Json, __: object
) -> Iterator[ValidationError]:
    yield from (ValidationError(each["message"]) for each in rules if not _holds(each["rule"], value))


def _holds(rule: str, value: Json) -> bool:
    """What a rule says of a value of the right shape; True where it is not evaluated here."""
    if one := _MATCHES.fullmatch(rule):
        return re.search(one["pattern"], value) is not None
    if every := _ALL_MATCH.fullmatch(rule):
        return all((re.search(every["pattern"], key) is None) == bool(every["negated"]) for key in value)
    return _OTHER_RULES[rule](value) if rule in _OTHER_RULES else True


def _terms(spec: Mapping[str, Json]) -> Sequence[Mapping[str, Json]]:
    terms: Sequence[Mapping[str, Json]] = (spec.get("nodeSelector") or {}).get("matchExpressions") or ()
    return terms


_Schema = extend(  # type: ignore[no-untyped-call]
    Draft4Validator,
    {
        "properties": _properties,
        "required": _required,
        "type": _type,
        "x-kubernetes-int-or-string": _number_or_text,
        "x-kubernetes-list-type": _distinct,
    },
)
_WithRules = extend(_Schema, {"x-kubernetes-validations": _rules})  # type: ignore[no-untyped-call]


def _place(path: Sequence[str | int]) -> str:
    place = ""
    for key in path:
        place = child(place, key)
    return place.removeprefix(".")


def _sentence(error: ValidationError) -> str:
    """What is wrong and what to write, for the keywords whose words are not ours already."""
    value: Any = error.instance
    limit: Any = error.validator_value
    keyword = str(error.validator)
    match keyword:
        case "enum":
            meant = nearest(value, limit) if isinstance(value, str) else None
            fix = f"write {meant}" if meant else f"write one of {', '.join(limit)}"
            return f"{quoted(str(value))} is not known; {fix if len(limit) > 1 else f'write {limit[0]}'}"
        case "pattern" if limit == _NAME:
            return (
                f'{quoted(value)} is no name; write lower-case letters, digits, "-" and ".", none of the two at an end'
            )
        case "pattern":
            return f"{quoted(value)} does not match; write what matches {limit}"
        case "minimum" | "maximum":
            return f"{value} is outside; write {'at least' if keyword == 'minimum' else 'at most'} {limit}"
        case _ if keyword in _LIMITS:
            bound, unit = _LIMITS[keyword]
            return f"has {number_of(len(value), unit)}; write {bound} {limit}"
        case _:
            return error.message
