"""GetAccountSummary: the limits and counts of the account."""

from collections.abc import Sequence

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ram_store import PolicyType
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.ram.checks import DOCUMENT_LENGTH
from ram_simulator.ram.limits import LIMITS

_HOLDERS = ("User", "Group", "Role")


def get_account_summary(cloud: Cloud, call: Call) -> Answer:
    """Tell how much of everything there is, and how much there may be."""
    switches = cloud.switches
    system, custom = switches.number(SwitchName.SYSTEM_POLICIES), switches.number(SwitchName.CUSTOM_POLICIES)
    return {
        "SummaryMap": {
            "Users": len(cloud.account.people.users),
            "UsersQuota": LIMITS.users,
            "Groups": len(cloud.account.people.groups),
            "GroupsQuota": LIMITS.groups,
            "GroupsPerUserQuota": LIMITS.groups_per_user,
            "Roles": len(cloud.ram.roles),
            "RolesQuota": switches.number(SwitchName.ROLES),
            "Policies": len(cloud.ram.policies[PolicyType.CUSTOM]),
            "PoliciesQuota": switches.number(SwitchName.POLICIES),
            "PolicySizeQuota": DOCUMENT_LENGTH,
            "VersionsPerPolicyQuota": LIMITS.versions_per_policy,
            "AccessKeysPerUserQuota": LIMITS.keys_per_user,
            **{f"AttachedPoliciesPer{kind}Quota": custom for kind in _HOLDERS},
            **{f"AttachedSystemPoliciesPer{kind}Quota": system for kind in _HOLDERS},
            "MFADevices": 0,
            "MFADevicesInUse": 0,
            "VirtualMFADevicesQuota": LIMITS.virtual_mfa_devices,
        }
    }


def _on_everything(cloud: Cloud, call: Call) -> Sequence[str]:
    return ("*",)


ACTIONS = table(Action("GetAccountSummary", get_account_summary, _on_everything, service="ram"))
