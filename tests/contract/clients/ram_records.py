"""What the model of RAM keeps and shows: its records, the errors of single parameters, the forms of answers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DATE, ID = "date", "id"
_ACCOUNT = "1234567890123456"

Params = Mapping[str, Any]
Answer = dict[str, Any]
Errors = set[tuple[int, str]]


class Refusal(Exception):
    """The call must fail with one of these statuses and codes."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(str(sorted(errors)))
        self.errors = errors


@dataclass(slots=True)
class Role:
    name: str
    trust: str
    description: str = ""
    duration: int = 3600
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Policy:
    name: str
    versions: dict[int, str]
    kind: str = "Custom"
    description: str = ""
    default: int = 1
    newest: int = 1
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class User:
    name: str
    comments: str = ""
    has_key: bool = False


@dataclass(slots=True)
class Group:
    """A group; its members by their names in lower case."""

    name: str
    comments: str
    members: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Instance:
    """An instance; `role` is the name of the role it plays, which may be gone."""

    region: str
    network: str
    role: str | None = None


Holder = tuple[str, str]  # "Role", "User" or "Group", and the name in lower case
PolicyKey = tuple[str, str]  # "Custom" or "System", and the name in lower case


def refuse(*errors: Errors) -> None:
    together: Errors = set().union(*errors)
    if together:
        raise Refusal(together)


def name_errors(parameter: str, name: str, allowed: str) -> Errors:
    return set() if re.fullmatch(allowed, name) else {(400, f"InvalidParameter.{parameter}.InvalidChars")}


def document_errors(text: str) -> Errors:
    try:
        good = json.loads(text)["Version"] == "1"
    except (ValueError, TypeError, KeyError):
        good = False
    return set() if good else {(400, "MalformedPolicyDocument")}


def duration_errors(params: Params, name: str) -> Errors:
    return set() if 3600 <= int(params.get(name, 3600)) <= 43200 else {(400, f"InvalidParameter.{name}")}


def version_number(policy: Policy, params: Params) -> int:
    text = params["VersionId"]
    if not re.fullmatch(r"v\d+", text):
        raise Refusal({(400, "InvalidParameter.VersionId.Format")})
    if int(text[1:]) not in policy.versions:
        raise Refusal({(404, "EntityNotExist.Policy.Version")})
    return int(text[1:])


def key_of(policy: Policy) -> PolicyKey:
    return policy.kind, policy.name.lower()


def role_arn(role: Role) -> str:
    return f"acs:ram::{_ACCOUNT}:role/{role.name.lower()}"


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


def counted(verb: str, rows: list[Answer]) -> Answer:
    failed = sum(not row["Success"] for row in rows)
    name = f"{verb}InstanceRamRoleResult"
    return {"TotalCount": len(rows), "FailCount": failed, f"{name}s": {name: rows}}
