"""The part of the model about roles, and the tags of roles and policies."""

from tests.contract.model.entries import Entries
from tests.contract.model.records import (
    DATE,
    Answer,
    Params,
    Policy,
    Role,
    due,
    duration_errors,
    has_tags,
    refuse,
    shown_role,
    shown_tags,
    tag_errors,
    tags_of,
    text_errors,
    together,
    too_many,
)


class Roles(Entries):
    """Roles and tags."""

    def create_role(self, params: Params) -> Answer:
        refuse(
            self.free_name(self.roles, params, "RoleName"),
            self.trust_errors(params, "AssumeRolePolicyDocument"),
            duration_errors(params, "MaxSessionDuration"),
            text_errors(params, "Description"),
            tag_errors(params),
        )
        role = Role(params["RoleName"], params["AssumeRolePolicyDocument"], params.get("Description", ""))
        role.duration = int(params.get("MaxSessionDuration", role.duration))
        role.tags = tags_of(params)
        self.roles[role.name.lower()] = role
        return {"Role": shown_role(role) | {"AssumeRolePolicyDocument": role.trust}}

    def get_role(self, params: Params) -> Answer:
        role = self.role(params)
        return {"Role": shown_role(role) | {"AssumeRolePolicyDocument": role.trust, "UpdateDate": DATE}}

    def update_role(self, params: Params) -> Answer:
        parameter = "NewAssumeRolePolicyDocument"
        errors = duration_errors(params, "NewMaxSessionDuration") | text_errors(params, "NewDescription")
        if parameter in params:
            errors |= self.trust_errors(params, parameter)
        role = together(lambda: self.role(params), lambda: refuse(errors))[0]
        role.trust = params.get(parameter, role.trust)
        role.description = params.get("NewDescription", role.description)
        role.duration = int(params.get("NewMaxSessionDuration", role.duration))
        return self.get_role(params)

    def delete_role(self, params: Params) -> Answer:
        role = self.role(params)
        refuse(due(409, "DeleteConflict.Role.Policy", when=self.held(role)))
        del self.roles[role.name.lower()]
        return {}

    def list_roles(self, params: Params) -> Answer:
        found = [role for role in self.roles.values() if has_tags(role, params)]
        return {
            "Roles": {
                "Role": [shown_role(role) | {"UpdateDate": DATE, "Tags": shown_tags(role.tags)} for role in found]
            }
        }

    def tag_resources(self, params: Params) -> Answer:
        new = tags_of(params)

        def roomy() -> list[Role | Policy]:
            found = self._tagged(params)
            for thing in found:
                refuse(too_many(thing.tags | new))
            return found

        things = together(roomy, lambda: refuse(tag_errors(params)))[0]
        for thing in things:
            thing.tags |= new
        return {}

    def untag_resources(self, params: Params) -> Answer:
        for thing in self._tagged(params):
            for key in params.get("TagKeys", list(thing.tags)):
                thing.tags.pop(key, None)
        return {}

    def list_tag_resources(self, params: Params) -> Answer:
        kind = params["ResourceType"]
        everything = [thing.name for thing in self._kind(kind).values()]
        things = self._tagged({"ResourceNames": everything, **params})
        rows = [(thing.name, key, value) for thing in things for key, value in thing.tags.items()]
        shown = [
            {"ResourceType": kind, "ResourceName": name, "TagKey": key, "TagValue": value} for name, key, value in rows
        ]
        return {"TagResources": shown}

    def _tagged(self, params: Params) -> list[Role | Policy]:
        kind = params["ResourceType"]
        known, names = self._kind(kind), [name.lower() for name in params["ResourceNames"]]
        refuse(due(404, f"EntityNotExist.{kind.title()}", when=set(names) - set(known)))
        return [known[name] for name in names]

    def _kind(self, kind: str) -> dict[str, Role | Policy]:
        if kind == "role":
            return dict(self.roles)
        return {name: policy for (found, name), policy in self.policies.items() if found == "Custom"}
