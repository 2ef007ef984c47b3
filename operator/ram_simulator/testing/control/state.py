"""What a cloud holds as one JSON value, for `GET /state`: made so that tests can compare two of them."""

import json
from collections.abc import Iterable, Iterator

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance
from ram_simulator.cloud.identity_providers import IdentityProvider
from ram_simulator.cloud.networks import SecurityGroup, Vpc, VSwitch
from ram_simulator.cloud.people import Group
from ram_simulator.cloud.ram_store import HolderKind, Policy, Role

_HOLDER_FIELDS = {HolderKind.ROLE: "roleName", HolderKind.USER: "userName", HolderKind.GROUP: "groupName"}


def state_of(cloud: Cloud) -> Answer:
    """Tell what there is, sorted, without secrets, dates and generated ids of roles: two states compare."""
    people = cloud.account.people
    # system policies too: an attachment without its policy would puzzle, and they never change
    policies = [policy for registry in cloud.ram.policies.values() for policy in registry]
    return {
        "roles": _sorted(_role(role) for role in cloud.ram.roles),
        "policies": _sorted(_policy(policy) for policy in policies),
        "attachments": _sorted(_attachments(cloud, policies)),
        "users": _sorted({"userName": user.name} for user in people.users),
        "groups": _sorted({"groupName": group.name, "users": _members(cloud, group)} for group in people.groups),
        "oidcProviders": _sorted(_provider(provider) for provider in cloud.account.identity_providers),
        "samlProviders": _sorted(
            {"name": provider.name, "description": provider.description} for provider in cloud.account.saml_providers
        ),
        "instances": _sorted(_instance(instance) for instance in cloud.ecs),
        "vpcs": _sorted(_network(vpc) for vpc in cloud.networks.vpcs.values()),
        "vSwitches": _sorted(_network(vswitch) for vswitch in cloud.networks.vswitches.values()),
        "securityGroups": _sorted(_network(group) for group in cloud.networks.security_groups.values()),
        "buckets": _sorted(
            {"name": bucket.name, "region": bucket.region, "objects": sorted(bucket.objects)} for bucket in cloud.oss
        ),
    }


def documents_of(cloud: Cloud, name: str) -> Answer:
    """Tell what a role trusts and what its policies say; raise LookupError if there is no such role."""
    role = cloud.ram.roles.get(name)
    if role is None:
        raise LookupError(f"there is no role {name}")
    held = [cloud.ram.policy(key) for key in cloud.ram.attachments.of_holder(role.holder)]
    return _role(role) | {"policies": _sorted(_policy(policy) for policy in held if policy is not None)}


def _role(role: Role) -> Answer:
    return {
        "roleName": role.name,
        "description": role.description,
        "maxSessionDuration": role.max_session_duration,
        "trust": json.loads(role.trust.text),
        "tags": dict(sorted(role.tags.items())),
    }


def _policy(policy: Policy) -> Answer:
    return {
        "policyName": policy.name,
        "policyType": policy.policy_type.value,
        "description": policy.description,
        "defaultVersion": f"v{policy.default_version}",
        "versions": [f"v{number}" for number in policy.versions],
        "document": json.loads(policy.default.document.text),
        "tags": dict(sorted(policy.tags.items())),
    }


def _attachments(cloud: Cloud, policies: Iterable[Policy]) -> Iterator[Answer]:
    for policy in policies:
        for holder in cloud.ram.attachments.of_policy((policy.policy_type, policy.name.lower())):
            named = {_HOLDER_FIELDS[holder.kind]: _holder_name(cloud, holder.kind, holder.name)}
            yield {"policyType": policy.policy_type.value, "policyName": policy.name, **named}


def _holder_name(cloud: Cloud, kind: HolderKind, name: str) -> str:
    """Return the name as it was given: users and groups are held by their names in lower case."""
    people = cloud.account.people
    found = people.users.get(name) if kind is HolderKind.USER else people.groups.get(name)
    return name if kind is HolderKind.ROLE or found is None else found.name


def _members(cloud: Cloud, group: Group) -> list[str]:
    return sorted(user.name for user in cloud.account.people.users if group.name.lower() in user.groups)


def _provider(provider: IdentityProvider) -> Answer:
    return {
        "name": provider.name,
        "issuer": provider.issuer,
        "clientIds": sorted(provider.client_ids),
        "fingerprints": sorted(provider.fingerprints),
        "description": provider.description,
    }


def _instance(instance: Instance) -> Answer:
    return {
        "instanceId": instance.instance_id,
        "region": instance.region,
        "networkType": instance.network_type.value,
        "ramRoleName": instance.binding.role_name if instance.binding else "",
    }


def _network(item: Vpc | VSwitch | SecurityGroup) -> Answer:
    shown: Answer = {}
    match item:
        case Vpc():
            shown = {"vpcId": item.vpc_id, "region": item.region, "cidrBlock": item.cidr_block}
        case VSwitch():
            shown = {"vSwitchId": item.vswitch_id, "vpcId": item.vpc_id, "zone": item.zone}
            shown["cidrBlock"] = item.cidr_block
        case SecurityGroup():
            shown = {"securityGroupId": item.group_id, "region": item.region, "vpcId": item.vpc_id}
    return shown | {"name": item.name, "description": item.description}


def _sorted(items: Iterable[Answer]) -> list[Answer]:
    # by the keys in their order: names come first
    return sorted(items, key=json.dumps)
