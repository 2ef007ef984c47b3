"""`ram-operator doctor`: what of operator, key, nodes, quotas, objects and admission policies wants mending.

It only reads. What the key may not write cannot be found out so: the status of the objects says what was refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from ram_operator.cloud import Cloud, PolicyName, PolicyType
from ram_operator.cluster.admission import POLICIES, REMEDY, faults, shipped
from ram_operator.cluster.caches import Caches
from ram_operator.cluster.kube import Kube
from ram_operator.commands.deployment import operator_account
from ram_operator.commands.looks import of_nodes, of_the_operator
from ram_operator.commands.remarks import Level, Remark
from ram_operator.errors import CloudError, Denied, Unauthenticated
from ram_operator.kinds.names import RAM_POLICY, RAM_ROLE
from ram_operator.kinds.ram_role.swaps import PolicyLimits
from ram_operator.model import (
    ACCOUNT_REMEDY,
    Disposition,
    Json,
    ObjectKey,
    Reason,
    disposition,
    explain,
    listing,
    number_of,
)
from ram_operator.rules.documents import POLICY_LIMIT

T = TypeVar("T")

ROLE_QUOTA = 1000
POLICY_QUOTA = 1500
"""Roles and custom policies of an account, RAM's defaults (its page "Limitations")."""
NEAR = 0.8
"""From which part of a quota on it is near."""
OBJECTS_SHOWN = 20
NEEDS_A_PERSON = {Reason.NOT_OBSERVED, *(reason for reason in Reason if disposition(reason) is Disposition.STALLED)}
_POLICY_PAGE = "docs/ram-policies.md has the policy of the operator's key"


