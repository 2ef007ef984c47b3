"""The whole simulated cloud: one object made from a fixture, replaced by another one at a reset.

Every rule gets it as its first argument; nothing of its state lives elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from ram_simulator.cloud.account import Account, Anonymous, Principal, RoleSession, Root, UserPrincipal
from ram_simulator.cloud.clock import Clock
from ram_simulator.cloud.ecs_store import EcsStore, Instance
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.networks import NetworkStore
from ram_simulator.cloud.oss_store import OssStore
from ram_simulator.cloud.ram_store import Holder, HolderKind, Policy, PolicyKey, PolicyType, RamStore, Role, key_of
from ram_simulator.cloud.registry import Registry
from ram_simulator.cloud.switches import Switches, SwitchName
from ram_simulator.policies import Grammar, PolicyDocument
from ram_simulator.policies.diagnosis import encode
from ram_simulator.policies.engine import AccessRequest, Context, Verdict, decide, evaluate

_OWN_POLICIES = "AccountLevelIdentityBasedPolicy"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Account, clock and the stores of the products.

    `asked` are the pairs of action and resource that were authorised, or refused, since somebody took them.
    """

    account: Account
    clock: Clock
    ram: RamStore
    ecs: EcsStore
    oss: OssStore
    networks: NetworkStore = field(default_factory=NetworkStore)
    switches: Switches = field(default_factory=Switches)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def is_new(self, since: datetime, delay: SwitchName) -> bool:
        """Say whether what happened at `since` is not to be seen yet, by a switch that is in seconds."""
        return self.switches.number(delay) > 0 and self.clock.now() - since < self.switches.delay(delay)

    def seen_role(self, role: Role) -> Role:
        """Return a role as reads show it: as it was before an update that is not to be seen yet."""
        delay = self.switches.delay(SwitchName.UPDATE_SEEN)
        return (self.ram.past_roles.at(role.name, self.clock.now() - delay, role) or role) if delay else role

    def seen_policy(self, policy: Policy) -> Policy:
        """Return a policy as reads show it: as it was before an update that is not to be seen yet."""
        delay, past = self.switches.delay(SwitchName.UPDATE_SEEN), self.ram.past_policies
        own = delay and policy.policy_type is PolicyType.CUSTOM
        return (past.at(policy.name, self.clock.now() - delay, policy) or policy) if own else policy

    @property
    def lists_seen(self) -> datetime | None:
        """The moment that lists show, None for now."""
        delay = self.switches.delay(SwitchName.LISTS_SEEN)
        return self.clock.now() - delay if delay else None

    def listed_roles(self) -> Registry[Role]:
        """Return the roles that lists show."""
        moment = self.lists_seen
        if moment is None:
            return self.ram.roles
        return _registry(self.ram.past_roles.all_at(moment, self.ram.roles, lambda role: role.name))

    def listed_policies(self, kind: PolicyType) -> Registry[Policy]:
        """Return the policies of a type that lists show; the system's never change."""
        moment, policies = self.lists_seen, self.ram.policies[kind]
        if moment is None or kind is PolicyType.SYSTEM:
            return policies
        return _registry(self.ram.past_policies.all_at(moment, policies, lambda policy: policy.name))

    def policies_of(self, holder: Holder) -> Mapping[PolicyKey, datetime]:
        """Return the policies of a holder that lists show, and since when it has them."""
        attachments, moment = self.ram.attachments, self.lists_seen
        return attachments.past_of_holder(holder, moment) if moment else attachments.of_holder(holder)

    def holders_of(self, policy: Policy) -> Mapping[Holder, datetime]:
        """Return the holders of a policy that lists show, and since when they have it."""
        attachments, key, moment = self.ram.attachments, key_of(policy), self.lists_seen
        return attachments.past_of_policy(key, moment) if moment else attachments.of_policy(key)

    @property
    def grammar(self) -> Grammar:
        """What policy documents may have that is written now."""
        return Grammar(
            undocumented=self.switches.text(SwitchName.UNDOCUMENTED_ELEMENTS) == "obeyed",
            unknown_keys=self.switches.text(SwitchName.UNKNOWN_KEYS) == "ignored",
            repeated_keys=self.switches.text(SwitchName.REPEATED_KEYS) == "last-counts",
            unreadable_values=self.switches.text(SwitchName.UNREADABLE_VALUES) == "never-matching",
        )

    def role(self, name: str) -> Role | None:
        """Return the role of that name, whose case counts if the switch says so."""
        role = self.ram.roles.get(name)
        return role if role is not None and self.is_same_role(role.name, name) else None

    def is_same_role(self, name: str, other: str) -> bool:
        """Say whether two names are of one role."""
        if self.switches.text(SwitchName.ROLE_NAME_CASE) == "distinct":
            return name == other
        return name.lower() == other.lower()

    def authorize(self, principal: Principal, action: str, resources: Sequence[str], context: Context) -> None:
        """Return if the policies of `principal`, as they are now, allow `action` on all `resources`.

        Raises:
            AccessRefused: they do not.
        """
        self.asked.extend((action, resource) for resource in resources)
        if isinstance(principal, Root):
            return
        for resource in resources:
            request = AccessRequest(action, resource, {**context, **self._tags(resource)})
            verdict, layer = decide([evaluate(documents, request) for documents in self._layers(principal)])
            if verdict is not Verdict.ALLOWED:
                raise AccessRefused(principal, request, verdict, _OWN_POLICIES if layer == 0 else "SessionPolicy")

    def take_asked(self) -> tuple[tuple[str, str], ...]:
        """Return what was authorised or refused since the last time."""
        taken = tuple(self.asked)
        self.asked.clear()
        return taken

    def _tags(self, resource: str) -> Context:
        """Return the condition keys `acs:ResourceTag/<key>` of a role, a custom policy or an instance."""
        kind, _, name = resource.rpartition(":")[2].partition("/")
        named: dict[str, Callable[[str], Role | Policy | Instance | None]] = {
            "role": self.role,
            "policy": self.ram.policies[PolicyType.CUSTOM].get,
            "instance": self.ecs.get,
        }
        thing = named[kind](name) if kind in named else None
        return {f"acs:ResourceTag/{key}": value for key, value in thing.tags.items()} if thing else {}

    def _documents_of(self, holder: Holder) -> Iterable[PolicyDocument]:
        delay = self.switches.delay(SwitchName.POLICY_EFFECT)
        return self.ram.documents_of(holder, self.clock.now() - delay if delay else None)

    def _layers(self, principal: UserPrincipal | RoleSession | Anonymous) -> list[Iterable[PolicyDocument]]:
        if isinstance(principal, Anonymous):
            return []
        if isinstance(principal, UserPrincipal):
            user = self.account.people.users.get(principal.user_name)
            holders = [Holder(HolderKind.USER, principal.user_name.lower())]
            holders += [Holder(HolderKind.GROUP, name) for name in (user.groups if user else ())]
            return [[document for holder in holders for document in self._documents_of(holder)]]
        role = self.ram.roles.get(principal.role_name)
        # a role deleted and made anew has another id: old sessions are not its own
        if role is None or role.role_id != principal.role_id:
            return []
        own = self._documents_of(role.holder)
        return [own, *([limit] for limit in principal.limits)]


