"""The credentials of the role that an instance has, as its metadata service publishes them.

They are valid for 6 hours, and 30 minutes before they end there are new ones ("Use RAM roles to access other Alibaba
Cloud services"); in between both are valid.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ram_simulator.cloud.account import Credential, RoleSession
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance, RoleBinding
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.ecs.checks import trusts_ecs
from ram_simulator.metadata.errors import MetadataError

_LIFE = timedelta(hours=6)
_RENEWED_BEFORE_END = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class _Published:
    binding: RoleBinding
    credential: Credential


class PublishedCredentials:
    """The newest credential of each instance; `note_issue` is called when one is made."""

    def __init__(self, note_issue: Callable[[], None]) -> None:
        self._note_issue = note_issue
        self._published: dict[str, _Published] = {}

    def of(self, cloud: Cloud, instance: Instance, role_name: str) -> Credential:
        """Return the credential of the instance's role; raise MetadataError if it has none, or not that one."""
        binding = seen_binding(cloud, instance)
        in_any_case = cloud.switches.text(SwitchName.METADATA_ROLE_CASE) == "any"
        if binding.role_name != role_name and not (in_any_case and binding.role_name.lower() == role_name.lower()):
            status = int(cloud.switches.text(SwitchName.METADATA_OTHER_ROLE_STATUS))
            raise MetadataError(status, "the instance does not have this role")
        return self._current(cloud, instance, binding)

    def _current(self, cloud: Cloud, instance: Instance, binding: RoleBinding) -> Credential:
        now, published = cloud.clock.now(), self._published.get(instance.instance_id)
        # the binding itself, not its role's name: attached anew may mean another session policy
        current = published.credential if published and published.binding is binding else None
        role = cloud.role(binding.role_name)
        trusted = role is not None and trusts_ecs(cloud, role, {})
        lives_on = cloud.switches.text(SwitchName.TRUST_REMOVED) == "old-token-lives"
        if current and current.expiration - now > _RENEWED_BEFORE_END and (trusted or lives_on):
            return current
        if role is None or not trusted:
            if current and current.expiration > now and lives_on:
                return current  # without the role's trust nothing new is issued, what was issued lives on
            raise MetadataError(404, "ECS may not assume the role")
        limits = () if binding.session_policy is None else (binding.session_policy,)
        session = RoleSession(cloud.account.account_id, role.name, role.role_id, instance.instance_id, limits)
        issued = cloud.account.issue(session, now, now + _LIFE)
        self._published[instance.instance_id] = _Published(binding, issued)
        self._note_issue()
        return issued


def seen_binding(cloud: Cloud, instance: Instance) -> RoleBinding:
    """Return the role as the metadata service sees it; raise MetadataError if it sees none."""
    delay = cloud.switches.delay(SwitchName.ROLE_TO_METADATA)
    seen = instance.binding_before(cloud.clock.now() - delay) if delay else instance.binding
    if seen is None:
        raise MetadataError(404, "the instance has no role")
    return seen
