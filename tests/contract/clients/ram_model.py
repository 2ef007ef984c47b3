"""A second, small account of what RAM and the roles of instances do, written from their documentation alone.

The stateful test plays random calls against it and against the simulator. Where the documentation leaves open which of
several errors wins, any of them is right: a refusal here is a set.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from tests.contract.clients.people_model import People
from tests.contract.clients.ram_records import (
    DATE,
    Answer,
    Errors,
    Instance,
    Params,
    Policy,
    Refusal,
    Role,
    counted,
    document_errors,
    duration_errors,
    key_of,
    name_errors,
    refuse,
    shown_policy,
    shown_role,
    shown_tags,
    shown_version,
    version_number,
)

_ECS = "ecs.aliyuncs.com"
_MOST_VERSIONS = 5


class Model(People):
    """The account: every public method is an action, by its name in snake case."""

    def __init__(
        self, system: Iterable[Policy], users: Iterable[str], instances: Mapping[str, tuple[str, str]]
    ) -> None:
        super().__init__(system, users)
        self.instances = {name: Instance(*facts) for name, facts in instances.items()}

    def play(self, action: str, params: Params) -> Answer:
        """Do an action; raise Refusal if it must fail."""
        method: Callable[[Params], Answer] = getattr(self, re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower())
        return method(params)

    # roles

    def create_role(self, params: Params) -> Answer:
        name = params["RoleName"]
        refuse(
            name_errors("RoleName", name, r"[A-Za-z0-9.-]+"),
            document_errors(params["AssumeRolePolicyDocument"]),
            duration_errors(params, "MaxSessionDuration"),
            {(409, "EntityAlreadyExists.Role")} if name.lower() in self.roles else set(),
        )
        role = Role(name, params["AssumeRolePolicyDocument"], params.get("Description", ""))
        role.duration = int(params.get("MaxSessionDuration", 3600))
        role.tags = {tag["Key"]: tag["Value"] for tag in params.get("Tag", [])}
        self.roles[name.lower()] = role
        return {"Role": shown_role(role) | {"AssumeRolePolicyDocument": role.trust}}

    def get_role(self, params: Params) -> Answer:
        role = self._role(params)
        shown = shown_role(role) | {"AssumeRolePolicyDocument": role.trust}
        return {"Role": shown | {"UpdateDate": DATE}}

    def update_role(self, params: Params) -> Answer:
        new = params.get("NewAssumeRolePolicyDocument")
        errors = duration_errors(params, "NewMaxSessionDuration") | (document_errors(new) if new else set())
        if params["RoleName"].lower() not in self.roles:
            errors |= self._role_errors(params)
        refuse(errors)
        role = self._role(params)
        role.trust = new or role.trust
        role.description = params.get("NewDescription", role.description)
        role.duration = int(params.get("NewMaxSessionDuration", role.duration))
        return self.get_role(params)

    def delete_role(self, params: Params) -> Answer:
        role = self._role(params)
        if self._held(("Role", role.name.lower())):
            raise Refusal({(409, "DeleteConflict.Role.Policy")})
        del self.roles[role.name.lower()]
        return {}

    def list_roles(self, params: Params) -> Answer:
        shown = [shown_role(role) | {"UpdateDate": DATE, "Tags": shown_tags(role.tags)} for role in self.roles.values()]
        return {"Roles": {"Role": shown}}

    # policies

    def create_policy(self, params: Params) -> Answer:
        name = params["PolicyName"]
        taken = any((kind, name.lower()) in self.policies for kind in ("Custom", "System"))
        refuse(
            name_errors("PolicyName", name, r"[A-Za-z0-9-]+"),
            document_errors(params["PolicyDocument"]),
            {(409, "EntityAlreadyExists.Policy")} if taken else set(),
        )
        policy = Policy(name, {1: params["PolicyDocument"]}, description=params.get("Description", ""))
        self.policies["Custom", name.lower()] = policy
        return {"Policy": shown_policy(policy)}

    def get_policy(self, params: Params) -> Answer:
        policy = self._policy(params)
        version = shown_version(policy, policy.default)
        shown = shown_policy(policy) | {"UpdateDate": DATE, "AttachmentCount": len(self._holders(policy))}
        return {"Policy": shown | {"PolicyDocument": version["PolicyDocument"]}, "DefaultPolicyVersion": version}

    def delete_policy(self, params: Params) -> Answer:
        policy = self._custom(params)
        kinds = {kind for kind, _ in self._holders(policy)}
        errors = {(409, f"DeleteConflict.Policy.{kind}") for kind in kinds}
        if len(policy.versions) > 1 and params.get("CascadingDelete") != "true":
            errors.add((409, "DeleteConflict.Policy.Version"))
        refuse(errors)
        del self.policies[key_of(policy)]
        return {}

    def list_policies(self, params: Params) -> Answer:
        shown = [
            shown_policy(policy)
            | {"UpdateDate": DATE, "AttachmentCount": len(self._holders(policy)), "Tags": shown_tags(policy.tags)}
            for policy in self.policies.values()
            if params.get("PolicyType") in (None, policy.kind)
        ]
        return {"Policies": {"Policy": shown}}

    def update_policy_description(self, params: Params) -> Answer:
        policy = self._custom(params)
        policy.description = params["NewDescription"]
        return {"Policy": shown_policy(policy) | {"UpdateDate": DATE}}

    def create_policy_version(self, params: Params) -> Answer:
        policy = self.policies.get(("Custom", params["PolicyName"].lower()))
        errors = document_errors(params["PolicyDocument"])
        if policy is None:
            raise Refusal(errors | self._policy_errors(params))
        full = len(policy.versions) >= _MOST_VERSIONS
        if full and "RotateStrategy" not in params:
            errors.add((409, "LimitExceeded.Policy.Version"))
        refuse(errors)
        if full:
            del policy.versions[min(number for number in policy.versions if number != policy.default)]
        policy.newest += 1
        policy.versions[policy.newest] = params["PolicyDocument"]
        if params.get("SetAsDefault") == "true":
            policy.default = policy.newest
        return {"PolicyVersion": shown_version(policy, policy.newest)}

    def get_policy_version(self, params: Params) -> Answer:
        policy = self._policy(params)
        return {"PolicyVersion": shown_version(policy, version_number(policy, params))}

    def list_policy_versions(self, params: Params) -> Answer:
        policy = self._policy(params)
        shown = [shown_version(policy, number) for number in policy.versions]
        return {"PolicyVersions": {"PolicyVersion": shown}}

    def delete_policy_version(self, params: Params) -> Answer:
        policy = self._custom(params)
        number = version_number(policy, params)
        refuse({(409, "DeleteConflict.Policy.Version.Default")} if number == policy.default else set())
        del policy.versions[number]
        return {}

    def set_default_policy_version(self, params: Params) -> Answer:
        policy = self._custom(params)
        policy.default = version_number(policy, params)
        return {}

    # tags

    def tag_resources(self, params: Params) -> Answer:
        for tags in self._tagged(params):
            tags |= {tag["Key"]: tag["Value"] for tag in params["Tag"]}
        return {}

    def untag_resources(self, params: Params) -> Answer:
        for tags in self._tagged(params):
            for key in params["TagKeys"]:
                tags.pop(key, None)
        return {}

    def list_tag_resources(self, params: Params) -> Answer:
        things: Iterable[Role | Policy] = self.roles.values()
        if params["ResourceType"] == "policy":
            things = [policy for policy in self.policies.values() if policy.kind == "Custom"]
        rows = [(thing.name, key, value) for thing in things for key, value in thing.tags.items()]
        kind = params["ResourceType"]
        shown = [
            {"ResourceType": kind, "ResourceName": name, "TagKey": key, "TagValue": value} for name, key, value in rows
        ]
        return {"TagResources": shown}

    # instances

    def attach_instance_ram_role(self, params: Params) -> Answer:
        role = self.roles.get(params["RamRoleName"].lower())
        errors = self._instance_errors(params)
        if role is None:
            errors.add((404, "InvalidRamRole.NotFound"))
        elif _ECS not in role.trust:
            errors.add((404, "InvalidRamRole.NotEcsRole"))
        refuse(errors)
        name = role.name if role else ""
        rows = []
        for instance_id in params["InstanceIds"]:
            instance = self.instances[instance_id]
            free = instance.role is None
            instance.role = name if free else instance.role
            rows.append({"InstanceId": instance_id, "Success": free, "Code": "200" if free else "failed"})
        return counted("Attach", rows) | {"RamRoleName": name}

    def detach_instance_ram_role(self, params: Params) -> Answer:
        refuse(self._instance_errors(params))
        wanted = params.get("RamRoleName")
        rows: list[Answer] = []
        for instance_id in params["InstanceIds"]:
            instance = self.instances[instance_id]
            if instance.role is None or (wanted and wanted.lower() != instance.role.lower()):
                code = "InvalidRamRole.NotAttached"
                rows.append({"InstanceId": instance_id, "Success": False, "Code": code})
                continue
            taken = {"InstanceRamRoleSet": [{"InstanceId": instance_id, "RamRoleName": instance.role}]}
            rows.append({"InstanceId": instance_id, "Success": True, "Code": "200", "InstanceRamRoleSets": taken})
            instance.role = None
        return counted("Detach", rows) | {"RamRoleName": wanted or ""}

    def describe_instance_ram_role(self, params: Params) -> Answer:
        ids, wanted = params.get("InstanceIds"), params.get("RamRoleName")
        if ids is None and wanted is None:
            raise Refusal({(403, "InvalidParameter.AllEmpty")})
        errors = self._instance_errors(params) if ids else set()
        if wanted and wanted.lower() not in self.roles:
            errors.add((404, "InvalidRamRole.NotFound"))
        refuse(errors)
        shown = [
            {"InstanceId": name, "RamRoleName": instance.role}
            for name, instance in self.instances.items()
            if instance.role is not None
            and instance.region == params["RegionId"]
            and (ids is None or name in ids)
            and (wanted is None or wanted.lower() == instance.role.lower())
        ]
        sets = {"InstanceRamRoleSet": shown}
        return {"RegionId": params["RegionId"], "TotalCount": len(shown), "InstanceRamRoleSets": sets}

    # what the actions share

    def _tagged(self, params: Params) -> list[dict[str, str]]:
        kind = params["ResourceType"]
        names = [name.lower() for name in params["ResourceNames"]]
        if kind == "role":
            found: list[Role | Policy | None] = [self.roles.get(name) for name in names]
        else:
            found = [self.policies.get(("Custom", name)) for name in names]
        if None in found:
            raise Refusal({(404, f"EntityNotExist.{kind.title()}")})
        return [thing.tags for thing in found if thing is not None]

    def _instance_errors(self, params: Params) -> Errors:
        known = [self.instances.get(name) for name in params["InstanceIds"]]
        errors: Errors = set()
        if any(found is None or found.region != params["RegionId"] for found in known):
            errors.add((404, "InvalidInstanceId.NotFound"))
        if any(found and found.network == "classic" for found in known):
            errors.add((403, "InvalidNetworkType.MismatchRamRole"))
        return errors
