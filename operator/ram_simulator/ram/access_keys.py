"""Access keys of users, and of the caller itself where no user is named; the secret is shown once, when it is made."""

from collections.abc import Sequence
from dataclasses import replace

from ram_simulator.cloud.account import UserPrincipal, random_text
from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.people import AccessKey
from ram_simulator.ram.checks import existing_user
from ram_simulator.ram.limits import LIMITS

_STATES = {"Active": True, "Inactive": False}


def create_access_key(cloud: Cloud, call: Call) -> Answer:
    """Make a key; a user has at most two."""
    owner = _owner(cloud, call)
    if len(cloud.account.keys_of(owner)) >= LIMITS.keys_per_user:
        message = f"A user has at most {LIMITS.keys_per_user} access keys."
        raise ApiError(409, "LimitExceeded.User.AccessKey", message)
    key = AccessKey("LTAI" + random_text(20), random_text(30), owner, cloud.clock.now())
    cloud.account.add_key(key)
    return {"AccessKey": _shown(key) | {"AccessKeySecret": key.secret}}


def update_access_key(cloud: Cloud, call: Call) -> Answer:
    """Switch a key on or off; calls with it fail at once."""
    key = _existing(cloud, call)
    status = call.text("Status")
    if status not in _STATES:
        raise ApiError(400, "InvalidParameter.Status", "The parameter Status must be Active or Inactive.")
    cloud.account.add_key(replace(key, active=_STATES[status]))
    return {}


def delete_access_key(cloud: Cloud, call: Call) -> Answer:
    """Delete a key."""
    cloud.account.remove_key(_existing(cloud, call).access_key_id)
    return {}


def list_access_keys(cloud: Cloud, call: Call) -> Answer:
    """List the keys without their secrets; there are no pages."""
    keys = cloud.account.keys_of(_owner(cloud, call))
    return {"AccessKeys": {"AccessKey": [_shown(key) for key in keys]}}


def get_access_key_last_used(cloud: Cloud, call: Call) -> Answer:
    """Tell when a key signed a call last; of one that never did there is no date."""
    used = cloud.account.last_used.get(_existing(cloud, call).access_key_id)
    return {"AccessKeyLastUsed": {"LastUsedDate": to_seconds(used) if used else ""}}


def _owner(cloud: Cloud, call: Call) -> str | None:
    """Return the user that is named, the caller if none is, None for the account itself."""
    if call.text("UserName"):
        return existing_user(cloud, call).name
    return call.principal.user_name if isinstance(call.principal, UserPrincipal) else None


def _existing(cloud: Cloud, call: Call) -> AccessKey:
    owner, access_key_id = _owner(cloud, call), call.text("UserAccessKeyId")
    key = cloud.account.key(access_key_id)
    if key is None or key not in cloud.account.keys_of(owner):
        raise ApiError(404, "EntityNotExist.User.AccessKey", f"The access key does not exist: {access_key_id}.")
    return key


def _shown(key: AccessKey) -> Answer:
    status = "Active" if key.active else "Inactive"
    return {"AccessKeyId": key.access_key_id, "Status": status, "CreateDate": to_seconds(key.create_date)}


def _on_owner(cloud: Cloud, call: Call) -> Sequence[str]:
    name = call.text("UserName")
    if not name and isinstance(call.principal, UserPrincipal):
        name = call.principal.user_name
    return (f"acs:ram:*:{cloud.account.account_id}:user/{name}",)


ACTIONS = table(
    Action("CreateAccessKey", create_access_key, _on_owner, (), ("UserName",), write=True),
    Action("UpdateAccessKey", update_access_key, _on_owner, ("UserAccessKeyId", "Status"), ("UserName",), write=True),
    Action("DeleteAccessKey", delete_access_key, _on_owner, ("UserAccessKeyId",), ("UserName",), write=True),
    Action("GetAccessKeyLastUsed", get_access_key_last_used, _on_owner, ("UserAccessKeyId",), ("UserName",)),
    Action("ListAccessKeys", list_access_keys, _on_owner, (), ("UserName",)),
)
