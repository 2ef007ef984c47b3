"""Users, as far as roles and policies need them: GetUser, ListUsers."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from ram_simulator.account import User
from ram_simulator.calls import Action, Answer, Call, table
from ram_simulator.clock import to_seconds
from ram_simulator.errors import ApiError
from ram_simulator.ram.checks import on_all, user_name

if TYPE_CHECKING:
    from ram_simulator.cloud import Cloud


def get_user(cloud: "Cloud", call: Call) -> Answer:
    """Show a user."""
    name = user_name(call)
    user = cloud.account.user(name)
    if user is None:
        raise ApiError(404, "EntityNotExist.User", f"The user does not exist: {name}.")
    return {"User": _shown(user) | {"Email": "", "MobilePhone": "", "LastLoginDate": ""}}


def list_users(cloud: "Cloud", call: Call) -> Answer:
    """List users by pages."""
    start, size = call.marker("Marker"), call.number("MaxItems", 100, 1, 1000)
    found = list(islice(cloud.account.users(), start, start + size + 1))
    truncated = len(found) > size
    answer: Answer = {"IsTruncated": truncated, "Users": {"User": [_shown(user) for user in found[:size]]}}
    return answer | ({"Marker": str(start + size)} if truncated else {})


def _shown(user: User) -> Answer:
    return {
        "UserId": user.user_id,
        "UserName": user.name,
        "DisplayName": user.display_name,
        "Comments": user.comments,
        "CreateDate": to_seconds(user.create_date),
        "UpdateDate": to_seconds(user.create_date),
    }


def _on_user(cloud: "Cloud", call: Call) -> Sequence[str]:
    return (f"acs:ram:*:{cloud.account.account_id}:user/{call.text('UserName')}",)


ACTIONS = table(
    Action("GetUser", get_user, _on_user, ("UserName",)),
    Action("ListUsers", list_users, on_all("user"), (), ("Marker", "MaxItems")),
)
