"""Policies: CreatePolicy, GetPolicy, DeletePolicy, ListPolicies, UpdatePolicyDescription."""

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.ram_store import HolderKind, Policy, PolicyType, PolicyVersion, key_of
from ram_simulator.cloud.registry import Page
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.ram.checks import (
    description,
    existing_policy,
    holders_seen,
    on_all,
    on_policy,
    permissions,
    policy_name,
    policy_type,
    shown_document,
)
from ram_simulator.ram.tags import new_tags, tag_filter, tag_list
from ram_simulator.ram.versions import shown_version


def create_policy(cloud: Cloud, call: Call) -> Answer:
    """Create a custom policy with its first version."""
    name = policy_name(call)
    now = cloud.clock.now()
    policy = Policy(
        name=name,
        policy_type=PolicyType.CUSTOM,
        description=description(call, "Description"),
        create_date=now,
        update_date=now,
        versions={1: PolicyVersion(1, permissions(cloud, call), now)},
        tags=new_tags(call),
    )
    if any(registry.get(name) is not None for registry in cloud.ram.policies.values()):
        raise ApiError(409, "EntityAlreadyExists.Policy", f"The policy already exists: {name}.")
    if len(cloud.ram.policies[PolicyType.CUSTOM]) >= (most := cloud.switches.number(SwitchName.POLICIES)):
        raise ApiError(409, "LimitExceeded.Policy", f"An account has at most {most} custom policies.")
    cloud.ram.past_policies.note(name, None, now)
    cloud.ram.policies[PolicyType.CUSTOM].add(name, policy)
    return {"Policy": _created(policy)}


def get_policy(cloud: Cloud, call: Call) -> Answer:
    """Show a policy with the document in force."""
    policy = cloud.seen_policy(existing_policy(cloud, call, policy_type(call)))
    shown = _summary(cloud, policy) | {"PolicyDocument": shown_document(cloud, policy.default.document)}
    return {"Policy": shown, "DefaultPolicyVersion": shown_version(cloud, policy, policy.default)}


def delete_policy(cloud: Cloud, call: Call) -> Answer:
    """Delete a policy that nobody holds; CascadingDelete takes its older versions along."""
    policy = existing_policy(cloud, call, PolicyType.CUSTOM)
    held_by = {holder.kind for holder in holders_seen(cloud, policy)}
    codes = {HolderKind.ROLE: cloud.switches.text(SwitchName.DELETE_POLICY_ON_ROLE_CODE)}
    for kind in (HolderKind.USER, HolderKind.GROUP, HolderKind.ROLE):
        if kind in held_by:
            # for roles RAM's own table has no row; this is the code of the sister product on the same store
            message = f"The policy {policy.name} is still attached to a {kind.value.lower()}. Detach it first."
            raise ApiError(409, codes.get(kind, f"DeleteConflict.Policy.{kind.value}"), message)
    if len(policy.versions) > 1 and not call.flag("CascadingDelete"):
        message = f"The policy {policy.name} still has versions other than the default. Delete them first."
        raise ApiError(409, "DeleteConflict.Policy.Version", message)
    cloud.ram.note_change(policy, cloud.clock.now())
    cloud.ram.policies[PolicyType.CUSTOM].remove(policy.name)
    return {}


def list_policies(cloud: Cloud, call: Call) -> Answer:
    """List policies by pages: of one type, or the system's and then the custom ones."""
    kinds = [policy_type(call)] if call.text("PolicyType") else [PolicyType.SYSTEM, PolicyType.CUSTOM]
    page = _page(cloud, call, kinds)
    answer: Answer = {"IsTruncated": page.marker is not None, "Policies": {"Policy": []}}
    for policy in page.items:
        answer["Policies"]["Policy"].append(_summary(cloud, policy) | {"Tags": tag_list(policy.tags)})
    return answer | ({"Marker": page.marker} if page.marker else {})


def _page(cloud: Cloud, call: Call, kinds: list[PolicyType]) -> Page[Policy]:
    size, wanted = call.number("MaxItems", 100, 1, 1000), tag_filter(call)
    # a marker is the place in a registry, times two, plus which registry
    place, which = divmod(call.marker("Marker"), 2)
    page = cloud.listed_policies(kinds[min(which, len(kinds) - 1)]).page(place, size, wanted)
    if page.marker is not None:
        return Page(page.items, str(int(page.marker) * 2 + which))
    if which == 1 or len(kinds) == 1:
        return page
    if len(page.items) == size:
        return Page(page.items, "1" if len(cloud.listed_policies(kinds[1])) else None)
    rest = cloud.listed_policies(kinds[1]).page(0, size - len(page.items), wanted)
    marker = str(int(rest.marker) * 2 + 1) if rest.marker else None
    return Page(page.items + rest.items, marker)


def update_policy_description(cloud: Cloud, call: Call) -> Answer:
    """Change the description."""
    policy = existing_policy(cloud, call, PolicyType.CUSTOM)
    new_description = description(call, "NewDescription")
    cloud.ram.note_change(policy, cloud.clock.now())
    policy.description = new_description
    policy.update_date = cloud.clock.now()
    return {"Policy": _created(policy) | {"UpdateDate": to_seconds(policy.update_date)}}


def _created(policy: Policy) -> Answer:
    return {
        "PolicyName": policy.name,
        "PolicyType": policy.policy_type.value,
        "Description": policy.description,
        "DefaultVersion": f"v{policy.default_version}",
        "CreateDate": to_seconds(policy.create_date),
    }


def _summary(cloud: Cloud, policy: Policy) -> Answer:
    return _created(policy) | {
        "UpdateDate": to_seconds(policy.update_date),
        "AttachmentCount": len(cloud.ram.attachments.of_policy(key_of(policy))),
    }


ACTIONS = table(
    Action(
        "CreatePolicy",
        create_policy,
        on_policy,
        ("PolicyName", "PolicyDocument"),
        ("Description", "Tag"),
        write=True,
    ),
    Action("GetPolicy", get_policy, on_policy, ("PolicyName", "PolicyType")),
    Action("DeletePolicy", delete_policy, on_policy, ("PolicyName",), ("CascadingDelete",), write=True),
    Action("ListPolicies", list_policies, on_all("policy"), (), ("PolicyType", "Marker", "MaxItems", "Tag")),
    Action(
        "UpdatePolicyDescription",
        update_policy_description,
        on_policy,
        ("PolicyName", "NewDescription"),
        write=True,
    ),
)
