"""Who holds which policy: attach, detach and list, for roles, users and groups. Neither direction is idempotent."""

from collections.abc import Callable, Sequence

from ram_simulator.cloud.calls import Action, Answer, Call, Handler, Resources, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.ram_store import Holder, HolderKind, PolicyType, key_of
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.ram.checks import (
    existing_group,
    existing_policy,
    existing_role,
    existing_user,
    on_policy,
    ordinary_role,
    policy_type,
    role_arn,
)

_MOST_POLICIES = {PolicyType.SYSTEM: SwitchName.SYSTEM_POLICIES, PolicyType.CUSTOM: SwitchName.CUSTOM_POLICIES}


def _existing_holder(cloud: Cloud, call: Call, kind: HolderKind) -> Holder:
    match kind:
        case HolderKind.ROLE:
            return existing_role(cloud, call).holder
        case HolderKind.USER:
            return Holder(kind, existing_user(cloud, call).name.lower())
        case HolderKind.GROUP:
            return Holder(kind, existing_group(cloud, call).name.lower())


def _changed_holder(cloud: Cloud, call: Call, kind: HolderKind) -> Holder:
    return ordinary_role(cloud, call).holder if kind is HolderKind.ROLE else _existing_holder(cloud, call, kind)


def _attach(kind: HolderKind) -> Handler:
    def attach(cloud: Cloud, call: Call) -> Answer:
        _check_resource_group(call)
        policy = existing_policy(cloud, call, policy_type(call))
        holder = _changed_holder(cloud, call, kind)
        attachments = cloud.ram.attachments
        if attachments.has(holder, key_of(policy)):
            message = f"The {kind.value.lower()} already has the policy {policy.name}."
            raise ApiError(409, f"EntityAlreadyExists.{kind.value}.Policy", message)
        held = sum(key[0] is policy.policy_type for key in attachments.of_holder(holder))
        if held >= cloud.switches.number(_MOST_POLICIES[policy.policy_type]):
            message = f"A {kind.value.lower()} has at most {held} {policy.policy_type.value.lower()} policies."
            raise ApiError(409, f"LimitExceeded.{kind.value}.Policy", message)
        attachments.add(holder, key_of(policy), cloud.clock.now())
        _touch(cloud, holder)
        return {}

    return attach


def _detach(kind: HolderKind) -> Handler:
    def detach(cloud: Cloud, call: Call) -> Answer:
        _check_resource_group(call)
        policy = existing_policy(cloud, call, policy_type(call))
        holder = _changed_holder(cloud, call, kind)
        if not cloud.ram.attachments.has(holder, key_of(policy)):
            message = f"The {kind.value.lower()} does not have the policy {policy.name}."
            raise ApiError(404, f"EntityNotExist.{kind.value}.Policy", message)
        cloud.ram.attachments.remove(holder, key_of(policy), cloud.clock.now())
        _touch(cloud, holder)
        return {}

    return detach


def _check_resource_group(call: Call) -> None:
    """Raise ApiError for any resource group: there are none here, so policies hold for the whole account."""
    group = call.text("ResourceGroupId")
    if group:
        # the code has that s in the cloud, too
        raise ApiError(404, "EntityNotExists.ResourceGroup", f"The resource group does not exist: {group}.")


def _touch(cloud: Cloud, holder: Holder) -> None:
    role = cloud.ram.roles.get(holder.name) if holder.kind is HolderKind.ROLE else None
    if role is not None and cloud.switches.text(SwitchName.UPDATE_DATE_ON_ATTACH) == "moved":
        role.update_date = cloud.clock.now()


def _list_policies(kind: HolderKind) -> Handler:
    def list_policies(cloud: Cloud, call: Call) -> Answer:
        holder = _existing_holder(cloud, call, kind)
        shown = []
        for key, attached in cloud.policies_of(holder).items():
            policy = cloud.ram.policy(key)
            if policy is None:
                continue
            shown.append(
                {
                    "PolicyName": policy.name,
                    "PolicyType": policy.policy_type.value,
                    "Description": policy.description,
                    "DefaultVersion": f"v{policy.default_version}",
                    "AttachDate": to_seconds(attached),
                }
            )
        return {"Policies": {"Policy": shown}}

    return list_policies


def list_entities_for_policy(cloud: Cloud, call: Call) -> Answer:
    """List all holders of a policy; there are no pages."""
    policy = existing_policy(cloud, call, policy_type(call))
    shown: dict[HolderKind, list[Answer]] = {kind: [] for kind in HolderKind}
    for holder, attached in cloud.holders_of(policy).items():
        # a list of the past may name somebody who is gone
        if entity := _ENTITIES[holder.kind](cloud, holder.name):
            shown[holder.kind].append(entity | {"AttachDate": to_seconds(attached)})
    return {
        "Users": {"User": shown[HolderKind.USER]},
        "Groups": {"Group": shown[HolderKind.GROUP]},
        "Roles": {"Role": shown[HolderKind.ROLE]},
    }


def _role_entity(cloud: Cloud, name: str) -> Answer:
    role = cloud.ram.roles.get(name)
    if role is None:
        return {}
    arn = role_arn(cloud, name)
    return {"RoleId": role.role_id, "RoleName": role.name, "Arn": arn, "Description": role.description}


def _user_entity(cloud: Cloud, name: str) -> Answer:
    user = cloud.account.people.users.get(name)
    if user is None:
        return {}
    return {"UserId": user.user_id, "UserName": user.name, "DisplayName": user.display_name}


def _group_entity(cloud: Cloud, name: str) -> Answer:
    group = cloud.account.people.groups.get(name)
    return {} if group is None else {"GroupName": group.name, "Comments": group.comments}


_ENTITIES: dict[HolderKind, Callable[[Cloud, str], Answer]] = {
    HolderKind.ROLE: _role_entity,
    HolderKind.USER: _user_entity,
    HolderKind.GROUP: _group_entity,
}


def _on_holder(kind: HolderKind) -> Resources:
    def resources(cloud: Cloud, call: Call) -> Sequence[str]:
        name = call.text(f"{kind.value}Name")
        return (f"acs:ram:*:{cloud.account.account_id}:{kind.value.lower()}/{name}",)

    return resources


def _on_both(kind: HolderKind) -> Resources:
    on_holder = _on_holder(kind)

    def resources(cloud: Cloud, call: Call) -> Sequence[str]:
        return (*on_holder(cloud, call), *on_policy(cloud, call))

    return resources


def _rows(kind: HolderKind) -> tuple[Action, Action, Action]:
    name = f"{kind.value}Name"
    required = ("PolicyType", "PolicyName", name)
    both = _on_both(kind)
    return (
        Action(f"AttachPolicyTo{kind.value}", _attach(kind), both, required, ("ResourceGroupId",), write=True),
        Action(f"DetachPolicyFrom{kind.value}", _detach(kind), both, required, ("ResourceGroupId",), write=True),
        Action(f"ListPoliciesFor{kind.value}", _list_policies(kind), _on_holder(kind), (name,)),
    )


ACTIONS = table(
    *(row for kind in HolderKind for row in _rows(kind)),
    Action("ListEntitiesForPolicy", list_entities_for_policy, on_policy, ("PolicyType", "PolicyName")),
)
