"""Bad input: whatever is sent, a documented code comes back, no traceback is written and nothing has changed."""

from collections import Counter
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, Phase, given, settings
from tests.contract.clients.mutation_tables import (
    CALLS,
    TOKEN,
)
from tests.contract.clients.mutations import Mutant, mutant
from tests.contract.clients.odd_values import OddCall, odd_calls
from tests.contract.clients.raw import Message, name_of, product_of, timestamp
from tests.contract.clients.target import (
    EVERY,
    Target,
    code_of,
    complaint,
    fixture_of,
    may_have_changed_something,
    tokens_of,
)
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import start_simulator, stop_simulator
from tests.contract.test_simulator_oidc import Issuer

from ram_simulator.testing.simulator import PRODUCTS


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("mutations")
    issuer = Issuer(rsa.generate_private_key(65537, 2048))
    with (folder / "stderr").open("wb") as stderr:
        running = start_simulator("--fixture", str(fixture_of(issuer, folder)), stderr=stderr)
        found = Target(running, folder / "stderr", tokens_of(issuer))
        yield found
        found.close()
        stop_simulator(running)


def answered_without_harm(target: Target, numbers: range) -> list[str]:
    found = []
    for number in numbers:
        made = mutant(number, target.sender)
        reply = target.send(made)
        if wrong := complaint(made, reply):
            found.append(f"#{number} {made.raw('host')[:300]!r}: {wrong}")
        if may_have_changed_something(made, reply):
            target.rebuild()
        if target.state() != target.baseline:
            found.append(f"#{number} {made.raw('host')[:300]!r} changed the state")
            target.rebuild()
        if number % EVERY == EVERY - 1 and target.whole() != target.whole_baseline:
            found.append(f"one of the requests up to #{number}, {EVERY} of them, changed people, settings or instances")
            target.rebuild()
    text = target.stderr.read_text()
    return found + ([text[-5000:]] if "Traceback" in text or "ERROR" in text else [])


V3_ODD = [
    ("x-acs-action", "GetRole"),
    ("x-acs-version", "2015-05-01"),
    ("x-acs-date", timestamp()),
    ("x-acs-signature-nonce", "odd"),
    ("x-odd", "\udcff"),
    ("Authorization", f"ACS3-HMAC-SHA256 Credential={ROOT[0]},SignedHeaders=x-odd,Signature=\udcff"),
]
OSS_ODD = [
    ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ("x-oss-odd", "\udcff"),
    ("Authorization", f"OSS {ROOT[0]}:\udcff"),
]
FOUND = {
    "a body that is not compressed although it says so": Mutant(
        "endpoint", Message("POST", "/", [("Action", "GetRole")], [("Content-Encoding", "gzip")], b"x")
    ),
    "a signed header that is no UTF-8": Mutant("endpoint", Message("POST", "/", [], V3_ODD)),
    "a header of OSS that is no UTF-8": Mutant("oss", Message("GET", "/ramroletest/\udcff", [], OSS_ODD)),
    "no text as the region of a new instance": Mutant("control", Message("POST", "/instances", body=b'{"region": {}}')),
    "no text as its network": Mutant("control", Message("POST", "/instances", body=b'{"networkType": []}')),
    "a control request of two megabytes": Mutant("control", Message("POST", "/faults", body=b"a" * (2 << 20))),
    "a length that is no number": Mutant("endpoint", Message("POST", "/", [], [("Content-Length", "x")])),
    "a body cut off": Mutant("endpoint", Message("POST", "/", body=b"Action=GetRole"), cut=3),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_once_was_a_bug_is_refused(target: Target, case: str) -> None:
    assert complaint(FOUND[case], target.send(FOUND[case])) == ""
    assert "Traceback" not in target.stderr.read_text()
    assert target.state() == target.baseline


def test_each_odd_token_gets_as_far_as_the_provider_and_no_farther(target: Target) -> None:
    asked = next(dict(given) for action, given in CALLS if action == "AssumeRoleWithOIDC")
    codes: Counter[str] = Counter()
    for token in dict.fromkeys(target.sender.tokens):
        pairs = [("Action", "AssumeRoleWithOIDC"), ("Version", "2015-04-01"), ("Format", "JSON"), *asked.items()]
        pairs = [(name, token if value == TOKEN else value) for name, value in pairs]
        reply = target.send(made := Mutant("endpoint", Message("POST", "/", pairs)))
        assert complaint(made, reply) == ""
        assert reply is not None
        codes[code_of(reply) if reply.status != 200 else ""] += 1
    refused = ("OIDCToken.Invalid", "OIDCToken.AudienceNotMatch", "OIDCToken.Expired")
    assert set(codes) == {"", *(f"AuthenticationFail.{code}" for code in refused)}
    assert target.state() == target.baseline
    assert "Traceback" not in target.stderr.read_text()


def play(target: Target, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(odd_calls())
    def answered_without_harm(call: OddCall) -> None:
        made = target.signed(call)
        reply = target.send(made)
        assert complaint(made, reply) == ""
        if may_have_changed_something(made, reply):
            target.rebuild()
        assert target.state() == target.baseline

    answered_without_harm()
    assert "Traceback" not in target.stderr.read_text()
    assert target.whole() == target.whole_baseline


def test_any_value_of_any_parameter_is_answered_with_a_documented_code(target: Target) -> None:
    play(target, 150)


@pytest.mark.soak
def test_any_of_five_thousand_values_is_answered_with_a_documented_code(target: Target) -> None:
    play(target, 5_000)


def test_every_action_is_mutated() -> None:
    served = {(product.name, action) for product in PRODUCTS.values() for action in product.actions}
    assert served == {(product_of(action), name_of(action)) for action, _ in CALLS}


def test_mutated_requests_are_refused_with_a_documented_code_and_change_nothing(target: Target) -> None:
    assert answered_without_harm(target, range(3_000)) == []


@pytest.mark.soak
def test_ten_thousand_mutated_requests_are_refused_and_change_nothing(target: Target) -> None:
    assert answered_without_harm(target, range(10_000)) == []
