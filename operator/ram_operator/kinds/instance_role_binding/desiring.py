"""What a binding wants: which role, for which instances, and what keeps it from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ram_operator.errors import Problem
from ram_operator.kinds import ownership
from ram_operator.kinds.instance_role_binding.index import selection
from ram_operator.kinds.instance_role_binding.observing import RoleRead
from ram_operator.kinds.instance_role_binding.rows import MOST_ROWS, same_role
from ram_operator.kinds.instance_role_binding.terms import RoleRules
from ram_operator.kinds.instance_role_binding.verdicts import contested_words
from ram_operator.kinds.offers import role_name, role_owned, role_usable
from ram_operator.model import (
    FINALIZER,
    TAKE_OVER,
    Body,
    Facts,
    Hold,
    InstanceId,
    Json,
    NodeFacts,
    ObjectKey,
    Owner,
    Reason,
    Reference,
    find_condition,
)
from ram_operator.rules.documents import canonical, check_policy, fingerprint, trusts_service

SESSION_POLICY_LIMIT = 1024
"""Characters of the parameter Policy (ECS, AttachInstanceRamRole)."""
SUPPORTED_LATER: Mapping[str, Json] = {
    "conflictPolicy": "Fail",
    "allowProtectedRoles": False,
    "instances": [],
    "roleName": None,
    "sessionPolicy": None,
}
"""Fields that earlier versions did not support, with the values that are as good as none."""
LOOK_AGAIN_SECONDS = 60.0
"""How soon a role that nobody here manages is looked at again: RAM sends no events."""


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """What limits the role on the instances of a binding: the text for ECS, and what tells it from another one."""

    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class BindingSpec:
    """A parsed spec; selectors stay as they are, since the caches match nodes against them.

    `restored` says that the object was reconciled before and has lost its status, as in a restored backup, `takes_over`
    that a person says that this binding gave the roles that it finds.
    """

    role: ObjectKey | None
    role_name: str | None
    node_names: tuple[str, ...]
    instances: tuple[InstanceId, ...]
    session: SessionPolicy | None = None
    restored: bool = False
    takes_over: bool = False
    unchecked: tuple[str, ...] = ()

    @property
    def unsupported_holds(self) -> tuple[Hold, ...]:
        """The holds of a spec with a field that has no effect: nothing is read or written, and the binding says so."""
        if not self.unchecked:
            return ()
        message = (
            f"spec.{self.unchecked[0]} was stored when it had no effect, so that nobody checked whether its author "
            "may write it; apply the spec again with any change"
        )
        return (Hold("binding", Reason.NOT_SUPPORTED_YET, message),)


@dataclass(frozen=True, slots=True)
class DesiredBinding:
    """What is wanted. `role` is None where it cannot be attached now; `holds` then say why.

    `wanted` are instances that this binding should give the role, `overridden` those it selects and an older binding
    has; both with their node, if they are one. `skipped` are nodes that are no instance that can have a role.
    `restored` says that what an instance has may be from before the status was lost, `takes_over` that a person said
    that the roles found are this binding's, and that not every instance was looked at since.
    """

    facts: Facts
    spec: BindingSpec | None
    role: str | None = None
    arn: str | None = None
    wanted: Mapping[InstanceId, str | None] = field(default_factory=dict)
    overridden: Mapping[InstanceId, str | None] = field(default_factory=dict)
    skipped: tuple[NodeFacts, ...] = ()
    holds: tuple[Hold, ...] = ()
    restored: bool = False
    takes_over: bool = False

    @property
    def session(self) -> str | None:
        """The hash of the session policy that is to limit the role; None for none."""
        return self.spec.session.hash if self.spec and self.spec.session else None

    def is_met(self, role: str | None, session: str | None) -> bool:
        """Whether a role is the one that is wanted, limited by the session policy with this hash as wanted."""
        return same_role(role, self.role) and session == self.session


def session_policy(spec: Mapping[str, Json]) -> SessionPolicy | None:
    """The session policy of a spec that parses."""
    document = spec.get("sessionPolicy")
    return SessionPolicy(canonical(document), fingerprint(document)) if document is not None else None


def session_policy_problems(spec: Mapping[str, Json]) -> tuple[Problem, ...]:
    """Problems of spec.sessionPolicy."""
    document = spec.get("sessionPolicy")
    return check_policy(document, "spec.sessionPolicy", SESSION_POLICY_LIMIT) if document is not None else ()


def desired(spec: BindingSpec | None, facts: Facts, rules: RoleRules) -> DesiredBinding:
    """What the spec wants now; nothing while the binding is being deleted."""
    if facts.me.deleting or spec is None:
        return DesiredBinding(facts, None)
    nodes, known = selection(facts).nodes, selection(facts).known
    # of several nodes with one provider ID the first by name has the instance's row
    of_nodes = {node.instance: node.name for node in reversed(nodes) if node.instance}
    bare = spec.instances if rules.any_instance else ()
    selected: dict[InstanceId, str | None] = {**{one: known.get(one) for one in bare}, **of_nodes}
    wanted = {key: name for key, name in selected.items() if selection(facts).assigned.get(key) == facts.me.key}
    reference = facts.references.get(spec.role) if spec.role else None
    role_holds = (
        _role_holds(spec.role, reference, facts) if spec.role else _name_holds(spec.role_name or "", facts, rules)
    )
    holds = (*role_holds, *_bare_holds(spec, rules), *_too_many(nodes))
    status = reference.status if reference else {}
    return DesiredBinding(
        facts=facts,
        spec=spec,
        role=None if holds else spec.role_name or (role_name(reference) if reference else None),
        arn=status.get("arn"),
        wanted=wanted,
        overridden={key: name for key, name in selected.items() if key not in wanted},
        skipped=(*_no_instance(nodes, of_nodes), *_absent(spec.node_names, nodes)),
        holds=holds,
        restored=spec.restored or bool(facts.me.status.get("restored")),
        takes_over=spec.takes_over and facts.me.status.get("takenOverGeneration") != facts.generation,
    )


def checked(
    wanted: DesiredBinding, read: RoleRead | None, tags: Mapping[str, str] | None, owner: Owner
) -> DesiredBinding:
    """The same without its role where RAM has just said that no instance can get it, or that it is not the RamRole's.

    Args:
        wanted: what is wanted.
        read: what GetRole said of the role, where it was asked.
        tags: of the role, where they were asked for and there are any.
        owner: the binding; its clusters are those of the RamRole.
    """
    if wanted.role is None:
        return wanted
    key = wanted.spec.role if wanted.spec else None
    if key and wanted.facts.only_planned:
        return wanted
    if key and tags is not None and not ownership.owned(tags, replace(owner, key=key)):
        message = f"its role lacks the tags of {key}; waits for them"
        hold = Hold(str(key), Reason.ROLE_NOT_READY, message, LOOK_AGAIN_SECONDS)
    elif read is None or read.usable:
        return wanted
    elif read.exists:
        message = f"role {wanted.role} does not trust ecs.aliyuncs.com; correct its trust policy"
        hold = Hold("role", Reason.TRUST_NOT_ECS, message, LOOK_AGAIN_SECONDS)
    else:
        hold = Hold("role", Reason.ROLE_NOT_FOUND, f"RAM has no role {wanted.role}; create it", LOOK_AGAIN_SECONDS)
    return replace(wanted, role=None, holds=(*wanted.holds, hold))


def _name_holds(name: str, facts: Facts, rules: RoleRules) -> tuple[Hold, ...]:
    """Why a role that is named by roleName is not given."""
    managers = [view for view in facts.references.values() if same_role(role_name(view), name)]
    if managers:
        key = managers[0].key
        message = f"{key} manages this role; name it by roleRef instead of roleName"
        if not role_owned(managers[0]):
            message = f"{key} names this role and does not own it; delete that object to bind the role by roleName"
        return (Hold("role", Reason.FORBIDDEN, message),)
    if rules.allows(name):
        return ()
    message = f"role {name} is none of the setting allowedRoles; name a RamRole by roleRef, or have it added"
    return (Hold("role", Reason.FORBIDDEN, message),)


def _bare_holds(spec: BindingSpec, rules: RoleRules) -> tuple[Hold, ...]:
    if rules.any_instance or not spec.instances:
        return ()
    message = "spec.instances is not allowed by the operator's setting allowNonNodeInstances; select nodes instead"
    return (Hold("binding", Reason.FORBIDDEN, message),)


def unchecked(body: Body) -> tuple[str, ...]:
    """The fields that were stored when they had no effect, so that nobody asked for their author's rights."""
    spec = body.get("spec") or {}
    differing = (field for field, default in SUPPORTED_LATER.items() if spec.get(field, default) != default)
    return tuple(differing) if _said_unsupported(body) else ()