_Named = TypeVar("_Named", Role, Policy)


def _registry(items: Iterable[_Named]) -> Registry[_Named]:
    registry: Registry[_Named] = Registry()
    for item in items:
        registry.add(item.name, item)
    return registry


class AccessRefused(Exception):
    """Policies do not let a principal do an action; each product has its own code for it, unless `code` is set.

    `policy_type` is the kind of policy it fails at, as AccessDeniedDetail calls it; `reason` is for people.
    """

    def __init__(
        self, principal: Principal, request: AccessRequest, verdict: Verdict, policy_type: str, reason: str = ""
    ) -> None:
        super().__init__(f"{request.action} on {request.resource}")
        self.principal = principal
        self.request = request
        self.verdict = verdict
        self.policy_type = policy_type
        self.reason = reason
        self.code = ""

    def as_error(self, code: str) -> ApiError:
        """Return the error answer, with AccessDeniedDetail."""
        request, who = self.request, _shown_principal(self.principal)
        detail = {
            "AuthAction": request.action,
            **who,
            "NoPermissionType": self.verdict.value,
            "PolicyType": self.policy_type,
            "EncodedDiagnosticMessage": encode(self._diagnosis(who)),
        }
        message = f"You are not authorized to do this action. Resource: {request.resource} Action: {request.action}"
        return ApiError(403, self.code or code, self.reason or message, detail)

    def _diagnosis(self, who: Mapping[str, str]) -> Mapping[str, object]:
        conditions = [
            {"ConditionKey": key, "ConditionValues": [value] if isinstance(value, str) else list(value)}
            for key, value in self.request.context.items()
        ]
        return {
            "ExplicitDeny": self.verdict is Verdict.EXPLICIT_DENY,
            "NoPermissionPolicyType": self.policy_type,
            "AuthAction": self.request.action,
            "AuthResource": self.request.resource,
            "AuthPrincipal": dict(who),
            "AuthConditions": conditions,
            "MatchedPolicies": [],
        }


def _shown_principal(principal: Principal) -> Mapping[str, str]:
    name = principal.user_name if isinstance(principal, UserPrincipal) else principal.arn.partition("/")[2]
    return {
        "AuthPrincipalType": "SubUser" if isinstance(principal, UserPrincipal) else "AssumedRoleUser",
        "AuthPrincipalOwnerId": principal.account_id,
        "AuthPrincipalDisplayName": name,
    }
