"""The page of the control service for people: what there is, who is attached to what, and the last calls.

One HTML document that needs nothing from elsewhere, refreshes itself and can change nothing.
"""

from collections.abc import Iterable, Sequence
from html import escape

from ram_simulator.cloud import Cloud
from ram_simulator.journal import Entry
from ram_simulator.ram.store import Holder, HolderKind, PolicyType
from ram_simulator.simulator import Simulator

_REFRESH_SECONDS = 5
_CALLS_SHOWN = 50
_ROWS_SHOWN = 200
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bad: #c62828; --good: #2e7d32 }
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem }
h1 { font-size: 1.3rem; margin: 0 }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
h2 span, p.note { color: GrayText; font-weight: normal }
p.note { margin: .2rem 0 }
div.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top }
th { color: GrayText; font-weight: 600; white-space: nowrap }
td { overflow-wrap: break-word }
code { background: var(--soft); border-radius: .25rem; padding: .05rem .3rem }
.bad { color: var(--bad) } .good { color: var(--good) }
@media (max-width: 40rem) {
  thead { display: none }
  tr { border-bottom: 1px solid var(--line); display: block; padding: .4rem 0 }
  td { border: 0; display: block; padding: .1rem 0 }
  td[data-head]::before { color: GrayText; content: attr(data-head) ": " }
  td:empty { display: none }
}
"""
# the browser is told that nothing but this style belongs to the page
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class Markup(str):
    """Text that is HTML already; everything else is escaped."""

    __slots__ = ()


def page_of(simulator: Simulator) -> str:
    """Return the page as it is now."""
    cloud = simulator.cloud
    body = "".join(
        (
            "<h1>ram-simulator</h1>",
            f'<p class="note">account {_text(cloud.account.account_id)} · {_text(_counts(cloud))}</p>',
            _section("Roles", ("role", "trusts", "policies", "instances"), _roles(cloud), len(cloud.ram.roles)),
            _section("Custom policies", ("policy", "in force", "allows and denies", "held by"), *_policies(cloud)),
            _section(
                "Instances", ("instance", "region", "network", "status", "role"), _instances(cloud), len(cloud.ecs)
            ),
            _section("Users", ("user", "keys", "groups", "policies"), _users(cloud), len(cloud.account.people.users)),
            _section("Last calls", ("time", "call", "by", "answer", "unknown parameters"), _calls(simulator)),
            f'<p class="note">This page refreshes itself every {_REFRESH_SECONDS} seconds and changes nothing.</p>',
        )
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
        f"<title>ram-simulator</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def _counts(cloud: Cloud) -> str:
    people = cloud.account.people
    return f"users {len(people.users)}, groups {len(people.groups)}, buckets {sum(1 for _ in cloud.oss)}"


def _roles(cloud: Cloud) -> Iterable[Sequence[str]]:
    for role in cloud.ram.roles:
        principals = [
            f"{'all but ' if statement.excludes_principals else ''}{name}"
            for statement in role.trust.statements
            for names in statement.principals.values()
            for name in names
        ]
        playing = cloud.ecs.playing_anywhere(role.name)
        yield (
            _code(role.name),
            ", ".join(dict.fromkeys(principals)),
            _held(cloud, role.holder),
            _some([instance.instance_id for instance in playing]),
        )


def _policies(cloud: Cloud) -> tuple[Iterable[Sequence[str]], int]:
    custom = cloud.ram.policies[PolicyType.CUSTOM]
    rows = (
        (
            _code(policy.name),
            f"v{policy.default_version} of {len(policy.versions)}",
            "; ".join(
                f"{statement.effect.value} {'all but ' if statement.excludes_actions else ''}"
                f"{', '.join(pattern.source for pattern in statement.actions)}"
                for statement in policy.default.document.statements
            ),
            _some(
                [
                    f"{holder.kind.value.lower()} {holder.name}"
                    for holder in cloud.ram.attachments.of_policy((PolicyType.CUSTOM, policy.name.lower()))
                ]
            ),
        )
        for policy in custom
    )
    return rows, len(custom)


def _instances(cloud: Cloud) -> Iterable[Sequence[str]]:
    for instance in cloud.ecs:
        yield (
            _code(instance.instance_id),
            instance.region,
            instance.network_type.value,
            instance.status.value,
            _code(instance.binding.role_name) if instance.binding else "",
        )


def _users(cloud: Cloud) -> Iterable[Sequence[str]]:
    for user in cloud.account.people.users:
        keys = [f"{key.access_key_id}{'' if key.active else ' (off)'}" for key in cloud.account.keys_of(user.name)]
        held = _held(cloud, Holder(HolderKind.USER, user.name.lower()))
        yield _code(user.name), ", ".join(keys), ", ".join(user.groups), held


def _calls(simulator: Simulator) -> Iterable[Sequence[str]]:
    for entry in simulator.journal.newest(_CALLS_SHOWN):
        yield (
            entry.time.strftime("%H:%M:%S"),
            _code(f"{entry.product} {entry.action}"[:100]),
            entry.principal.rpartition(":")[2],
            _outcome(entry),
            ", ".join(entry.unknown_params)[:200],
        )


def _outcome(entry: Entry) -> Markup:
    told = _text(f"{entry.status} {entry.code}")
    return Markup(f'<span class="{"bad" if entry.code else "good"}">{told}</span>')


def _held(cloud: Cloud, holder: Holder) -> str:
    keys = cloud.ram.attachments.of_holder(holder)
    found = [cloud.ram.policy(key) for key in keys]
    return ", ".join(policy.name for policy in found if policy is not None)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown


def _section(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], count: int | None = None) -> str:
    shown: list[str] = []
    for row in rows:
        if len(shown) == _ROWS_SHOWN:
            break
        shown.append(_row(heads, row))
    number = "" if count is None else f" <span>{count}</span>"
    more = f'<p class="note">the first {_ROWS_SHOWN} are shown</p>' if count and count > len(shown) else ""
    if not shown:
        return f'<h2>{title}{number}</h2><p class="note">none</p>'
    head = "".join(f"<th>{_text(name)}</th>" for name in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(shown)}</tbody></table>"
    return f'<h2>{title}{number}</h2>{more}<div class="wide">{table}</div>'


def _row(heads: Sequence[str], row: Sequence[str]) -> str:
    cells = "".join(
        f'<td data-head="{_text(head)}">{_text(cell)}</td>' if cell else "<td></td>"
        for head, cell in zip(heads, row, strict=True)
    )
    return f"<tr>{cells}</tr>"


def _code(text: str) -> Markup:
    return Markup(f"<code>{_text(text)}</code>")


def _text(text: str) -> str:
    return text if isinstance(text, Markup) else escape(text)
