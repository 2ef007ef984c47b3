"""The paths of the control service: what each takes, what it answers, and what it is for.

One table for the service itself, for the listing that it gives to clients, and for the README.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.spelling import check_keys
from ram_simulator.oss.operations import operations
from ram_simulator.testing.control.instances import add_instance, remove_instance
from ram_simulator.testing.control.state import documents_of, state_of
from ram_simulator.testing.faults import parse_fault
from ram_simulator.testing.simulator import PRODUCTS, Simulator
from ram_simulator.testing.suggestion import suggested_policy


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says: the part of the path that varies, the query and the JSON body."""

    name: str
    query: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """A request that is answered. `body` is an example of what it takes, empty if it takes none."""

    method: str
    path: str
    about: str
    answer: Callable[[Simulator, Asked], Answer]
    body: str = ""
    query: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Return the path with its query, as people write it."""
        values = "&".join(f"{name}={'N' if name == 'since' else name.upper()}" for name in self.query)
        return f"{self.path}?{values}" if values else self.path


def _index(_: Simulator, __: Asked) -> Answer:
    return {"paths": listing()}


def _journal(simulator: Simulator, asked: Asked) -> Answer:
    return {"calls": [entry.shown() for entry in simulator.journal.since(_number(asked))]}


def _suggest(simulator: Simulator, asked: Asked) -> Answer:
    principal = asked.query.get("principal", "")
    if not principal:
        raise ValueError("principal is required, such as /suggest?principal=user/dev")
    return suggested_policy(simulator.journal.since(_number(asked)), principal)


def _number(asked: Asked) -> int:
    since = asked.query.get("since", "0")
    if not (since.isascii() and since.isdigit() and len(since) <= 18):
        raise ValueError(f"since must be a whole number, such as /journal?since=17, not {since!r}")
    return int(since)


def _state(simulator: Simulator, _: Asked) -> Answer:
    return state_of(simulator.cloud)


def _role(simulator: Simulator, asked: Asked) -> Answer:
    return documents_of(simulator.cloud, asked.name)


def _faults(simulator: Simulator, _: Asked) -> Answer:
    return {"faults": simulator.faults.shown()}


def _add_fault(simulator: Simulator, asked: Asked) -> Answer:
    simulator.faults.add(*parse_fault(asked.body, _actions()))
    return {}


def _clear_faults(simulator: Simulator, _: Asked) -> Answer:
    simulator.faults.clear()
    return {}


def _add_instance(simulator: Simulator, asked: Asked) -> Answer:
    return add_instance(simulator.cloud, asked.body)


def _remove_instance(simulator: Simulator, asked: Asked) -> Answer:
    return remove_instance(simulator.cloud, asked.name)


def _time(simulator: Simulator) -> Answer:
    return {"now": to_seconds(simulator.clock.now()), "advancedSeconds": simulator.clock.advanced}


def _clock(simulator: Simulator, _: Asked) -> Answer:
    return _time(simulator)


def _advance(simulator: Simulator, asked: Asked) -> Answer:
    check_keys(asked.body, ("advanceSeconds",))
    seconds = asked.body.get("advanceSeconds")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise ValueError('"advanceSeconds" must be a number of seconds: write {"advanceSeconds": 3600}')
    simulator.clock.advance(seconds)
    return _time(simulator)


def _reset(simulator: Simulator, _: Asked) -> Answer:
    simulator.reset()
    return {"seq": simulator.journal.last}


def _switches(simulator: Simulator, _: Asked) -> Answer:
    return simulator.switches.shown()


def _change_switches(simulator: Simulator, asked: Asked) -> Answer:
    simulator.switches.change(asked.body)
    return simulator.switches.shown()


def _actions() -> dict[str, tuple[str, ...]]:
    """Return the parameters of each action; those of OSS have any."""
    known: dict[str, tuple[str, ...]] = {operation.name: () for operation in operations()}
    for product in PRODUCTS.values():
        for action in product.actions.values():
            # some names stand for an action of more than one product
            known[action.name] = (*known.get(action.name, ()), *action.required, *action.optional, "RegionId")
    return known


ROUTES = (
    Route(
        "GET",
        "/",
        "these paths; browsers get a page of who is attached to what, and of the last calls, with `/?calls=changes` of "
        "writes and refusals only",
        _index,
    ),
    Route(
        "GET",
        "/journal",
        "the calls with a number `seq` above N, the oldest first; without N all that are kept, which are 50,000",
        _journal,
        query=("since",),
    ),
    Route(
        "GET",
        "/suggest",
        "the least policy that would have allowed the calls of a principal, such as `user/dev` or `role/Web`, with a "
        "number above N: a document for `CreatePolicy`",
        _suggest,
        query=("principal", "since"),
    ),
    Route(
        "GET",
        "/state",
        "roles, policies, attachments, users, groups, OIDC and SAML providers, instances, VPCs, vSwitches, security "
        "groups, buckets: sorted, and without secrets, dates and generated ids of roles, so that two states compare",
        _state,
    ),
    Route("GET", "/roles/ID", "the trust policy of the role with that name, and the documents it is allowed by", _role),
    Route(
        "GET",
        "/faults",
        "the faults still set; `count` is how many calls each still strikes. A call counts as soon as it has arrived "
        "and its signature is found right, before the delay",
        _faults,
    ),
    Route(
        "POST",
        "/faults",
        'lets the next `count` (1) calls of an action, `"*"` for any, fail by one of: `code` with `status` (400), '
        "`message` and `retryAfterMs` (the header `x-acs-retry-after`); `delaySeconds`; `lostReply: true` (it takes "
        "effect, the connection closes without an answer); `emptyBody: true`. With `params` it strikes only calls that "
        "have these",
        _add_fault,
        '{"action": "GetRole", "params": {"RoleName": "x"}, "count": 2, "code": "InternalError", "status": 500}',
    ),
    Route("DELETE", "/faults", "forgets all faults; calls that still wait for a delay go on at once", _clear_faults),
    Route(
        "POST",
        "/instances",
        "makes an instance and answers its `instanceId`; every key is optional, `networkType` is `vpc` or `classic`",
        _add_instance,
        '{"region": "cn-hangzhou", "networkType": "vpc", "id": "i-1", "ramRoleName": "Web", "httpTokens": "required"}',
    ),
    Route("DELETE", "/instances/ID", "removes an instance", _remove_instance),
    Route("GET", "/clock", "the simulated time `now`, and by how many seconds it is ahead (`advancedSeconds`)", _clock),
    Route(
        "POST",
        "/clock",
        "moves dates, the end of credentials and quotas forward; signatures and nonces keep to the real time",
        _advance,
        '{"advanceSeconds": 3600}',
    ),
    Route("GET", "/switches", "all switches with their values", _switches),
    Route("PUT", "/switches", "changes some until the next reset", _change_switches, '{"second-role": "error"}'),
    Route(
        "POST",
        "/reset",
        "the fixture again with the same keys, no faults, the real time, the switches of the start. The journal goes "
        "on, `seq` is its newest number. Calls that a fault still delays are refused",
        _reset,
    ),
)


def listing() -> list[Answer]:
    """Return all paths for clients."""
    return [
        {
            "method": route.method,
            "path": route.shown,
            **({"body": route.body} if route.body else {}),
            "about": route.about,
        }
        for route in ROUTES
    ]
