"""Which networks an access key may be used from: SetAccessKeyPolicy, GetAccessKeyPolicy. Kept and shown, not obeyed.

The document and the key without one (`{}`) are as Terraform's alicloud_ram_access_key_policy has them: `Version` is
added, an empty object is refused. The error codes are made as RAM makes its own; no page names the resource.
"""

import ipaddress
import json
from dataclasses import replace
from typing import Any

from ram_simulator.cloud.account import UserPrincipal
from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.people import AccessKey
from ram_simulator.ram.checks import on_everything

_STATES = ("Active", "Inactive")
_MOST_STATEMENTS = 8


def set_access_key_policy(cloud: Cloud, call: Call) -> Answer:
    """Put a policy in the place of the one that the key has."""
    key = replace(_existing(cloud, call), network_policy=_policy(call.text("AccessKeyPolicy")))
    cloud.account.add_key(key)
    return _shown(key)


def get_access_key_policy(cloud: Cloud, call: Call) -> Answer:
    """Show the policy of a key."""
    return _shown(_existing(cloud, call))


def _existing(cloud: Cloud, call: Call) -> AccessKey:
    """Return the key of the user that is named by its logon name, of the caller if none is."""
    named, access_key_id = call.text("UserPrincipalName").partition("@")[0], call.text("UserAccessKeyId")
    owner = call.principal.user_name if isinstance(call.principal, UserPrincipal) else None
    if named:
        user = cloud.account.people.users.get(named)
        if user is None:
            raise ApiError(404, "EntityNotExist.User", f"The user does not exist: {named}.")
        owner = user.name
    key = next((key for key in cloud.account.keys_of(owner) if key.access_key_id == access_key_id), None)
    if key is None:
        raise ApiError(404, "EntityNotExist.User.AccessKey", f"The access key does not exist: {access_key_id}.")
    return key


def _policy(text: str) -> str:
    try:
        given = json.loads(text)
        statements = given["Statements"]
        valid = given["Status"] in _STATES and isinstance(statements, list) and len(statements) <= _MOST_STATEMENTS
        if not (valid and all(_is_statement(statement) for statement in statements)):
            raise ValueError(text)
        return json.dumps({"Version": 1, "Status": given["Status"], "Statements": statements}, separators=(",", ":"))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        message = (
            f"The parameter AccessKeyPolicy must be JSON with Status ({', '.join(_STATES)}) and up to "
            f"{_MOST_STATEMENTS} Statements, each with a Type and an IPList."
        )
        raise ApiError(400, "InvalidParameter.AccessKeyPolicy", message) from error


def _is_statement(statement: Any) -> bool:  # noqa: ANN401 - JSON has many types
    """Say whether it is one; raise ValueError, TypeError or KeyError if it lacks something or names no network."""
    for address in statement["IPList"]:
        ipaddress.ip_network(str(address), strict=False)
    return isinstance(statement["Type"], str) and isinstance(statement["IPList"], list)


def _shown(key: AccessKey) -> Answer:
    return {"AccessKeyId": key.access_key_id, "AccessKeyPolicy": key.network_policy}


_NAMED, _OF = ("UserAccessKeyId",), ("UserPrincipalName",)
_SET = (*_NAMED, "AccessKeyPolicy")
ACTIONS = table(
    Action("SetAccessKeyPolicy", set_access_key_policy, on_everything, _SET, _OF, write=True, service="ram"),
    Action("GetAccessKeyPolicy", get_access_key_policy, on_everything, _NAMED, _OF, service="ram"),
)
