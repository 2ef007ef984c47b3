"""Users and groups of the account: what RAM's calls on people change, and what authorization reads.

Memberships and keys hang on the objects themselves, so that a rename moves nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime

from ram_simulator.cloud.registry import Registry


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A long-lived key pair; `user_name` is None for the account's own, `network_policy` is kept and shown only."""

    access_key_id: str
    secret: str
    user_name: str | None
    create_date: datetime
    active: bool = True
    network_policy: str = "{}"


@dataclass(frozen=True, slots=True)
class LoginProfile:
    """That a user may log on to the console; of the password a digest is kept, for ChangePassword."""

    create_date: datetime
    password_reset_required: bool
    mfa_bind_required: bool
    password_digest: str = ""


@dataclass(slots=True)
class User:
    """A RAM user; `groups` are lower-cased names and since when the user is in them."""

    name: str
    user_id: str
    create_date: datetime
    update_date: datetime
    display_name: str = ""
    comments: str = ""
    email: str = ""
    mobile_phone: str = ""
    groups: dict[str, datetime] = field(default_factory=dict)
    login_profile: LoginProfile | None = None


@dataclass(slots=True)
class Group:
    """A RAM user group; `members` are lower-cased names and since when they are in it."""

    name: str
    group_id: str
    create_date: datetime
    update_date: datetime
    comments: str = ""
    members: dict[str, datetime] = field(default_factory=dict)


class People:
    """Users and groups; memberships can be read from both sides."""

    def __init__(self) -> None:
        self.users: Registry[User] = Registry()
        self.groups: Registry[Group] = Registry()

    def join(self, user: User, group: Group, moment: datetime) -> None:
        """Put a user into a group."""
        user.groups[group.name.lower()] = moment
        group.members[user.name.lower()] = moment

    def leave(self, user: User, group: Group) -> None:
        """Take a user out of a group it is in."""
        del user.groups[group.name.lower()]
        del group.members[user.name.lower()]

    def rename_user(self, user: User, name: str) -> None:
        """Give a user another name, that is free."""
        self.users.rename(user.name, name)
        for group_name in user.groups:
            group = self.groups.get(group_name)
            if group is not None:
                group.members = _renamed(group.members, user.name, name)
        user.name = name

    def rename_group(self, group: Group, name: str) -> None:
        """Give a group another name, that is free."""
        self.groups.rename(group.name, name)
        for user_name in group.members:
            user = self.users.get(user_name)
            if user is not None:
                user.groups = _renamed(user.groups, group.name, name)
        group.name = name


def _renamed(since: dict[str, datetime], old: str, new: str) -> dict[str, datetime]:
    return {new.lower() if name == old.lower() else name: moment for name, moment in since.items()}
