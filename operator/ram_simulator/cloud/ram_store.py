"""RAM's state: roles, policies with their versions, and who holds which policy."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from ram_simulator.cloud.history import History
from ram_simulator.cloud.registry import Registry
from ram_simulator.policies import PolicyDocument


class PolicyType(StrEnum):
    """Who made a policy."""

    SYSTEM = "System"
    CUSTOM = "Custom"


class HolderKind(StrEnum):
    """What a policy can be attached to; the values are those of the error codes."""

    ROLE = "Role"
    USER = "User"
    GROUP = "Group"


@dataclass(frozen=True, slots=True)
class Holder:
    """A role by its name, a user or group by its lower-cased name."""

    kind: HolderKind
    name: str


@dataclass(slots=True)
class Role:
    """A role; `service` is what a service-linked one belongs to, empty for all others."""

    name: str
    role_id: str
    description: str
    trust: PolicyDocument
    max_session_duration: int
    create_date: datetime
    update_date: datetime
    trust_date: datetime
    tags: dict[str, str] = field(default_factory=dict)
    earlier_trust: PolicyDocument | None = None
    allows_console_login: bool = True
    service: str = ""

    @property
    def holder(self) -> "Holder":
        """The role as a holder of policies."""
        return Holder(HolderKind.ROLE, self.name)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a policy; `number` 3 is shown as `v3`."""

    number: int
    document: PolicyDocument
    create_date: datetime


@dataclass(slots=True)
class Policy:
    """A policy; its versions are in the order of their numbers, which are never used again."""

    name: str
    policy_type: PolicyType
    description: str
    create_date: datetime
    update_date: datetime
    versions: dict[int, PolicyVersion]
    default_version: int = 1
    newest_version: int = 1
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def default(self) -> PolicyVersion:
        """The version in force."""
        return self.versions[self.default_version]


PolicyKey = tuple[PolicyType, str]


def key_of(policy: Policy) -> PolicyKey:
    """Return what a policy is known by in attachments."""
    # both types may have a policy of one name: a system policy can appear after a custom one was made
    return (policy.policy_type, policy.name.lower())


_DETACHMENTS_KEPT = 10_000


class Attachments:
    """Which holder has which policy since when, readable from both sides."""

    def __init__(self) -> None:
        self._by_holder: dict[Holder, dict[PolicyKey, datetime]] = {}
        self._by_policy: dict[PolicyKey, dict[Holder, datetime]] = {}
        self._detached: dict[tuple[Holder, PolicyKey], tuple[datetime, datetime]] = {}

    def __iter__(self) -> Iterator[tuple[Holder, PolicyKey, datetime]]:
        return ((holder, key, since) for holder, held in self._by_holder.items() for key, since in held.items())

    def has(self, holder: Holder, key: PolicyKey) -> bool:
        """Say whether the holder has the policy."""
        return key in self._by_holder.get(holder, ())

    def add(self, holder: Holder, key: PolicyKey, moment: datetime) -> None:
        """Attach."""
        self._by_holder.setdefault(holder, {})[key] = moment
        self._by_policy.setdefault(key, {})[holder] = moment

    def remove(self, holder: Holder, key: PolicyKey, moment: datetime) -> None:
        """Detach what is attached."""
        if len(self._detached) >= _DETACHMENTS_KEPT:
            self._detached.clear()
        self._detached[holder, key] = (self._by_holder[holder][key], moment)
        del self._by_holder[holder][key]
        del self._by_policy[key][holder]
        if not self._by_holder[holder]:
            del self._by_holder[holder]
        if not self._by_policy[key]:
            del self._by_policy[key]

    def rename(self, holder: Holder, name: str) -> None:
        """Let a user or group hold under another name what it holds."""
        held = self._by_holder.pop(holder, {})
        renamed = Holder(holder.kind, name.lower())
        for key, moment in held.items():
            del self._by_policy[key][holder]
            self.add(renamed, key, moment)

    def detached_since(self, moment: datetime) -> list[tuple[Holder, PolicyKey]]:
        """Return what was detached after `moment`."""
        return [pair for pair, (_, detached) in self._detached.items() if detached > moment]

    def of_holder(self, holder: Holder) -> dict[PolicyKey, datetime]:
        """Return the holder's policies and since when it has them."""
        return self._by_holder.get(holder, {})

    def of_policy(self, key: PolicyKey) -> dict[Holder, datetime]:
        """Return the policy's holders and since when they have it."""
        return self._by_policy.get(key, {})

    def past_of_holder(self, holder: Holder, moment: datetime) -> dict[PolicyKey, datetime]:
        """Return the policies that a holder had at a moment, and since when."""
        return {key: since for other, key, since in self._past(moment) if other == holder}

    def past_of_policy(self, key: PolicyKey, moment: datetime) -> dict[Holder, datetime]:
        """Return the holders that a policy had at a moment, and since when."""
        return {holder: since for holder, other, since in self._past(moment) if other == key}

    def _past(self, moment: datetime) -> Iterator[tuple[Holder, PolicyKey, datetime]]:
        yield from (item for item in self if item[2] <= moment)
        for (holder, key), (since, detached) in self._detached.items():
            if since <= moment < detached:
                yield holder, key, since


class RamStore:
    """Roles, policies and attachments, and what roles and custom policies were before they changed."""

    def __init__(self) -> None:
        self.roles: Registry[Role] = Registry()
        self.policies: dict[PolicyType, Registry[Policy]] = {kind: Registry() for kind in PolicyType}
        self.attachments = Attachments()
        self.past_roles: History[Role] = History()
        self.past_policies: History[Policy] = History()

    def note_change(self, item: Role | Policy, now: datetime) -> None:
        """Remember a role or custom policy as it is, before it changes or goes."""
        if isinstance(item, Role):
            self.past_roles.note(item.name, replace(item, tags=dict(item.tags)), now)
        else:
            copy = replace(item, tags=dict(item.tags), versions=dict(item.versions))
            self.past_policies.note(item.name, copy, now)

    def policy(self, key: PolicyKey) -> Policy | None:
        """Return the policy of that type and name."""
        return self.policies[key[0]].get(key[1])

    def documents_of(self, holder: Holder, attached_until: datetime | None = None) -> Iterator[PolicyDocument]:
        """Return the documents in force for a holder, of policies that it has since `attached_until` at the latest."""
        for key, since in self.attachments.of_holder(holder).items():
            policy = self.policy(key)
            if policy is not None and (attached_until is None or since <= attached_until):
                yield policy.default.document
