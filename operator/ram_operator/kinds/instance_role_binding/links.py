"""How an InstanceRoleBinding relates to others: it names a role. Nothing names a binding."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_ROLE
from ram_operator.kinds.offers import claims, uses_role
from ram_operator.model import Body, CloudName, ObjectKey, Reference


class BindingLinks:
    """The links of InstanceRoleBinding; implements `kinds.Links`."""

    def manages(self, view: Reference) -> None:
        return None

    def refers_to(self, view: Reference) -> Iterator[ObjectKey | CloudName]:
        if role := (view.spec.get("roleRef") or {}).get("name"):
            yield ObjectKey(RAM_ROLE.kind, role)
        if name := view.spec.get("roleName"):
            yield CloudName.of(RAM_ROLE.kind, name)
        # What is to be given back must still be there then.
        rows = view.status.get("instances") or ()
        back = {row[name] for row in rows for name in ("previousRole", "replacedRole") if row.get(name)}
        yield from sorted({CloudName.of(RAM_ROLE.kind, role) for role in back} | self.holds(view))

    def holds(self, view: Reference) -> frozenset[CloudName]:
        ours = (row["roleName"] for row in claims(view) if row.get("roleName"))
        return frozenset(CloudName.of(RAM_ROLE.kind, role) for role in ours)

    def offers(self, view: Reference) -> Hashable:
        return view.uid, view.deleting

    def uses(self, view: Reference) -> Hashable:
        return view.deleting, uses_role(view), tuple(self.refers_to(view)), self.holds(view)

    def account(self, view: Reference) -> str:
        return ownership.account_in(view.status.get("roleArn"))

    def states(self, view: Reference) -> Iterable[str]:
        return [row["state"] for row in view.status.get("instances") or ()]

    def in_sync(self, body: Body) -> bool:
        """Never: which nodes there are may have changed while nobody looked."""
        return False
