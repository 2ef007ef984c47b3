"""The part of the model of RAM about users, groups, and who holds which policy; also what all parts look up."""

from collections.abc import Iterable

from tests.contract.clients.ram_records import (
    DATE,
    ID,
    Answer,
    Errors,
    Group,
    Holder,
    Params,
    Policy,
    PolicyKey,
    Refusal,
    Role,
    User,
    key_of,
    name_errors,
    refuse,
    role_arn,
    shown_policy,
)

_NAME = r"[A-Za-z0-9._-]+"


class People:
    """Users and groups, and the attachments of all policies."""

    def __init__(self, system: Iterable[Policy], users: Iterable[str]) -> None:
        self.roles: dict[str, Role] = {}
        self.policies: dict[PolicyKey, Policy] = {key_of(policy): policy for policy in system}
        self.users = {name.lower(): User(name, has_key=True) for name in users}
        self.groups: dict[str, Group] = {}
        self.attached: set[tuple[Holder, PolicyKey]] = set()

    # users and groups

    def create_user(self, params: Params) -> Answer:
        name = params["UserName"]
        refuse(
            name_errors("UserName", name, _NAME),
            {(409, "EntityAlreadyExists.User")} if name.lower() in self.users else set(),
        )
        self.users[name.lower()] = User(name, params["Comments"])
        return {"User": {"UserName": name, "Comments": params["Comments"], "CreateDate": DATE}}

    def delete_user(self, params: Params) -> Answer:
        name = params["UserName"].lower()
        user, groups = self._user(params), self.groups.values()
        refuse(
            {(409, "DeleteConflict.User.AccessKey")} if user.has_key else set(),
            {(409, "DeleteConflict.User.Policy")} if self._held(("User", name)) else set(),
            {(409, "DeleteConflict.User.Group")} if any(name in group.members for group in groups) else set(),
        )
        del self.users[name]
        return {}

    def create_group(self, params: Params) -> Answer:
        name = params["GroupName"]
        refuse(
            name_errors("GroupName", name, _NAME),
            {(409, "EntityAlreadyExists.Group")} if name.lower() in self.groups else set(),
        )
        self.groups[name.lower()] = Group(name, params["Comments"])
        return {"Group": {"GroupName": name, "Comments": params["Comments"], "CreateDate": DATE}}

    def get_group(self, params: Params) -> Answer:
        group = self._group(params)
        shown = {"GroupName": group.name, "Comments": group.comments, "CreateDate": DATE, "UpdateDate": DATE}
        return {"Group": shown}

    def delete_group(self, params: Params) -> Answer:
        name = params["GroupName"].lower()
        group = self._group(params)
        refuse(
            {(409, "DeleteConflict.Group.Policy")} if self._held(("Group", name)) else set(),
            {(409, "DeleteConflict.Group.User")} if group.members else set(),
        )
        del self.groups[name]
        return {}

    def add_user_to_group(self, params: Params) -> Answer:
        user, group = self._member(params)
        refuse({(409, "EntityAlreadyExists.User.Group")} if user in group.members else set())
        group.members.add(user)
        return {}

    def remove_user_from_group(self, params: Params) -> Answer:
        user, group = self._member(params)
        refuse(set() if user in group.members else {(404, "EntityNotExist.User.Group")})
        group.members.remove(user)
        return {}

    def list_groups_for_user(self, params: Params) -> Answer:
        self._user(params)
        groups = [group for group in self.groups.values() if params["UserName"].lower() in group.members]
        shown = [{"GroupName": group.name, "Comments": group.comments, "JoinDate": DATE} for group in groups]
        return {"Groups": {"Group": shown}}

    def list_users_for_group(self, params: Params) -> Answer:
        members = self._group(params).members
        return {"Users": {"User": [{"UserName": self.users[name].name, "JoinDate": DATE} for name in members]}}

    # attachments

    def attach_policy_to_role(self, params: Params) -> Answer:
        return self._attach("Role", params)

    def attach_policy_to_user(self, params: Params) -> Answer:
        return self._attach("User", params)

    def detach_policy_from_role(self, params: Params) -> Answer:
        return self._detach("Role", params)

    def detach_policy_from_user(self, params: Params) -> Answer:
        return self._detach("User", params)

    def list_policies_for_role(self, params: Params) -> Answer:
        return self._list_held("Role", params)

    def list_policies_for_user(self, params: Params) -> Answer:
        return self._list_held("User", params)

    def attach_policy_to_group(self, params: Params) -> Answer:
        return self._attach("Group", params)

    def detach_policy_from_group(self, params: Params) -> Answer:
        return self._detach("Group", params)

    def list_policies_for_group(self, params: Params) -> Answer:
        return self._list_held("Group", params)

    def list_entities_for_policy(self, params: Params) -> Answer:
        holders = self._holders(self._policy(params))
        roles = [self.roles[name] for kind, name in holders if kind == "Role"]
        shown = [
            {
                "RoleId": ID,
                "RoleName": role.name,
                "Arn": role_arn(role),
                "Description": role.description,
                "AttachDate": DATE,
            }
            for role in roles
        ]
        users = [{"UserName": self.users[name].name, "AttachDate": DATE} for kind, name in holders if kind == "User"]
        groups = [self.groups[name] for kind, name in holders if kind == "Group"]
        listed = [{"GroupName": group.name, "Comments": group.comments, "AttachDate": DATE} for group in groups]
        return {"Roles": {"Role": shown}, "Users": {"User": users}, "Groups": {"Group": listed}}

    # what the actions share

    def _role(self, params: Params) -> Role:
        role = self.roles.get(params["RoleName"].lower())
        if role is None:
            raise Refusal(self._role_errors(params))
        return role

    def _role_errors(self, params: Params) -> Errors:
        return name_errors("RoleName", params["RoleName"], r"[A-Za-z0-9.-]+") or {(404, "EntityNotExist.Role")}

    def _policy(self, params: Params) -> Policy:
        policy = self.policies.get((params["PolicyType"], params["PolicyName"].lower()))
        if policy is None:
            raise Refusal(self._policy_errors(params))
        return policy

    def _custom(self, params: Params) -> Policy:
        return self._policy({"PolicyType": "Custom", "PolicyName": params["PolicyName"]})

    def _policy_errors(self, params: Params) -> Errors:
        return name_errors("PolicyName", params["PolicyName"], r"[A-Za-z0-9-]+") or {(404, "EntityNotExist.Policy")}

    def _user(self, params: Params) -> User:
        user = self.users.get(params["UserName"].lower())
        if user is None:
            raise Refusal({(404, "EntityNotExist.User")})
        return user

    def _group(self, params: Params) -> Group:
        group = self.groups.get(params["GroupName"].lower())
        if group is None:
            raise Refusal({(404, "EntityNotExist.Group")})
        return group

    def _member(self, params: Params) -> tuple[str, Group]:
        refuse(self._holder("User", params)[1], self._holder("Group", params)[1])
        return params["UserName"].lower(), self._group(params)

    def _holder(self, kind: str, params: Params) -> tuple[Holder, Errors]:
        name = params[f"{kind}Name"].lower()
        if kind == "Role":
            return (kind, name), set() if name in self.roles else self._role_errors(params)
        known = name in (self.users if kind == "User" else self.groups)
        return (kind, name), set() if known else {(404, f"EntityNotExist.{kind}")}

    def _pair(self, kind: str, params: Params) -> tuple[Holder, PolicyKey]:
        holder, errors = self._holder(kind, params)
        key = (params["PolicyType"], params["PolicyName"].lower())
        refuse(errors, set() if key in self.policies else self._policy_errors(params))
        return holder, key

    def _attach(self, kind: str, params: Params) -> Answer:
        pair = self._pair(kind, params)
        refuse({(409, f"EntityAlreadyExists.{kind}.Policy")} if pair in self.attached else set())
        self.attached.add(pair)
        return {}

    def _detach(self, kind: str, params: Params) -> Answer:
        pair = self._pair(kind, params)
        refuse(set() if pair in self.attached else {(404, f"EntityNotExist.{kind}.Policy")})
        self.attached.remove(pair)
        return {}

    def _list_held(self, kind: str, params: Params) -> Answer:
        holder, errors = self._holder(kind, params)
        refuse(errors)
        fields = ("PolicyName", "PolicyType", "Description", "DefaultVersion")
        policies = [shown_policy(self.policies[key]) for key in self._held(holder)]
        shown = [{name: policy[name] for name in fields} | {"AttachDate": DATE} for policy in policies]
        return {"Policies": {"Policy": shown}}

    def _held(self, holder: Holder) -> list[PolicyKey]:
        return [key for other, key in self.attached if other == holder]

    def _holders(self, policy: Policy) -> list[Holder]:
        return [holder for holder, key in self.attached if key == key_of(policy)]
