"""The part of the model about users and groups, and who is in which."""

from tests.contract.model.entries import Entries
from tests.contract.model.records import (
    DATE,
    Answer,
    Group,
    Params,
    User,
    due,
    refuse,
    text_errors,
    together,
)


class People(Entries):
    """Users, groups and memberships."""

    def create_user(self, params: Params) -> Answer:
        refuse(self.free_name(self.users, params, "UserName"), text_errors(params, "Comments", "DisplayName"))
        user = User(params["UserName"], params.get("Comments", ""), params.get("DisplayName", ""))
        self.users[user.name.lower()] = user
        return {"User": _shown_user(user)}

    def get_user(self, params: Params) -> Answer:
        return {"User": _shown_user(self.user(params)) | {"UpdateDate": DATE}}

    def update_user(self, params: Params) -> Answer:
        def allowed() -> None:
            itself = self.users.get(params["UserName"].lower())
            name = self.free_name(self.users, params, "NewUserName", itself) if "NewUserName" in params else set()
            refuse(name, text_errors(params, "NewComments", "NewDisplayName"))

        user = together(lambda: self.user(params), allowed)[0]
        del self.users[user.name.lower()]
        user.name = params.get("NewUserName", user.name)
        user.comments = params.get("NewComments", user.comments)
        user.display_name = params.get("NewDisplayName", user.display_name)
        self.users[user.name.lower()] = user
        return self.get_user({"UserName": user.name})

    def delete_user(self, params: Params) -> Answer:
        user = self.user(params)
        refuse(
            due(409, "DeleteConflict.User.AccessKey", when=user.keys),
            due(409, "DeleteConflict.User.LoginProfile", when=user.profile is not None),
            due(409, "DeleteConflict.User.Policy", when=self.held(user)),
            due(409, "DeleteConflict.User.Group", when=self._groups_of(user)),
        )
        del self.users[user.name.lower()]
        return {}

    def list_users(self, params: Params) -> Answer:
        return {"Users": {"User": [_shown_user(user) | {"UpdateDate": DATE} for user in self.users.values()]}}

    def create_group(self, params: Params) -> Answer:
        refuse(self.free_name(self.groups, params, "GroupName"), text_errors(params, "Comments"))
        group = Group(params["GroupName"], params.get("Comments", ""))
        self.groups[group.name.lower()] = group
        return {"Group": _shown_group(group)}

    def get_group(self, params: Params) -> Answer:
        return {"Group": _shown_group(self.group(params)) | {"UpdateDate": DATE}}

    def update_group(self, params: Params) -> Answer:
        def allowed() -> None:
            itself = self.groups.get(params["GroupName"].lower())
            name = self.free_name(self.groups, params, "NewGroupName", itself) if "NewGroupName" in params else set()
            refuse(name, text_errors(params, "NewComments"))

        group = together(lambda: self.group(params), allowed)[0]
        del self.groups[group.name.lower()]
        group.name = params.get("NewGroupName", group.name)
        group.comments = params.get("NewComments", group.comments)
        self.groups[group.name.lower()] = group
        return self.get_group({"GroupName": group.name})

    def delete_group(self, params: Params) -> Answer:
        group = self.group(params)
        refuse(
            due(409, "DeleteConflict.Group.Policy", when=self.held(group)),
            due(409, "DeleteConflict.Group.User", when=group.members),
        )
        del self.groups[group.name.lower()]
        return {}

    def list_groups(self, params: Params) -> Answer:
        return {"Groups": {"Group": [_shown_group(group) | {"UpdateDate": DATE} for group in self.groups.values()]}}

    def add_user_to_group(self, params: Params) -> Answer:
        user, group = self._member(params)
        refuse(due(409, "EntityAlreadyExists.User.Group", when=user in group.members))
        group.members.add(user)
        return {}

    def remove_user_from_group(self, params: Params) -> Answer:
        user, group = self._member(params)
        refuse(due(404, "EntityNotExist.User.Group", when=user not in group.members))
        group.members.remove(user)
        return {}

    def list_groups_for_user(self, params: Params) -> Answer:
        groups = self._groups_of(self.user(params))
        shown = [{"GroupName": group.name, "Comments": group.comments, "JoinDate": DATE} for group in groups]
        return {"Groups": {"Group": shown}}

    def list_users_for_group(self, params: Params) -> Answer:
        members = self.group(params).members
        shown = [{"UserName": user.name, "DisplayName": user.display_name, "JoinDate": DATE} for user in members]
        return {"Users": {"User": shown}}

    def _member(self, params: Params) -> tuple[User, Group]:
        user, group = together(lambda: self.user(params), lambda: self.group(params))
        return user, group

    def _groups_of(self, user: User) -> list[Group]:
        return [group for group in self.groups.values() if user in group.members]


def _shown_user(user: User) -> Answer:
    return {
        "UserName": user.name,
        "DisplayName": user.display_name,
        "Comments": user.comments,
        "CreateDate": DATE,
    }


def _shown_group(group: Group) -> Answer:
    return {"GroupName": group.name, "Comments": group.comments, "CreateDate": DATE}
