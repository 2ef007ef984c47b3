"""Users: CreateUser, GetUser, UpdateUser, DeleteUser, ListUsers. Codes are those of RAM's "Error messages"."""

import re

from ram_simulator.cloud.account import random_digits
from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.people import User
from ram_simulator.cloud.ram_store import Holder, HolderKind
from ram_simulator.ram.checks import comments, display_name, existing_user, on_all, on_user, person_name, user_name
from ram_simulator.ram.limits import LIMITS

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MOBILE_PHONE = re.compile(r"[0-9]{1,4}-[0-9]{4,20}")


def create_user(cloud: Cloud, call: Call) -> Answer:
    """Create a user; it may do nothing and has no key."""
    name, now, users = user_name(call), cloud.clock.now(), cloud.account.people.users
    user = User(
        name=name,
        user_id=random_digits(18),
        create_date=now,
        update_date=now,
        display_name=display_name(call, "DisplayName"),
        comments=comments(call, "Comments"),
        email=_formatted(call, "Email", _EMAIL),
        mobile_phone=_formatted(call, "MobilePhone", _MOBILE_PHONE),
    )
    if users.get(name) is not None:
        raise ApiError(409, "EntityAlreadyExists.User", f"The user already exists: {name}.")
    if len(users) >= LIMITS.users:
        raise ApiError(409, "LimitExceeded.User", f"An account has at most {LIMITS.users} users.")
    users.add(name, user)
    return {"User": _without(_shown(user), "UpdateDate")}


def get_user(cloud: Cloud, call: Call) -> Answer:
    """Show a user."""
    return {"User": _shown(existing_user(cloud, call)) | {"LastLoginDate": ""}}


def update_user(cloud: Cloud, call: Call) -> Answer:
    """Change a user, its name included; what is not sent stays, what is sent empty is emptied."""
    user = existing_user(cloud, call)
    new_name = person_name(call, "NewUserName") if call.text("NewUserName") else user.name
    changes = {
        "display_name": (display_name(call, "NewDisplayName"), "NewDisplayName"),
        "comments": (comments(call, "NewComments"), "NewComments"),
        "email": (_formatted(call, "NewEmail", _EMAIL), "NewEmail"),
        "mobile_phone": (_formatted(call, "NewMobilePhone", _MOBILE_PHONE), "NewMobilePhone"),
    }
    taken = cloud.account.people.users.get(new_name)
    if taken is not None and taken is not user:
        raise ApiError(409, "EntityAlreadyExists.User", f"The user already exists: {new_name}.")
    if new_name != user.name:
        cloud.ram.attachments.rename(Holder(HolderKind.USER, user.name.lower()), new_name)
        cloud.account.rename_user(user, new_name)
    for attribute, (value, parameter) in changes.items():
        if call.optional(parameter) is not None:
            setattr(user, attribute, value)
    user.update_date = cloud.clock.now()
    return {"User": _shown(user)}


def delete_user(cloud: Cloud, call: Call) -> Answer:
    """Delete a user that is in no group and has no key, login profile or policy."""
    user = existing_user(cloud, call)
    held = cloud.ram.attachments.of_holder(Holder(HolderKind.USER, user.name.lower()))
    obstacles = {
        "Group": user.groups,
        "AccessKey": cloud.account.keys_of(user.name),
        "LoginProfile": user.login_profile,
        "Policy": held,
    }
    for what, found in obstacles.items():
        if found:
            message = f"The user {user.name} still has: {what}. Remove it first."
            raise ApiError(409, f"DeleteConflict.User.{what}", message)
    cloud.account.people.users.remove(user.name)
    return {}


def list_users(cloud: Cloud, call: Call) -> Answer:
    """List users by pages."""
    page = cloud.account.people.users.page(call.marker("Marker"), call.number("MaxItems", 100, 1, 1000))
    answer: Answer = {"IsTruncated": page.marker is not None, "Users": {"User": [_shown(user) for user in page.items]}}
    return answer | ({"Marker": page.marker} if page.marker else {})


def _formatted(call: Call, parameter: str, pattern: re.Pattern[str]) -> str:
    value = call.text(parameter)
    if value and not pattern.fullmatch(value):
        raise ApiError(400, f"InvalidParameter.{parameter}.Format", f"The format of {parameter} is incorrect.")
    return value


def _shown(user: User) -> Answer:
    return {
        "UserId": user.user_id,
        "UserName": user.name,
        "DisplayName": user.display_name,
        "MobilePhone": user.mobile_phone,
        "Email": user.email,
        "Comments": user.comments,
        "CreateDate": to_seconds(user.create_date),
        "UpdateDate": to_seconds(user.update_date),
    }


def _without(answer: Answer, name: str) -> Answer:
    return {key: value for key, value in answer.items() if key != name}


_DETAILS = ("DisplayName", "Comments", "Email", "MobilePhone")
ACTIONS = table(
    Action("CreateUser", create_user, on_user, ("UserName",), _DETAILS, write=True),
    Action("GetUser", get_user, on_user, ("UserName",)),
    Action(
        "UpdateUser",
        update_user,
        on_user,
        ("UserName",),
        ("NewUserName", *(f"New{name}" for name in _DETAILS)),
        write=True,
    ),
    Action("DeleteUser", delete_user, on_user, ("UserName",), write=True),
    Action("ListUsers", list_users, on_all("user"), (), ("Marker", "MaxItems")),
)
