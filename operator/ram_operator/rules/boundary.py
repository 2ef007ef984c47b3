"""The boundary: what this operator may grant at most, whatever the objects say. The operator's settings draw it.

It judges what is granted, not what is written: a document by all actions that its patterns reach, a trust policy by
everybody whom it lets in. Deny statements and conditions do not narrow what an Allow grants here, and what is not
understood counts as granting everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby

from ram_operator.cloud import PolicyType
from ram_operator.grantable import DENIED_ACTIONS, DENIED_SYSTEM_POLICIES, SYSTEM_POLICIES, TRUST_PRINCIPALS
from ram_operator.model import Granted, listing
from ram_operator.rules.documents.checking import MOST_READ
from ram_operator.rules.documents.granting import allowing, texts
from ram_operator.rules.patterns import ANY_SERVICE, matches, matches_any, overlap, service_of, within
from ram_operator.rules.trust import EVERYBODY, Trusted, trusted

MOST_KEPT = 256
"""How many documents are kept with what of them lies outside: a reconcile judges the same ones several times."""


@dataclass(frozen=True)
class Boundary:
    """What may be granted.

    Args:
        denied_actions: patterns of actions that no document may reach.
        allowed_actions: exceptions: an action of a document that lies wholly inside one of them may be granted.
        system_policies: name patterns of the system policies that roles may get.
        trust_principals: who may be let assume a role: services, and ARNs of accounts, users, roles and identity
            providers, exactly as a trust policy names them.
        grantees: whom attachTo may grant policies to: `user/NAME`, `group/NAME`, `role/NAME`, as patterns.
        denied_system_policies: exceptions from system_policies: those that roles may not get.
    """

    denied_actions: tuple[str, ...] = DENIED_ACTIONS
    allowed_actions: tuple[str, ...] = ()
    system_policies: tuple[str, ...] = SYSTEM_POLICIES
    trust_principals: tuple[str, ...] = TRUST_PRINCIPALS
    grantees: tuple[str, ...] = ()
    denied_system_policies: tuple[str, ...] = DENIED_SYSTEM_POLICIES

    def problems(self, granted: Granted) -> tuple[str, ...]:
        """Say what of something that is granted lies outside; nothing where all of it is inside."""
        return tuple(self._problems(granted))

    def _problems(self, granted: Granted) -> Iterator[str]:
        if granted.grantee and not matches_any(f"{granted.grantee.kind}/{granted.grantee.name}", self.grantees):
            yield f"{granted.grantee} is not in settings.allowedGrantees"
        if granted.policy and granted.policy.type is PolicyType.SYSTEM:
            yield from self._of_system_policy(granted.policy.name)
        if granted.document is not None:
            # What is longer is not read anyway, and need not be kept.
            yield from self._of_document(granted.document[: MOST_READ + 1])
        if granted.trust is not None:
            yield from self._of_trust(granted.trust)

    def _of_system_policy(self, name: str) -> Iterator[str]:
        if not matches_any(name, self.system_policies):
            yield f"system policy {name} is not in settings.allowedSystemPolicies"
        elif denied := [pattern for pattern in self.denied_system_policies if matches(name, pattern)]:
            yield f"system policy {name} is denied by {listing(denied, 3)} of settings.deniedSystemPolicies"

    @cached_property
    def _of_document(self) -> Callable[[str], tuple[str, ...]]:
        """What of a document lies outside, kept for the documents that were judged last."""
        return lru_cache(MOST_KEPT)(lambda document: tuple(self._in_document(document)))

    def _in_document(self, document: str) -> Iterator[str]:
        if not document:
            yield "its document may not be read (ram:GetPolicy)"
            return
        for where, statement in allowing(document):
            if not isinstance(statement, Mapping):
                yield f"{where} is not understood, and so counts as allowing everything"
                continue
            if "NotAction" in statement:
                yield f"{where} allows everything but some actions, and so denied ones; name what it shall allow"
                continue
            for action in texts(statement.get("Action")):
                denied = [pattern for pattern in self._denied(service_of(action)) if overlap(action, pattern)]
                if denied and not any(within(action, pattern) for pattern in self.allowed_actions):
                    yield f"{where} allows {action}, which reaches {listing(denied, 3)} of settings.deniedActions"

    def _denied(self, service: str) -> tuple[str, ...]:
        """The denied patterns that may reach actions of a service."""
        if service == ANY_SERVICE:
            return self.denied_actions
        return (*self._by_service.get(service, ()), *self._by_service.get(ANY_SERVICE, ()))

    @cached_property
    def _by_service(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for pattern in self.denied_actions:
            found.setdefault(service_of(pattern), []).append(pattern)
        return found

    def _of_trust(self, document: str) -> Iterator[str]:
        for where, ones in groupby(trusted(document), key=lambda one: one.where):
            yield from self._of_trusted(where, list(ones))

    def _of_trusted(self, where: str, ones: list[Trusted]) -> Iterator[str]:
        outside = [one.name for one in ones if not one.is_among(self.trust_principals)]
        if EVERYBODY in outside:
            yield f"{where} trusts everybody"
        elif outside:
            yield f"{where} trusts {listing(outside, 3)}, not in settings.allowedTrustPrincipals"
        elif missing := next((one.open_claims for one in ones if one.open_claims), None):
            yield f"{where} trusts an identity provider without a condition that limits {listing(missing)}"


def outside(boundary: Boundary | None, granted: Iterable[Granted]) -> bool:
    """Whether any of it lies outside; nothing does where there is no boundary."""
    return boundary is not None and any(boundary.problems(one) for one in granted)
