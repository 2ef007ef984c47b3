"""What the model is made of: its records, the errors of single parameters, the forms of answers."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DATE, ID, SECRET = "date", "id", "secret"
ACCOUNT = "1234567890123456"

Params = Mapping[str, Any]
Answer = dict[str, Any]
Errors = set[tuple[int, str]]

_MOST_TAGS = 20
_LONGEST_NAMES = {"RoleName": 64, "PolicyName": 128}
_LONGEST_TEXTS = {"Description": 1024, "NewDescription": 1024, "PolicyDocument": 6144}
_LONGEST_COMMENTS = 128
_LONGEST_TRUST = 2048
_SIGNS = {"RoleName": r"[A-Za-z0-9.-]+", "PolicyName": r"[A-Za-z0-9-]+"}


class Refusal(Exception):
    """The call must fail with one of these statuses and codes."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(str(sorted(errors)))
        self.errors = errors


# records are told apart by what they are, not by their names: a new name leaves everything else as it is


@dataclass(slots=True, eq=False)
class Role:
    name: str
    trust: str
    description: str = ""
    duration: int = 3600
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Policy:
    name: str
    versions: dict[int, str]
    kind: str = "Custom"
    description: str = ""
    default: int = 1
    newest: int = 1
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class User:
    """A user; `keys` says which of its access keys are on, `profile` what its login profile asks for."""

    name: str
    comments: str = ""
    display_name: str = ""
    keys: dict[str, bool] = field(default_factory=dict)
    profile: dict[str, bool] | None = None


@dataclass(slots=True, eq=False)
class Group:
    name: str
    comments: str = ""
    members: set[User] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Instance:
    """An instance; `role` is the name of the role it plays, which may be gone."""

    region: str
    network: str
    runs: bool = True
    role: str | None = None


Holder = Role | User | Group


def refuse(*errors: Errors) -> None:
    """Raise Refusal if there are any errors."""
    all_of_them: Errors = set().union(*errors)
    if all_of_them:
        raise Refusal(all_of_them)


def together(*checks: Callable[[], Any]) -> list[Any]:
    """Return what the checks return; if some refuse, any of their errors is right."""
    found, errors = [], Errors()
    for check in checks:
        try:
            found.append(check())
        except Refusal as refusal:
            errors |= refusal.errors
    refuse(errors)
    return found


def due(status: int, code: str, *, when: object) -> Errors:
    """Return the error if it is due."""
    return {(status, code)} if when else set()


def name_errors(params: Params, parameter: str) -> Errors:
    name = params[parameter]
    if len(name) > _LONGEST_NAMES.get(parameter, 64):
        return {(400, f"InvalidParameter.{parameter}.Length")}
    allowed = _SIGNS.get(parameter, r"[A-Za-z0-9._-]+")
    return due(400, f"InvalidParameter.{parameter}.InvalidChars", when=not re.fullmatch(allowed, name))


def text_errors(params: Params, *parameters: str) -> Errors:
    """Return the errors of descriptions, comments and display names that are too long."""
    found: Errors = set()
    for name in parameters:
        longest = _LONGEST_TEXTS.get(name, _LONGEST_COMMENTS)
        found |= due(400, f"InvalidParameter.{name}.Length", when=len(params.get(name, "")) > longest)
    return found


def document_errors(params: Params, parameter: str) -> Errors:
    text = params[parameter]
    if len(text) > _LONGEST_TEXTS.get(parameter, _LONGEST_TRUST):
        return {(400, f"InvalidParameter.{parameter}.Length")}
    try:
        good = json.loads(text)["Version"] == "1"
    except (ValueError, TypeError, KeyError):
        good = False
    return due(400, "MalformedPolicyDocument", when=not good)


def duration_errors(params: Params, name: str) -> Errors:
    return due(400, f"InvalidParameter.{name}", when=not 3600 <= int(params.get(name, 3600)) <= 43200)


def tags_of(params: Params) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in params.get("Tag", [])}


def tag_errors(params: Params) -> Errors:
    """Return the errors of the tags of a call by themselves."""
    given: Sequence[Mapping[str, str]] = params.get("Tag", [])
    return (
        due(400, "InvalidParameter.Tag", when=len(given) > _MOST_TAGS)
        | due(400, "InvalidParameter.TagKey", when=any(not 1 <= len(tag["Key"]) <= 128 for tag in given))
        | due(400, "InvalidParameter.TagValue", when=any(len(tag["Value"]) > 256 for tag in given))
    )


def too_many(tags: Mapping[str, str]) -> Errors:
    return due(400, "LimitExceeded.Tag", when=len(tags) > _MOST_TAGS)


def has_tags(thing: Role | Policy, params: Params) -> bool:
    """Whether a list that asks for tags shows the thing."""
    return tags_of(params).items() <= thing.tags.items()


def version_number(policy: Policy, params: Params) -> int:
    text = params["VersionId"]
    refuse(due(400, "InvalidParameter.VersionId.Format", when=not re.fullmatch(r"v\d+", text)))
    number = int(text[1:])
    refuse(due(404, "EntityNotExist.Policy.Version", when=number not in policy.versions))
    return number


def role_arn(role: Role) -> str:
    return f"acs:ram::{ACCOUNT}:role/{role.name.lower()}"


def shown_role(role: Role) -> Answer:
    return {
        "RoleId": ID,
        "RoleName": role.name,
        "Arn": role_arn(role),
        "Description": role.description,
        "MaxSessionDuration": role.duration,
        "CreateDate": DATE,
    }


def shown_policy(policy: Policy) -> Answer:
    return {
        "PolicyName": policy.name,
        "PolicyType": policy.kind,
        "Description": policy.description,
        "DefaultVersion": f"v{policy.default}",
        "CreateDate": DATE,
    }


def shown_version(policy: Policy, number: int) -> Answer:
    return {
        "VersionId": f"v{number}",
        "IsDefaultVersion": number == policy.default,
        "CreateDate": DATE,
        "PolicyDocument": policy.versions[number],
    }


def shown_tags(tags: Mapping[str, str]) -> Answer:
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}