def restored(body: Body) -> bool:
    """Whether the object has our finalizer and no rows: the first rows are stored before the finalizer."""
    status = body.get("status") or {}
    guarded = FINALIZER in (body["metadata"].get("finalizers") or ())
    return guarded and "instances" not in status and "summary" not in status


def takes_over(body: Body) -> bool:
    """Whether a person has said of this very generation that the roles it finds are its own."""
    metadata = body["metadata"]
    return (metadata.get("annotations") or {}).get(TAKE_OVER) == str(metadata.get("generation"))


def _said_unsupported(body: Body) -> bool:
    """Whether it was said of this very generation that a value is not supported."""
    ready = find_condition((body.get("status") or {}).get("conditions"))
    unsupported_yet = ready.get("reason") == Reason.NOT_SUPPORTED_YET
    return unsupported_yet and ready.get("observedGeneration") == body["metadata"].get("generation")


def _role_holds(key: ObjectKey, role: Reference | None, facts: Facts) -> tuple[Hold, ...]:
    if role is None:
        return (Hold(str(key), Reason.ROLE_NOT_READY, f"waits for {key}, which does not exist"),)
    trust = role.spec.get("trust") or {}
    if "document" in trust and not trusts_service(trust["document"]):
        message = f"{key} does not trust ecs.aliyuncs.com; let spec.trust of the role allow it"
        return (Hold(str(key), Reason.TRUST_NOT_ECS, message),)
    if "document" not in trust and "ecs.aliyuncs.com" not in trust.get("services", ["ecs.aliyuncs.com"]):
        message = f"{key} does not trust ecs.aliyuncs.com; add it to spec.trust.services of the role"
        return (Hold(str(key), Reason.TRUST_NOT_ECS, message),)
    if role.deleting or not (facts.only_planned or role_usable(role)):
        what = "which is being deleted" if role.deleting else "to be ready"
        return (Hold(str(key), Reason.ROLE_NOT_READY, f"waits for {key}{',' if role.deleting else ''} {what}"),)
    return ()


