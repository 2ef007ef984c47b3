"""What is changed after it was signed is refused, for every action, and takes no effect."""

from collections.abc import Callable

import pytest
from tests.contract.clients.mutation_tables import CALLS
from tests.contract.clients.raw import (
    FORM,
    Key,
    Message,
    Pairs,
    Wire,
    common,
    encode_pairs,
    name_of,
    product_of,
    signed_v1,
    signed_v3,
    text_of,
)
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import RunningSimulator

from ram_simulator.testing.simulator import PRODUCTS

ANONYMOUS = {"AssumeRoleWithOIDC", "AssumeRoleWithSAML"}
SIGNED = [(action, given) for action, given in CALLS if action not in ANONYMOUS]
OTHERS = {
    "Ram": ("ListUsers", "ListRoles"),
    "Ecs": ("DescribeRegions", "DescribeInstances"),
    "Sts": ("GetCallerIdentity", "AssumeRole"),
    "Ims": ("GetAccountSummary", "ListOIDCProviders"),
    "Vpc": ("DescribeVpcs", "DescribeVSwitches"),
}


def another(action: str) -> str:
    """Return another action of the same product."""
    return next(other for other in OTHERS[product_of(action)] if other != name_of(action))


def replaced(pairs: Pairs, name: str, value: str) -> Pairs:
    assert name in dict(pairs), f"{name} is not in {pairs}"
    return [(key, value if key == name else text) for key, text in pairs]


def with_query(message: Message, change: Callable[[Pairs], Pairs]) -> Message:
    return Message(message.method, message.path, change(message.query), message.headers, message.body)


def with_headers(message: Message, change: Callable[[Pairs], Pairs]) -> Message:
    return Message(message.method, message.path, message.query, change(message.headers), message.body)


FIRST: dict[str, Callable[[Message, str], Message]] = {
    "another action": lambda m, action: with_query(m, lambda q: replaced(q, "Action", another(action))),
    "another value": lambda m, _: with_query(m, lambda q: replaced(q, "RegionId", "cn-beijing")),
    "a value in other case": lambda m, _: with_query(m, lambda q: replaced(q, "RegionId", "CN-HANGZHOU")),
    "one parameter more": lambda m, _: with_query(m, lambda q: [*q, ("Odd", "x")]),
    "one parameter more in the body": lambda m, _: Message(
        m.method, m.path, m.query, [("Content-Type", FORM)], b"Odd=x"
    ),
    "one parameter less": lambda m, _: with_query(m, lambda q: [pair for pair in q if pair[0] != "RegionId"]),
    "another method": lambda m, _: Message("GET", m.path, m.query, m.headers, m.body),
    "another key": lambda m, _: with_query(m, lambda q: replaced(q, "AccessKeyId", "simulator-dev")),
    "another signature": lambda m, _: with_query(m, lambda q: replaced(q, "Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
    "an empty signature": lambda m, _: with_query(m, lambda q: replaced(q, "Signature", "")),
}
SECOND: dict[str, Callable[[Message, str], Message]] = {
    "another action": lambda m, action: with_headers(m, lambda h: replaced(h, "x-acs-action", another(action))),
    "another value": FIRST["another value"],
    "one parameter more": FIRST["one parameter more"],
    "one parameter less": FIRST["one parameter less"],
    "another method": FIRST["another method"],
    "another body": lambda m, _: Message(m.method, m.path, m.query, m.headers, m.body + b"&Odd=x"),
    "one header more": lambda m, _: with_headers(m, lambda h: [*h, ("x-acs-odd", "x")]),
    "one header less": lambda m, _: with_headers(
        m, lambda h: [pair for pair in h if pair[0] != "x-acs-content-sha256"]
    ),
    "another key": lambda m, _: with_headers(
        m, lambda h: [(name, text.replace(f"={ROOT[0]},", "=simulator-dev,")) for name, text in h]
    ),
    "another signature": lambda m, _: with_headers(
        m, lambda h: [(name, text[:-4] + "0000" if name == "Authorization" else text) for name, text in h]
    ),
}
REFUSALS = {"SignatureDoesNotMatch", "IncompleteSignature", "MissingSignature"}


def first(action: str, given: Pairs) -> Message:
    return Message("POST", query=signed_v1("POST", common(action) + given, Key(*ROOT)))


def second(wire: Wire, action: str, given: Pairs) -> Message:
    region, rest = given[:1], encode_pairs(given[1:]).encode()
    return signed_v3(Message("POST", "/", region, [("Content-Type", FORM)], rest), wire.host, action, Key(*ROOT))


def parameters(given: dict[str, object]) -> Pairs:
    rest = [(name, text_of(value)) for name, value in given.items() if name != "RegionId"]
    return [("RegionId", "cn-hangzhou"), *rest]


def test_all_actions_are_here() -> None:
    served = {(product.name, action) for product in PRODUCTS.values() for action in product.actions}
    signed = {(product_of(action), name_of(action)) for action, _ in SIGNED}
    assert {pair for pair in served if pair[1] not in ANONYMOUS} == signed


@pytest.mark.parametrize("change", FIRST)
def test_the_older_signature_covers_everything(simulator: RunningSimulator, wire: Wire, change: str) -> None:
    before = simulator.control_call("GET", "/state")
    codes = {}
    for action, given in SIGNED:
        reply = wire.send(FIRST[change](first(action, parameters(dict(given))), action))
        codes[action] = (reply.status // 100, reply.answer.get("Code"))
    assert {code for code in codes.values() if code[0] != 4 or code[1] not in REFUSALS} == set(), codes
    assert simulator.control_call("GET", "/state") == before


@pytest.mark.parametrize("change", SECOND)
def test_the_newer_signature_covers_everything(simulator: RunningSimulator, wire: Wire, change: str) -> None:
    before = simulator.control_call("GET", "/state")
    codes = {}
    for action, given in SIGNED:
        reply = wire.send(SECOND[change](second(wire, action, parameters(dict(given))), action))
        codes[action] = (reply.status // 100, reply.answer.get("Code"))
    assert {code for code in codes.values() if code[0] != 4 or code[1] not in REFUSALS} == set(), codes
    assert simulator.control_call("GET", "/state") == before
