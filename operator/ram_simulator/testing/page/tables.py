"""What the page shows of a cloud and its journal: one function for the rows of each table."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import quote

from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ram_store import Holder, HolderKind, PolicyType
from ram_simulator.policies import PolicyDocument, Statement
from ram_simulator.testing.journal import Entry
from ram_simulator.testing.page.markup import ROWS_SHOWN, Markup, Section, code, colored, few, lines, link
from ram_simulator.testing.simulator import Simulator

_CALLS_SHOWN = 50
_LONGEST_PARAMETER = 60
_LONGEST_REASON = 300
Item = TypeVar("Item")
Rows = Iterable[Sequence[str]]


def sections(simulator: Simulator, *, changes_only: bool) -> list[Section]:
    """Return all tables, that of the last calls with writes and refusals only if that is wanted."""
    cloud, people = simulator.cloud, simulator.cloud.account.people
    custom = cloud.ram.policies[PolicyType.CUSTOM]
    calls = simulator.journal.newest(_CALLS_SHOWN, _changes_or_fails if changes_only else lambda entry: True)
    instance_heads = ("instance", "!name", "!region", "!network", "!status", "role")
    call_heads = ("!time", "!call", "with", "!by", "answer", "unknown parameters")
    return [
        Section("Roles", ("role", "trusts", "policies", "!instances"), _roles(cloud), len(cloud.ram.roles)),
        Section("Instances", instance_heads, _instances(cloud), len(cloud.ecs)),
        Section(
            "Custom policies", ("policy", "!in force", "allows and denies", "held by"), _policies(cloud), len(custom)
        ),
        Section("Users", ("user", "keys", "groups", "policies"), _users(cloud), len(people.users)),
        Section("Groups", ("group", "users", "policies"), _groups(cloud), len(people.groups)),
        Section(
            "OIDC providers",
            ("provider", "issuer", "client ids"),
            _providers(cloud),
            len(cloud.account.identity_providers),
        ),
        Section("Buckets", ("bucket", "!region", "objects"), _buckets(cloud), sum(1 for _ in cloud.oss)),
        Section("Last calls", call_heads, (_call(entry) for entry in calls), len(calls), _choice(changes_only)),
    ]


def _changes_or_fails(entry: Entry) -> bool:
    return entry.write or bool(entry.code)


def _choice(changes_only: bool) -> Markup:
    """Return the two ways to look at the calls, of which the other one is a link."""
    every, changes = "all", "writes and refusals only"
    if changes_only:
        return Markup(f"{link('./#last-calls', every)} · <b>{changes}</b>")
    return Markup(f"<b>{every}</b> · {link('./?calls=changes#last-calls', changes)}")


def _newest(items: Iterable[Item]) -> Iterator[Item]:
    return iter(deque(items, maxlen=ROWS_SHOWN))


def _roles(cloud: Cloud) -> Rows:
    for role in _newest(cloud.ram.roles):
        playing = cloud.ecs.having_role_anywhere(role.name)
        yield (
            link(f"roles/{quote(role.name)}", code(role.name)),
            lines(_trusted(role.trust)),
            _held(cloud, role.holder),
            lines(few([instance.instance_id for instance in playing])),
        )


def _trusted(trust: PolicyDocument) -> Iterable[str]:
    return dict.fromkeys(
        f"{'all but ' if statement.excludes_principals else ''}{name}"
        for statement in trust.statements
        for names in statement.principals.values()
        for name in names
    )


def _policies(cloud: Cloud) -> Rows:
    for policy in _newest(cloud.ram.policies[PolicyType.CUSTOM]):
        holders = cloud.ram.attachments.of_policy((PolicyType.CUSTOM, policy.name.lower()))
        yield (
            code(policy.name),
            f"v{policy.default_version} of {len(policy.versions)}",
            lines(_told(statement) for statement in policy.default.document.statements),
            lines(f"{holder.kind.value.lower()} {holder.name}" for holder in holders),
        )


def _told(statement: Statement) -> str:
    actions = ", ".join(few([pattern.source for pattern in statement.actions]))
    resources = ", ".join(few([pattern.source for pattern in statement.resources]))
    return (
        f"{statement.effect.value} {'all but ' if statement.excludes_actions else ''}{actions}"
        f" on {'all but ' if statement.excludes_resources else ''}{resources}"
        f"{', on conditions' if statement.conditions else ''}"
    )


def _instances(cloud: Cloud) -> Rows:
    for instance in _newest(cloud.ecs):
        role = [code(instance.binding.role_name)] if instance.binding else []
        limited = ["limited by a session policy"] if instance.binding and instance.binding.session_policy else []
        yield (
            code(instance.instance_id),
            instance.name,
            instance.region,
            instance.network_type.value,
            instance.status.value,
            lines([*role, *limited]),
        )


def _users(cloud: Cloud) -> Rows:
    for user in _newest(cloud.account.people.users):
        keys = [f"{key.access_key_id}{'' if key.active else ' (off)'}" for key in cloud.account.keys_of(user.name)]
        groups = [group.name for group in cloud.account.people.groups if group.name.lower() in user.groups]
        yield code(user.name), lines(keys), lines(groups), _held(cloud, Holder(HolderKind.USER, user.name.lower()))


def _groups(cloud: Cloud) -> Rows:
    for group in _newest(cloud.account.people.groups):
        members = [user.name for user in cloud.account.people.users if group.name.lower() in user.groups]
        yield code(group.name), lines(members), _held(cloud, Holder(HolderKind.GROUP, group.name.lower()))


def _providers(cloud: Cloud) -> Rows:
    for provider in _newest(cloud.account.identity_providers):
        yield code(provider.name), provider.issuer, lines(provider.client_ids)


def _buckets(cloud: Cloud) -> Rows:
    for bucket in _newest(cloud.oss):
        yield code(bucket.name), bucket.region, lines(sorted(bucket.objects))


def _call(entry: Entry) -> Sequence[str]:
    # documents and lists of ids would push everything else away
    given = [f"{name}={value}" for name, value in entry.params.items() if value and len(value) <= _LONGEST_PARAMETER]
    return (
        entry.time.strftime("%H:%M:%S"),
        code(f"{entry.product} {entry.action}"[:50]),
        ", ".join(few(given)),
        entry.principal.rpartition(":")[2] or "nobody",
        _answered(entry),
        ", ".join(entry.unknown_params)[:200],
    )


def _answered(entry: Entry) -> Markup:
    if not entry.code:
        return colored(str(entry.status), "good")
    return lines((colored(f"{entry.status} {entry.code}", "bad"), entry.reason[:_LONGEST_REASON]))


def _held(cloud: Cloud, holder: Holder) -> Markup:
    found = [cloud.ram.policy(key) for key in cloud.ram.attachments.of_holder(holder)]
    return lines(policy.name for policy in found if policy is not None)
