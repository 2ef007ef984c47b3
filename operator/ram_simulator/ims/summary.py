"""GetAccountSummary: the limits and counts of the account."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ram_simulator.calls import Action, Answer, Call, table
from ram_simulator.ram.limits import LIMITS
from ram_simulator.ram.policies import MOST_POLICIES
from ram_simulator.ram.roles import MOST_ROLES
from ram_simulator.ram.store import PolicyType

if TYPE_CHECKING:
    from ram_simulator.cloud import Cloud


def get_account_summary(cloud: "Cloud", call: Call) -> Answer:
    """Tell how much of everything there is, and how much there may be."""
    custom = cloud.ram.policies[PolicyType.CUSTOM]
    return {
        "SummaryMap": {
            "Users": len(cloud.account.people.users),
            "UsersQuota": LIMITS.users,
            "Groups": len(cloud.account.people.groups),
            "GroupsQuota": LIMITS.groups,
            "GroupsPerUserQuota": LIMITS.groups_per_user,
            "Roles": len(cloud.ram.roles),
            "RolesQuota": MOST_ROLES,
            "Policies": len(custom),
            "PoliciesQuota": MOST_POLICIES,
            "PolicySizeQuota": 6144,
            "VersionsPerPolicyQuota": LIMITS.versions_per_policy,
            "AccessKeysPerUserQuota": LIMITS.keys_per_user,
            "AttachedPoliciesPerUserQuota": 10,
            "AttachedPoliciesPerGroupQuota": 10,
            "AttachedPoliciesPerRoleQuota": 10,
            "AttachedSystemPoliciesPerUserQuota": 20,
            "AttachedSystemPoliciesPerGroupQuota": 20,
            "AttachedSystemPoliciesPerRoleQuota": 20,
            "MFADevices": 0,
            "MFADevicesInUse": 0,
            "VirtualMFADevicesQuota": LIMITS.virtual_mfa_devices,
        }
    }


def _on_everything(cloud: "Cloud", call: Call) -> Sequence[str]:
    return (f"acs:ims:*:{cloud.account.account_id}:*",)


ACTIONS = table(Action("GetAccountSummary", get_account_summary, _on_everything))
