"""`ram-operator export`: roles and policies that exist, as objects that take them over with no write but the tags.

Which nodes should have a role is nothing that RAM knows: bindings are written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from ram_operator.cloud import Policy, PolicyName, PolicyType, RamApi, Role
from ram_operator.errors import InvalidSpec, StartupError
from ram_operator.kinds.names import RAM_POLICY, RAM_ROLE
from ram_operator.kinds.ram_policy import RamPolicyKind
from ram_operator.kinds.ram_role import RamRoleKind
from ram_operator.model import GROUP, TAG_PREFIX, VERSION, Json, ObjectKey, Owner, Ownership
from ram_operator.rules.documents import parsed, services_of
from ram_operator.rules.names import check_tags
from ram_operator.rules.patterns import matches_any

WIDTH = 120
_NAME_FIELDS = {RAM_ROLE.kind: "roleName", RAM_POLICY.kind: "policyName"}
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Exported:
    """The objects, policies before the roles that name them, and what is left out with the reason, a line each.

    `asked` is how many different roles were asked for.
    """

    objects: tuple[Mapping[str, Json], ...]
    left_out: tuple[str, ...]
    asked: int

    @property
    def roles(self) -> int:
        """How many of the objects are roles."""
        return sum(body["kind"] == RAM_ROLE.kind for body in self.objects)

    @property
    def complete(self) -> bool:
        """Whether no role that was asked for is left out."""
        return self.roles == self.asked

    def as_yaml(self) -> str:
        """The objects as YAML documents."""
        return yaml.safe_dump_all(self.objects, sort_keys=False, allow_unicode=True, width=WIDTH, explicit_start=True)


async def export(ram: RamApi, names: Sequence[str], role_kind: RamRoleKind, policy_kind: RamPolicyKind) -> Exported:
    """Read roles and their custom policies; without names, all roles and all custom policies of the account.

    Args:
        ram: where they are read.
        names: of the roles.
        role_kind: says which roles are never taken over, and which specs are refused.
        policy_kind: the same for policies.

    Raises:
        StartupError: there is no such role.
        CloudError: they cannot be read.
    """
    entries = {entry.name.lower(): entry for entry in await ram.list_roles()}
    if unknown := [name for name in names if name.lower() not in entries]:
        raise StartupError(f"there is no role {', '.join(unknown)} in this account")
    asked = [entries[name] for name in dict.fromkeys(map(str.lower, names))] if names else entries.values()
    attached = {entry.name: await ram.list_policies_for_role(entry.name) for entry in asked}
    needed = {policy.folded for policies in attached.values() for policy in policies}
    objects = _Objects()
    for policy in await ram.list_policies(PolicyType.CUSTOM):
        identity = PolicyName(PolicyType.CUSTOM, policy.name)
        if names and identity.folded not in needed:
            continue
        if matches_any(policy.name, role_kind.protected_policies):
            objects.left_out.append(f"policy {policy.name}: the setting protectedPolicies has it, as ACK's own")
        else:
            spec = _policy_spec(await ram.get_policy(identity))
            objects.add(_Found(policy_kind, policy.name, policy.tags, spec))
    for role in asked:
        if role_kind.never_adopts(role.name):
            fix = f"bind it by roleName: {role.name} instead, which the setting allowedRoles has to name"
            objects.left_out.append(f"role {role.name}: the operator never takes it over; {fix}")
            continue
        policies = [objects.reference(policy) for policy in attached[role.name]]
        spec = {**_role_spec(await ram.get_role(role.name)), **({"policies": policies} if policies else {})}
        objects.add(_Found(role_kind, role.name, role.tags, spec))
    return Exported(tuple(objects.bodies.values()), tuple(objects.left_out), len(asked))


@dataclass(frozen=True, slots=True)
class _Found:
    """A role or policy of the account with its tags, and a spec that says the same."""

    kind: RamRoleKind | RamPolicyKind
    name: str
    tags: Mapping[str, str]
    spec: Mapping[str, Json]

    @property
    def subject(self) -> str:
        """What it is called in a sentence."""
        return f"{self.kind.resource.kind.removeprefix('Ram').lower()} {self.name}"


@dataclass(slots=True)
class _Objects:
    """The objects by their keys, the keys of policies by their names, and what is left out."""

    bodies: dict[ObjectKey, Mapping[str, Json]] = field(default_factory=dict)
    policies: dict[tuple[str, str], str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, found: _Found) -> None:
        """Add an object, unless the thing is some object's already or the operator would refuse the spec."""
        key = self._free(found)
        if Owner("", key).judge(found.tags) is not Ownership.UNTAGGED:
            kind, name, cluster = (found.tags.get(f"{TAG_PREFIX}{part}") for part in ("kind", "name", "cluster"))
            self.left_out.append(f"{found.subject}: it has the tags of {kind}/{name} of the cluster {cluster}")
            return
        tags = {name: value for name, value in found.tags.items() if not check_tags({name: value})}
        named = {_NAME_FIELDS[key.kind]: found.name} if key.name != found.name else {}
        spec = {**named, **found.spec, **({"tags": tags} if tags else {}), "adoptionPolicy": "IfIdentical"}
        # RAM holds documents that Strict refuses.
        bodies = [_body(key, one) for one in (spec, {**spec, "documentValidation": "Warn"})]
        problems = [_problem(found.kind, body) for body in bodies]
        accepted = next((body for body, problem in zip(bodies, problems, strict=True) if not problem), None)
        if accepted is None:
            self.left_out.append(f"{found.subject}: the operator would refuse it: {problems[-1]}")
            return
        self.bodies[key] = accepted
        if key.kind == RAM_POLICY.kind:
            self.policies[PolicyName(PolicyType.CUSTOM, found.name).folded] = key.name

    def reference(self, policy: PolicyName) -> Mapping[str, Json]:
        """How a role names a policy: a custom one that is no object by its name alone."""
        if name := self.policies.get(policy.folded):
            return {"policyRef": {"name": name}}
        return {policy.type.value.lower(): policy.name}

    def _free(self, found: _Found) -> ObjectKey:
        """A key that no other object has, by a name that Kubernetes takes."""
        name = found.name.lower()
        if not all(part and part == part.strip("-") for part in name.split(".")):
            name = _NOT_IN_NAMES.sub("-", name).strip("-") or "unnamed"
        keys = (
            ObjectKey(found.kind.resource.kind, f"{name}{end}") for end in ("", *(f"-{n}" for n in range(2, 10_000)))
        )
        return next(key for key in keys if key not in self.bodies)


def _body(key: ObjectKey, spec: Mapping[str, Json]) -> Mapping[str, Json]:
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": key.kind, "metadata": {"name": key.name}, "spec": spec}


def _problem(kind: RamRoleKind | RamPolicyKind, body: Mapping[str, Json]) -> str:
    """Why the operator would refuse an object, empty where it would not."""
    try:
        kind.parse(body)
    except InvalidSpec as invalid:
        return invalid.problems[0]
    return ""


def _policy_spec(policy: Policy) -> Mapping[str, Json]:
    return {**_described(policy), "document": _read(policy.document)}


def _role_spec(role: Role) -> Mapping[str, Json]:
    document = _read(role.trust)
    services = services_of(document)
    return {
        **_described(role),
        "maxSessionDurationSeconds": role.max_session_seconds,
        "trust": {"services": list(services)} if services else {"document": document},
    }


def _described(thing: Role | Policy) -> Mapping[str, Json]:
    return {"description": thing.description} if thing.description else {}


def _read(document: str) -> Json:
    """A document; nothing where it is no JSON, which the operator then refuses with its own words."""
    try:
        return parsed(document)
    except (ValueError, RecursionError):
        return None
