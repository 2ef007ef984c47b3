"""What there is in the modelled account, and the look-ups that the parts of the model share."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tests.contract.model.records import (
    ACCOUNT,
    Errors,
    Group,
    Holder,
    Instance,
    Params,
    Policy,
    Refusal,
    Role,
    User,
    document_errors,
    due,
    name_errors,
)

_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many policies of each type a role, user or group may hold."""

    custom: int
    system: int

    def of(self, kind: str) -> int:
        return self.custom if kind == "Custom" else self.system


class Entries:
    """Everything by its name in lower case; policies by their type as well, instances by their ids."""

    def __init__(self, system: Iterable[Policy], instances: Mapping[str, tuple[str, str]], limits: Limits) -> None:
        self.roles: dict[str, Role] = {}
        self.policies = {(policy.kind, policy.name.lower()): policy for policy in system}
        self.users = {"dev": User("dev", keys={"simulator-dev": True})}
        self.groups: dict[str, Group] = {}
        self.attached: set[tuple[Holder, Policy]] = set()
        self.instances = {name: Instance(*facts) for name, facts in instances.items()}
        self.tokens: dict[str, tuple[Params, list[str]]] = {}
        self.limits = limits

    def role(self, params: Params) -> Role:
        return self._named(self.roles, params, "RoleName", "Role")

    def user(self, params: Params) -> User:
        return self._named(self.users, params, "UserName", "User")

    def group(self, params: Params) -> Group:
        return self._named(self.groups, params, "GroupName", "Group")

    def policy(self, params: Params) -> Policy:
        kind = params["PolicyType"]
        of_kind = {name: policy for (found, name), policy in self.policies.items() if found == kind}
        return self._named(of_kind, params, "PolicyName", "Policy")

    def custom(self, params: Params) -> Policy:
        return self.policy({"PolicyType": "Custom", "PolicyName": params["PolicyName"]})

    def holder(self, kind: str, params: Params) -> Holder:
        match kind:
            case "Role":
                return self.role(params)
            case "User":
                return self.user(params)
        return self.group(params)

    def held(self, holder: Holder) -> list[Policy]:
        return [policy for other, policy in self.attached if other is holder]

    def holders(self, policy: Policy) -> list[Holder]:
        return [holder for holder, other in self.attached if other is policy]

    def trust_errors(self, params: Params, parameter: str) -> Errors:
        """Return what is wrong with a trust policy; the users that it names must be there."""
        named = set(re.findall(rf"{ACCOUNT}:user/(\w+)", params[parameter]))
        unknown = due(400, "MalformedPolicyDocument", when=named - set(self.users))
        return document_errors(params, parameter) | unknown

    @staticmethod
    def _named(entries: Mapping[str, _Entry], params: Params, parameter: str, what: str) -> _Entry:
        found = entries.get(params[parameter].lower())
        if found is None:
            raise Refusal(name_errors(params, parameter) or {(404, f"EntityNotExist.{what}")})
        return found

    @staticmethod
    def free_name(
        entries: Mapping[str, _Entry], params: Params, parameter: str, itself: _Entry | None = None
    ) -> Errors:
        """Return the errors of a name that something is to have from now on."""
        taken = entries.get(params[parameter].lower())
        what = parameter.removeprefix("New").removesuffix("Name")
        return name_errors(params, parameter) | due(
            409, f"EntityAlreadyExists.{what}", when=taken is not None and taken is not itself
        )
