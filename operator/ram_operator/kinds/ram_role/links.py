"""How a RamRole relates to others: it names policies, and bindings name it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ram_operator.cloud import PolicyName, PolicyType
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY, RAM_ROLE
from ram_operator.kinds.offers import role_name, role_usable
from ram_operator.kinds.ram_role.trust import read_trust
from ram_operator.model import Body, CloudName, Granted, Json, ObjectKey, Reference
from ram_operator.rules.boundary import Boundary, outside
from ram_operator.rules.documents import canonical


@dataclass(frozen=True, slots=True)
class RoleLinks:
    """The links of RamRole; implements `kinds.Links`.

    Args:
        boundary: what may be granted.
    """

    boundary: Boundary | None = None

    def manages(self, view: Reference) -> CloudName:
        return CloudName.of(RAM_ROLE.kind, role_name(view))

    def refers_to(self, view: Reference) -> Iterator[ObjectKey | CloudName]:
        for entry in view.spec.get("policies") or ():
            if name := (entry.get("policyRef") or {}).get("name"):
                yield ObjectKey(RAM_POLICY.kind, name)
            if name := entry.get("custom"):
                yield CloudName.of(RAM_POLICY.kind, name)

    def holds(self, view: Reference) -> frozenset[CloudName]:
        rows = view.status.get("managedPolicies") or ()
        customs = (row["name"] for row in rows if row.get("type") == PolicyType.CUSTOM)
        return frozenset(CloudName.of(RAM_POLICY.kind, name) for name in customs)

    def offers(self, view: Reference) -> Hashable:
        trust = str(view.spec.get("trust"))
        return view.uid, view.deleting, role_usable(view), view.status.get("arn"), trust

    def uses(self, view: Reference) -> Hashable:
        return view.deleting, str(view.spec.get("policies")), self.holds(view)

    def account(self, view: Reference) -> str:
        return ownership.account_in(view.status.get("arn"))

    def states(self, view: Reference) -> Iterable[str]:
        return ()

    def in_sync(self, body: Body) -> bool:
        return ownership.reconciled(body) and not outside(self.boundary, _asked(body["spec"]))


def _asked(spec: Mapping[str, Json]) -> Iterator[Granted]:
    """What a spec asks to be granted by itself; the documents of other policies are judged where they are read."""
    trust, _ = read_trust(spec)
    yield Granted(trust=canonical(trust))
    names = (entry["system"] for entry in spec.get("policies") or () if "system" in entry)
    yield from (Granted(policy=PolicyName(PolicyType.SYSTEM, name)) for name in names)
