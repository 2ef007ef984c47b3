"""How a RamPolicy relates to others: roles name it, by its object or by its policy's name."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from ram_operator.kinds import ownership
from ram_operator.kinds.names import RAM_POLICY
from ram_operator.kinds.offers import policy_exists, policy_name
from ram_operator.kinds.ram_policy import grants
from ram_operator.model import Body, CloudName, Reference
from ram_operator.rules.boundary import Boundary, outside


@dataclass(frozen=True, slots=True)
class PolicyLinks:
    """The links of RamPolicy; implements `kinds.Links`.

    Args:
        boundary: what may be granted.
    """

    boundary: Boundary | None = None

    def manages(self, view: Reference) -> CloudName:
        return CloudName.of(RAM_POLICY.kind, policy_name(view))

    def refers_to(self, view: Reference) -> tuple[()]:
        return ()

    def holds(self, view: Reference) -> tuple[()]:
        return ()

    def offers(self, view: Reference) -> Hashable:
        return view.uid, view.deleting, policy_exists(view)

    def uses(self, view: Reference) -> Hashable:
        return ()

    def account(self, view: Reference) -> str:
        return ""

    def states(self, view: Reference) -> Iterable[str]:
        return ()

    def in_sync(self, body: Body) -> bool:
        return ownership.reconciled(body) and not outside(self.boundary, grants.asked(body["spec"]))
