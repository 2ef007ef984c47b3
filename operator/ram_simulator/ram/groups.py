"""Groups and who is in them. Codes are those of RAM's "Error messages"."""

from collections.abc import Sequence

from ram_simulator.cloud.account import random_text
from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.people import Group
from ram_simulator.cloud.ram_store import Holder, HolderKind
from ram_simulator.ram.checks import (
    comments,
    existing_group,
    existing_user,
    group_name,
    on_all,
    on_group,
    on_user,
    person_name,
)
from ram_simulator.ram.limits import LIMITS


def create_group(cloud: Cloud, call: Call) -> Answer:
    """Create a group with nobody in it."""
    name, now, groups = group_name(call), cloud.clock.now(), cloud.account.people.groups
    group = Group(name, f"g-{random_text(16)}", now, now, comments(call, "Comments"))
    if groups.get(name) is not None:
        raise ApiError(409, "EntityAlreadyExists.Group", f"The group already exists: {name}.")
    if len(groups) >= LIMITS.groups:
        raise ApiError(409, "LimitExceeded.Group", f"An account has at most {LIMITS.groups} groups.")
    groups.add(name, group)
    return {"Group": _created(group)}


def get_group(cloud: Cloud, call: Call) -> Answer:
    """Show a group."""
    return {"Group": _shown(existing_group(cloud, call))}


def update_group(cloud: Cloud, call: Call) -> Answer:
    """Change a group, its name included; what is not sent stays."""
    group = existing_group(cloud, call)
    new_name = person_name(call, "NewGroupName") if call.text("NewGroupName") else group.name
    new_comments = comments(call, "NewComments")
    taken = cloud.account.people.groups.get(new_name)
    if taken is not None and taken is not group:
        raise ApiError(409, "EntityAlreadyExists.Group", f"The group already exists: {new_name}.")
    if new_name != group.name:
        cloud.ram.attachments.rename(Holder(HolderKind.GROUP, group.name.lower()), new_name)
        cloud.account.people.rename_group(group, new_name)
    if call.optional("NewComments") is not None:
        group.comments = new_comments
    group.update_date = cloud.clock.now()
    return {"Group": _shown(group)}


def delete_group(cloud: Cloud, call: Call) -> Answer:
    """Delete a group that has no member and no policy."""
    group = existing_group(cloud, call)
    held = cloud.ram.attachments.of_holder(Holder(HolderKind.GROUP, group.name.lower()))
    for what, found in {"User": group.members, "Policy": held}.items():
        if found:
            message = f"The group {group.name} still has: {what}. Remove it first."
            raise ApiError(409, f"DeleteConflict.Group.{what}", message)
    cloud.account.people.groups.remove(group.name)
    return {}


def list_groups(cloud: Cloud, call: Call) -> Answer:
    """List groups by pages."""
    page = cloud.account.people.groups.page(call.marker("Marker"), call.number("MaxItems", 100, 1, 1000))
    shown = [_shown(group) for group in page.items]
    answer: Answer = {"IsTruncated": page.marker is not None, "Groups": {"Group": shown}}
    return answer | ({"Marker": page.marker} if page.marker else {})


def add_user_to_group(cloud: Cloud, call: Call) -> Answer:
    """Put a user into a group."""
    user, group = existing_user(cloud, call), existing_group(cloud, call)
    if group.name.lower() in user.groups:
        message = f"The user {user.name} is in the group {group.name} already."
        raise ApiError(409, "EntityAlreadyExists.User.Group", message)
    if len(user.groups) >= LIMITS.groups_per_user:
        message = f"A user is in at most {LIMITS.groups_per_user} groups."
        raise ApiError(409, "LimitExceeded.User.Group", message)
    cloud.account.people.join(user, group, cloud.clock.now())
    return {}


def remove_user_from_group(cloud: Cloud, call: Call) -> Answer:
    """Take a user out of a group."""
    user, group = existing_user(cloud, call), existing_group(cloud, call)
    if group.name.lower() not in user.groups:
        raise ApiError(404, "EntityNotExist.User.Group", f"The user {user.name} is not in the group {group.name}.")
    cloud.account.people.leave(user, group)
    return {}


def list_users_for_group(cloud: Cloud, call: Call) -> Answer:
    """List the members of a group by pages."""
    group = existing_group(cloud, call)
    start, size = call.marker("Marker"), call.number("MaxItems", 100, 1, 1000)
    users = cloud.account.people.users
    shown = [
        {"UserName": user.name, "DisplayName": user.display_name, "JoinDate": to_seconds(joined)}
        for name, joined in group.members.items()
        if (user := users.get(name)) is not None
    ]
    truncated = len(shown) > start + size
    answer: Answer = {"IsTruncated": truncated, "Users": {"User": shown[start : start + size]}}
    return answer | ({"Marker": str(start + size)} if truncated else {})


def list_groups_for_user(cloud: Cloud, call: Call) -> Answer:
    """List the groups that a user is in; there are no pages."""
    user = existing_user(cloud, call)
    groups = cloud.account.people.groups
    shown = [
        {
            "GroupId": group.group_id,
            "GroupName": group.name,
            "Comments": group.comments,
            "JoinDate": to_seconds(joined),
        }
        for name, joined in user.groups.items()
        if (group := groups.get(name)) is not None
    ]
    return {"Groups": {"Group": shown}}


def _created(group: Group) -> Answer:
    return {
        "GroupId": group.group_id,
        "GroupName": group.name,
        "Comments": group.comments,
        "CreateDate": to_seconds(group.create_date),
    }


def _shown(group: Group) -> Answer:
    return _created(group) | {"UpdateDate": to_seconds(group.update_date)}


def _on_both(cloud: Cloud, call: Call) -> Sequence[str]:
    return (*on_user(cloud, call), *on_group(cloud, call))


_PAGES = ("Marker", "MaxItems")
ACTIONS = table(
    Action("CreateGroup", create_group, on_group, ("GroupName",), ("Comments",), write=True),
    Action("GetGroup", get_group, on_group, ("GroupName",)),
    Action("UpdateGroup", update_group, on_group, ("GroupName",), ("NewGroupName", "NewComments"), write=True),
    Action("DeleteGroup", delete_group, on_group, ("GroupName",), write=True),
    Action("ListGroups", list_groups, on_all("group"), (), _PAGES),
    Action("AddUserToGroup", add_user_to_group, _on_both, ("UserName", "GroupName"), write=True),
    Action("RemoveUserFromGroup", remove_user_from_group, _on_both, ("UserName", "GroupName"), write=True),
    Action("ListUsersForGroup", list_users_for_group, on_group, ("GroupName",), _PAGES),
    Action("ListGroupsForUser", list_groups_for_user, on_user, ("UserName",)),
)
