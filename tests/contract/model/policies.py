"""The part of the model about policies: their versions, and who holds which."""

from tests.contract.model.entries import Entries
from tests.contract.model.records import (
    DATE,
    ID,
    Answer,
    Group,
    Holder,
    Params,
    Policy,
    Role,
    User,
    document_errors,
    due,
    has_tags,
    refuse,
    role_arn,
    shown_policy,
    shown_tags,
    shown_version,
    tag_errors,
    tags_of,
    text_errors,
    together,
    version_number,
)

_MOST_VERSIONS = 5


class Policies(Entries):
    """Policies, versions and attachments."""

    def create_policy(self, params: Params) -> Answer:
        taken = self.free_name({name: policy for (_, name), policy in self.policies.items()}, params, "PolicyName")
        tags, text = tag_errors(params), text_errors(params, "Description")
        refuse(taken, tags, text, document_errors(params, "PolicyDocument"))
        policy = Policy(params["PolicyName"], {1: params["PolicyDocument"]}, tags=tags_of(params))
        policy.description = params.get("Description", "")
        self.policies["Custom", policy.name.lower()] = policy
        return {"Policy": shown_policy(policy)}

    def get_policy(self, params: Params) -> Answer:
        policy = self.policy(params)
        version = shown_version(policy, policy.default)
        shown = self._summary(policy) | {"PolicyDocument": version["PolicyDocument"]}
        return {"Policy": shown, "DefaultPolicyVersion": version}

    def delete_policy(self, params: Params) -> Answer:
        policy = self.custom(params)
        errors = {(409, f"DeleteConflict.Policy.{type(holder).__name__}") for holder in self.holders(policy)}
        kept = len(policy.versions) > 1 and params.get("CascadingDelete") != "true"
        refuse(errors, due(409, "DeleteConflict.Policy.Version", when=kept))
        del self.policies["Custom", policy.name.lower()]
        return {}

    def list_policies(self, params: Params) -> Answer:
        shown = [
            self._summary(policy) | {"Tags": shown_tags(policy.tags)}
            for policy in self.policies.values()
            if params.get("PolicyType") in (None, policy.kind) and has_tags(policy, params)
        ]
        return {"Policies": {"Policy": shown}}

    def update_policy_description(self, params: Params) -> Answer:
        policy = together(lambda: self.custom(params), lambda: refuse(text_errors(params, "NewDescription")))[0]
        policy.description = params["NewDescription"]
        return {"Policy": shown_policy(policy) | {"UpdateDate": DATE}}

    def create_policy_version(self, params: Params) -> Answer:
        def roomy() -> Policy:
            found = self.custom(params)
            full = len(found.versions) >= _MOST_VERSIONS and "RotateStrategy" not in params
            refuse(due(409, "LimitExceeded.Policy.Version", when=full))
            return found

        policy: Policy = together(roomy, lambda: refuse(document_errors(params, "PolicyDocument")))[0]
        if len(policy.versions) >= _MOST_VERSIONS:
            del policy.versions[min(number for number in policy.versions if number != policy.default)]
        policy.newest += 1
        policy.versions[policy.newest] = params["PolicyDocument"]
        if params.get("SetAsDefault") == "true":
            policy.default = policy.newest
        return {"PolicyVersion": shown_version(policy, policy.newest)}

    def get_policy_version(self, params: Params) -> Answer:
        policy = self.policy(params)
        return {"PolicyVersion": shown_version(policy, version_number(policy, params))}

    def list_policy_versions(self, params: Params) -> Answer:
        policy = self.policy(params)
        return {"PolicyVersions": {"PolicyVersion": [shown_version(policy, number) for number in policy.versions]}}

    def delete_policy_version(self, params: Params) -> Answer:
        policy = self.custom(params)
        number = version_number(policy, params)
        refuse(due(409, "DeleteConflict.Policy.Version.Default", when=number == policy.default))
        del policy.versions[number]
        return {}

    def set_default_policy_version(self, params: Params) -> Answer:
        policy = self.custom(params)
        policy.default = version_number(policy, params)
        return {}

    def attach_policy_to(self, kind: str, params: Params) -> Answer:
        holder, policy = self._pair(kind, params)
        refuse(due(409, f"EntityAlreadyExists.{kind}.Policy", when=(holder, policy) in self.attached))
        held = sum(other.kind == policy.kind for other in self.held(holder))
        refuse(due(409, f"LimitExceeded.{kind}.Policy", when=held >= self.limits.of(policy.kind)))
        self.attached.add((holder, policy))
        return {}

    def detach_policy_from(self, kind: str, params: Params) -> Answer:
        holder, policy = self._pair(kind, params)
        refuse(due(404, f"EntityNotExist.{kind}.Policy", when=(holder, policy) not in self.attached))
        self.attached.remove((holder, policy))
        return {}

    def list_policies_for(self, kind: str, params: Params) -> Answer:
        fields = ("PolicyName", "PolicyType", "Description", "DefaultVersion")
        policies = [shown_policy(policy) for policy in self.held(self.holder(kind, params))]
        shown = [{name: policy[name] for name in fields} | {"AttachDate": DATE} for policy in policies]
        return {"Policies": {"Policy": shown}}

    def list_entities_for_policy(self, params: Params) -> Answer:
        shown: dict[str, list[Answer]] = {"Role": [], "User": [], "Group": []}
        for holder in self.holders(self.policy(params)):
            shown[type(holder).__name__].append(_shown_holder(holder) | {"AttachDate": DATE})
        return {f"{kind}s": {kind: found} for kind, found in shown.items()}

    def _pair(self, kind: str, params: Params) -> tuple[Holder, Policy]:
        holder, policy = together(lambda: self.holder(kind, params), lambda: self.policy(params))
        return holder, policy

    def _summary(self, policy: Policy) -> Answer:
        return shown_policy(policy) | {"UpdateDate": DATE, "AttachmentCount": len(self.holders(policy))}


def _shown_holder(holder: Holder) -> Answer:
    match holder:
        case Role():
            named = {"RoleId": ID, "RoleName": holder.name, "Arn": role_arn(holder)}
            return named | {"Description": holder.description}
        case User():
            return {"UserName": holder.name, "DisplayName": holder.display_name}
        case Group():
            return {"GroupName": holder.name, "Comments": holder.comments}