@dataclass(slots=True)
class Examination:
    """Looks at one thing after the other.

    Args:
        kube: the cluster.
        caches: its objects and nodes.
        cloud: the account.
        limits: policies per role.
        lease: namespace and name of the operator's Lease, the namespace empty where it is not known; None for none.
        now: the time of day.
    """

    kube: Kube
    caches: Caches
    cloud: Cloud
    limits: PolicyLimits
    lease: tuple[str, str] | None
    now: datetime
    _lacking: set[str] = field(default_factory=set)
    _failed: set[str] = field(default_factory=set)

    async def remarks(self) -> list[Remark]:
        """Everything that was found. Raises KubeError."""
        cluster = [await of_the_operator(self.kube, self.lease, self.now), *self._objects(), *await self._admission()]
        try:
            identity = await self.cloud.sts.caller_identity()
        except CloudError as error:
            return [_no_answer(error), *cluster]
        looked = [*await self._nodes(), *await self._quotas()]
        whose = Remark(Level.OK, f"the key is {identity.arn} of the account {identity.account_id}")
        strangers = Counter(account for _, account in self.caches.accounts() if account != identity.account_id)
        return [
            whose,
            *(_other_account(account, count) for account, count in strangers.items()),
            *self._key(),
            *looked,
            *cluster,
        ]

    async def _read(self, call: Awaitable[T], instead: T) -> T:
        """What a call returns; where it fails, `instead`, and the failure is noted."""
        try:
            return await call
        except CloudError as error:
            self._note(error)
            return instead

    def _note(self, error: CloudError) -> None:
        if isinstance(error, Denied):
            self._lacking.add(error.missing_action or error.action)
        else:
            self._failed.add(error.summary + (f" in {error.region}" if error.region else ""))

    def _key(self) -> Iterator[Remark]:
        for action in sorted(self._lacking):
            yield Remark(Level.ERROR, f"the key lacks {action}", f"allow it: {_POLICY_PAGE}")
        for failure in sorted(self._failed):
            yield Remark(Level.ERROR, f"a call failed: {failure}", "look at endpoint, proxy and network; then again")
        if not self._lacking and not self._failed:
            yield Remark(Level.OK, "the key may make every read call that was tried")

    async def _nodes(self) -> list[Remark]:
        remarks, errors = await of_nodes(self.caches.nodes(), self.cloud.ecs)
        for error in errors:
            self._note(error)
        return remarks

    async def _quotas(self) -> list[Remark]:
        roles = await self._read(self.cloud.ram.list_roles(), ())
        policies = await self._read(self.cloud.ram.list_policies(PolicyType.CUSTOM), ())
        await self._read(self.cloud.ecs.describe_regions(), ())
        used = [("roles of the account", len(roles), ROLE_QUOTA)]
        used.append(("custom policies of the account", len(policies), POLICY_QUOTA))
        for name in self._names(RAM_ROLE.kind, "roleName"):
            attached = await self._read(self.cloud.ram.list_policies_for_role(name), {})
            counts = Counter(policy.type for policy in attached)
            used += [
                (f"{kind.value.lower()} policies of the role {name}", counts[kind], self.limits.of(kind))
                for kind in PolicyType
            ]
        for name in self._names(RAM_POLICY.kind, "policyName"):
            policy = await self._read(self.cloud.ram.get_policy(PolicyName(PolicyType.CUSTOM, name)), None)
            used.append((f"characters of the policy {name}", len(policy.document) if policy else 0, POLICY_LIMIT))
        near = [
            Remark(Level.WARNING, f"{count} of {most} {what}", "remove some, or have the quota raised")
            for what, count, most in used
            if count >= NEAR * most
        ]
        return near or [Remark(Level.OK, f"no quota is near: {len(roles)} roles, {len(policies)} custom policies")]

    def _names(self, kind: str, field_name: str) -> list[str]:
        """The cloud names of the objects of a kind that have one."""
        bodies = (self.caches.body(key) or {} for key in self.caches.keys(kind))
        return sorted(name for body in bodies if (name := (body.get("status") or {}).get(field_name)))

    def _objects(self) -> Iterator[Remark]:
        kinds = [resource.kind for resource in self.kube.resources]
        found = [(key, *held) for kind in kinds for key in self.caches.keys(kind) if (held := self._held(key))]
        for key, reason, message in found[:OBJECTS_SHOWN]:
            yield Remark(Level.ERROR, f"{key}: {reason}: {message}", explain(reason))
        if (more := len(found) - OBJECTS_SHOWN) > 0:
            unlisted = number_of(more, "more object")
            yield Remark(Level.ERROR, f"{unlisted} to act on", "kubectl get ram -o wide")
        unseen = [str(key) for kind in kinds for key in self.caches.keys(kind) if not self._conditions(key)]
        if unseen:
            text = f"{number_of(len(unseen), 'object')} that no operator has said anything of: {listing(unseen)}"
            yield Remark(
                Level.ERROR, text, "see whether the operator runs, and its log; a new object gets a status soon"
            )
        if not found and not unseen:
            yield Remark(Level.OK, "no object needs a person")

    def _conditions(self, key: ObjectKey) -> Sequence[Json]:
        conditions: Sequence[Json] = ((self.caches.body(key) or {}).get("status") or {}).get("conditions") or ()
        return conditions

    def _held(self, key: ObjectKey) -> tuple[str, str] | None:
        """Reason and message of an object that only a person brings further, or whose state is unknown."""
        for condition in self._conditions(key):
            if condition["type"] == "Ready" and condition["status"] != "True" and condition["reason"] in NEEDS_A_PERSON:
                return condition["reason"], condition.get("message", "")
        return None

    async def _admission(self) -> list[Remark]:
        found = await faults(self.kube, shipped(), await operator_account(self.kube))
        if not found:
            return [Remark(Level.OK, f"all {len(POLICIES)} admission policies that refuse are in force")]
        return [Remark(Level.ERROR, f"admission policy {fault}", REMEDY) for fault in found]


def _no_answer(error: CloudError) -> Remark:
    if isinstance(error, Unauthenticated):
        return Remark(Level.ERROR, f"the key is refused: {error}", "give the operator valid credentials (docs/ack.md)")
    return Remark(Level.ERROR, f"the cloud does not answer: {error}", "look at endpoint, proxy and network; then again")


def _other_account(account: str, count: int) -> Remark:
    text = f"{number_of(count, 'object')} with something in another account, {account}"
    return Remark(Level.ERROR, text, ACCOUNT_REMEDY)