def _too_many(nodes: tuple[NodeFacts, ...]) -> tuple[Hold, ...]:
    if len(nodes) <= MOST_ROWS:
        return ()
    message = f"{len(nodes)} nodes selected, at most {MOST_ROWS} fit in one binding; split it by node pool"
    return (Hold("binding", Reason.INVALID_SPEC, message),)


def _absent(names: Iterable[str], nodes: tuple[NodeFacts, ...]) -> tuple[NodeFacts, ...]:
    """Nodes that the spec names and the cluster does not have."""
    present = {node.name for node in nodes}
    return tuple(
        NodeFacts(name, "", (), None, Reason.NODE_NOT_FOUND, "there is no such Node")
        for name in names
        if name not in present
    )


def _no_instance(nodes: Iterable[NodeFacts], selected: Mapping[InstanceId, str]) -> Iterator[NodeFacts]:
    """The nodes that stand for no instance: that are none, or that have the provider ID of another one's row."""
    names: dict[InstanceId, tuple[str, ...]] = {}
    for node in nodes:
        if node.instance:
            names[node.instance] = (*names.get(node.instance, ()), node.name)
    for node in nodes:
        if node.instance is None:
            yield node
        elif selected[node.instance] != node.name:
            words = contested_words(names[node.instance])
            yield replace(node, instance=None, skip=Reason.DUPLICATE_PROVIDER_ID, skip_message=words)
