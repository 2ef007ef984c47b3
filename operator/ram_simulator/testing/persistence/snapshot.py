"""A cloud as one value that can be written down, and the cloud of such a value."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ram_simulator.cloud.account import Account, Credential
from ram_simulator.cloud.clock import Clock
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import EcsStore, Instance
from ram_simulator.cloud.identity_providers import IdentityProvider, SamlProvider
from ram_simulator.cloud.networks import NetworkStore
from ram_simulator.cloud.oss_store import Bucket, OssStore
from ram_simulator.cloud.people import AccessKey, Group, User
from ram_simulator.cloud.ram_store import Holder, HolderKind, Policy, PolicyType, RamStore, Role
from ram_simulator.cloud.regions import PUBLIC_REGIONS, Region
from ram_simulator.cloud.settings import AccountSettings
from ram_simulator.cloud.switches import Switches


@dataclass(frozen=True, slots=True)
class Attachment:
    """A policy that somebody holds."""

    holder: Holder
    policy_type: PolicyType
    policy_name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a cloud holds, and how far its time is ahead: its dates are of that time.

    System policies are not in it, since they come with the simulator. Nor are the journal, faults and switches.
    """

    account_id: str
    settings: AccountSettings
    users: list[User]
    groups: list[Group]
    keys: list[AccessKey]
    credentials: list[Credential]
    identity_providers: list[IdentityProvider]
    roles: list[Role]
    policies: list[Policy]
    attachments: list[Attachment]
    instances: list[Instance]
    client_tokens: dict[str, tuple[str, list[str]]]
    buckets: list[Bucket]
    key_sets: dict[str, Path] = field(default_factory=dict)
    saml_providers: list[SamlProvider] = field(default_factory=list)
    advanced_seconds: float = 0.0
    declared_regions: dict[str, Region] = field(default_factory=dict)
    last_used: dict[str, datetime] = field(default_factory=dict)
    networks: NetworkStore = field(default_factory=NetworkStore)


def take(cloud: Cloud) -> Snapshot:
    """Return what a cloud holds, as references: encode it before the cloud changes."""
    account, ram = cloud.account, cloud.ram
    return Snapshot(
        account_id=account.account_id,
        settings=account.settings,
        users=list(account.people.users),
        groups=list(account.people.groups),
        keys=list(account.keys()),
        credentials=list(account.credentials()),
        identity_providers=list(account.identity_providers),
        roles=list(ram.roles),
        policies=list(ram.policies[PolicyType.CUSTOM]),
        attachments=[Attachment(holder, *key, since) for holder, key, since in ram.attachments],
        instances=list(cloud.ecs),
        client_tokens=cloud.ecs.client_tokens,
        buckets=list(cloud.oss),
        key_sets=account.key_sets,
        saml_providers=list(account.saml_providers),
        advanced_seconds=cloud.clock.advanced,
        last_used=account.last_used,
        networks=cloud.networks,
        declared_regions={name: item for name, item in cloud.ecs.regions.items() if name not in PUBLIC_REGIONS},
    )


def restore(snapshot: Snapshot, clock: Clock, system_policies: list[Policy], switches: Switches) -> Cloud:
    """Return the cloud of a snapshot."""
    account = Account(snapshot.account_id)
    account.settings = snapshot.settings
    for user in snapshot.users:
        account.people.users.add(user.name, user)
    for group in snapshot.groups:
        account.people.groups.add(group.name, group)
    for key in snapshot.keys:
        account.add_key(key)
    for credential in snapshot.credentials:
        account.add_credential(credential)
    for provider in snapshot.identity_providers:
        account.identity_providers.add(provider.name, provider)
    for saml_provider in snapshot.saml_providers:
        account.saml_providers.add(saml_provider.name, saml_provider)
    account.key_sets, account.last_used = snapshot.key_sets, snapshot.last_used
    ram = _ram(snapshot, system_policies)
    return Cloud(account, clock, ram, _ecs(snapshot), _oss(snapshot), snapshot.networks, switches)


def _ram(snapshot: Snapshot, system_policies: list[Policy]) -> RamStore:
    ram = RamStore()
    for policy in (*system_policies, *snapshot.policies):
        ram.policies[policy.policy_type].add(policy.name, policy)
    for role in snapshot.roles:
        ram.roles.add(role.name, role)
    for item in snapshot.attachments:
        # an older file has roles by their lower-cased names
        named = ram.roles.get(item.holder.name) if item.holder.kind is HolderKind.ROLE else None
        holder = named.holder if named is not None else item.holder
        ram.attachments.add(holder, (item.policy_type, item.policy_name), item.since)
    return ram


def _ecs(snapshot: Snapshot) -> EcsStore:
    ecs = EcsStore({**PUBLIC_REGIONS, **snapshot.declared_regions})
    ecs.client_tokens = snapshot.client_tokens
    for instance in snapshot.instances:
        ecs.add(instance)
    return ecs


def _oss(snapshot: Snapshot) -> OssStore:
    oss = OssStore()
    for bucket in snapshot.buckets:
        oss.add(bucket)
    return oss
