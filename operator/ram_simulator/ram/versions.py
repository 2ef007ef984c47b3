"""Versions of policies: create, get, list, delete, set as default. At most five."""

import re

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.ram_store import Policy, PolicyType, PolicyVersion
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.ram.checks import existing_policy, on_policy, permissions, policy_type, shown_document
from ram_simulator.ram.limits import LIMITS

_ROTATE = "DeleteOldestNonDefaultVersionWhenLimitExceeded"


def create_policy_version(cloud: Cloud, call: Call) -> Answer:
    """Add a version, and put it in force if asked; a rotation makes room by dropping the oldest one not in force."""
    policy = existing_policy(cloud, call, PolicyType.CUSTOM)
    document = permissions(cloud, call)
    as_default = call.flag("SetAsDefault")
    cloud.ram.note_change(policy, cloud.clock.now())
    _make_room(policy, call)
    # whether the number of a deleted version is used again is documented nowhere
    reused = cloud.switches.text(SwitchName.VERSION_NUMBERS) == "reused"
    policy.newest_version = 1 + (max(policy.versions) if reused else policy.newest_version)
    now = cloud.clock.now()
    version = PolicyVersion(policy.newest_version, document, now)
    policy.versions[version.number] = version
    policy.update_date = now
    if as_default:
        policy.default_version = version.number
    return {"PolicyVersion": shown_version(cloud, policy, version)}


def _make_room(policy: Policy, call: Call) -> None:
    strategy = call.text("RotateStrategy") or "None"
    if strategy not in ("None", _ROTATE):
        raise ApiError(400, "InvalidParameter.RotateStrategy", f"RotateStrategy must be None or {_ROTATE}.")
    if len(policy.versions) < LIMITS.versions_per_policy:
        return
    if strategy == "None":
        message = f"The policy {policy.name} has {LIMITS.versions_per_policy} versions already. Delete one first."
        raise ApiError(409, "LimitExceeded.Policy.Version", message)
    oldest = next(number for number in policy.versions if number != policy.default_version)
    del policy.versions[oldest]


def get_policy_version(cloud: Cloud, call: Call) -> Answer:
    """Show one version with its document."""
    policy = cloud.seen_policy(existing_policy(cloud, call, policy_type(call)))
    return {"PolicyVersion": shown_version(cloud, policy, _existing_version(policy, call))}


def list_policy_versions(cloud: Cloud, call: Call) -> Answer:
    """List all versions; there are no pages."""
    policy = cloud.seen_policy(existing_policy(cloud, call, policy_type(call)))
    versions = [shown_version(cloud, policy, version) for version in policy.versions.values()]
    return {"PolicyVersions": {"PolicyVersion": versions}}


def delete_policy_version(cloud: Cloud, call: Call) -> Answer:
    """Delete a version that is not in force."""
    policy = existing_policy(cloud, call, PolicyType.CUSTOM)
    version = _existing_version(policy, call)
    if version.number == policy.default_version:
        message = f"v{version.number} is the default version of the policy {policy.name} and can't be deleted."
        raise ApiError(409, "DeleteConflict.Policy.Version.Default", message)
    cloud.ram.note_change(policy, cloud.clock.now())
    del policy.versions[version.number]
    policy.update_date = cloud.clock.now()
    return {}


def set_default_policy_version(cloud: Cloud, call: Call) -> Answer:
    """Put another version in force."""
    policy = existing_policy(cloud, call, PolicyType.CUSTOM)
    version = _existing_version(policy, call)
    cloud.ram.note_change(policy, cloud.clock.now())
    policy.default_version = version.number
    policy.update_date = cloud.clock.now()
    return {}


def shown_version(cloud: Cloud, policy: Policy, version: PolicyVersion) -> Answer:
    """Render a version as answers show it."""
    return {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == policy.default_version,
        "CreateDate": to_seconds(version.create_date),
        "PolicyDocument": shown_document(cloud, version.document),
    }


def _existing_version(policy: Policy, call: Call) -> PolicyVersion:
    version_id = call.text("VersionId")
    if not re.fullmatch(r"v[1-9][0-9]{0,8}", version_id):
        raise ApiError(400, "InvalidParameter.VersionId.Format", "The parameter VersionId must be such as v1.")
    version = policy.versions.get(int(version_id[1:]))
    if version is None:
        message = f"The policy {policy.name} has no version {version_id}."
        raise ApiError(404, "EntityNotExist.Policy.Version", message)
    return version


ACTIONS = table(
    Action(
        "CreatePolicyVersion",
        create_policy_version,
        on_policy,
        ("PolicyName", "PolicyDocument"),
        ("SetAsDefault", "RotateStrategy"),
        write=True,
    ),
    Action("GetPolicyVersion", get_policy_version, on_policy, ("PolicyName", "PolicyType", "VersionId")),
    Action("ListPolicyVersions", list_policy_versions, on_policy, ("PolicyName", "PolicyType")),
    Action("DeletePolicyVersion", delete_policy_version, on_policy, ("PolicyName", "VersionId"), write=True),
    Action("SetDefaultPolicyVersion", set_default_policy_version, on_policy, ("PolicyName", "VersionId"), write=True),
)
