"""How a RamRole relates to others: it names policies, and bindings name it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from ram_operator.cloud import PolicyType
from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY, RAM_ROLE
from ram_operator.kinds.offers import role_usable
from ram_operator.model import Body, CloudName, ObjectKey, Reference


class RoleLinks:
    """The links of RamRole; implements `kinds.Links`."""

    def manages(self, view: Reference) -> CloudName:
        return CloudName.of(RAM_ROLE.kind, view.spec.get("roleName") or view.key.name)

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

    def in_sync(self, body: Body) -> bool:
        return ownership.reconciled(body)
