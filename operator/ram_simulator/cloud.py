"""The whole simulated cloud: one object made from a fixture, replaced by another one at a reset.

Every rule gets it as its first argument; nothing of its state lives elsewhere.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ram_simulator.account import Account, Anonymous, Principal, RoleSession, Root, UserPrincipal
from ram_simulator.authorization.engine import AccessRequest, Context, Verdict, evaluate_layers
from ram_simulator.clock import Clock
from ram_simulator.documents import Grammar, PolicyDocument
from ram_simulator.ecs.store import EcsStore, Instance
from ram_simulator.errors import ApiError
from ram_simulator.oss.store import OssStore
from ram_simulator.ram.store import Holder, HolderKind, Policy, PolicyType, RamStore, Role
from ram_simulator.switches import Switches, SwitchName


@dataclass(frozen=True, slots=True)
class Cloud:
    """Account, clock and the stores of the products."""

    account: Account
    clock: Clock
    ram: RamStore
    ecs: EcsStore
    oss: OssStore
    switches: Switches = field(default_factory=Switches)

    def is_new(self, since: datetime, delay: SwitchName) -> bool:
        """Say whether what happened at `since` is not to be seen yet, by a switch that is in seconds."""
        return self.switches.number(delay) > 0 and self.clock.now() - since < self.switches.delay(delay)

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

    def verdict(self, principal: Principal, request: AccessRequest) -> Verdict:
        """Say what the policies of `principal`, as they are now, say to `request`."""
        if isinstance(principal, Root):
            return Verdict.ALLOWED
        tagged = replace(request, context={**request.context, **self._tags(request.resource)})
        return evaluate_layers(self._layers(principal), tagged)

    def authorize(self, principal: Principal, action: str, resources: Sequence[str], context: Context) -> None:
        """Return if `principal` may do `action` on all `resources`; raise AccessRefused if not."""
        if isinstance(principal, Root):
            return
        for resource in resources:
            verdict = self.verdict(principal, AccessRequest(action, resource, context))
            if verdict is not Verdict.ALLOWED:
                raise AccessRefused(principal, action, resource, verdict)

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


class AccessRefused(Exception):
    """Policies do not let a principal do an action; each product has its own code for it."""

    def __init__(self, principal: Principal, action: str, resource: str, verdict: Verdict) -> None:
        super().__init__(f"{action} on {resource}")
        self.principal = principal
        self.action = action
        self.resource = resource
        self.verdict = verdict

    def as_error(self, code: str) -> ApiError:
        """Return the error answer, with AccessDeniedDetail."""
        principal = self.principal
        name = principal.user_name if isinstance(principal, UserPrincipal) else principal.arn.partition("/")[2]
        detail = {
            "AuthAction": self.action,
            "AuthPrincipalType": "SubUser" if isinstance(principal, UserPrincipal) else "AssumedRoleUser",
            "AuthPrincipalOwnerId": principal.account_id,
            "AuthPrincipalDisplayName": name,
            "NoPermissionType": self.verdict.value,
            "PolicyType": "AccountLevelIdentityBasedPolicy",
        }
        message = f"You are not authorized to do this action. Resource: {self.resource} Action: {self.action}"
        return ApiError(403, code, message, detail)
