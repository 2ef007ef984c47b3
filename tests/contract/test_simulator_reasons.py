"""Why calls were refused, as the journal tells: it can always be read, and holds no secret."""

import json

from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.conftest import OldSdk, RunningSimulator


def test_the_journal_can_be_read_after_half_a_character(root: OldSdk, simulator: RunningSimulator) -> None:
    root.refusal("CreatePolicy", PolicyName="half", PolicyDocument='{"\\ud800": 1}')
    assert "half" in json.dumps(simulator.calls_since(0)[-1:])


def test_the_reason_of_a_refusal_holds_no_secret(simulator: RunningSimulator) -> None:
    wire = Wire(simulator.endpoint)
    wrong = RawClient(wire, Key("simulator-root", "wrong"))
    before = simulator.newest_call()
    wrong.call("CreateLoginProfile", UserName="dev", Password="correct-horse-battery")
    right = RawClient(wire, Key(simulator.ready["accessKeyId"], simulator.ready["accessKeySecret"]))
    right.call("DecodeDiagnosticMessage", EncodedDiagnosticMessage="x", Passwort="correct-horse-battery")
    wire.close()
    mismatched, *_ = calls = simulator.calls_since(before)
    assert mismatched["reason"].startswith("Specified signature is not matched with our calculation.")
    assert all(call["reason"] for call in calls)
    assert "correct-horse-battery" not in json.dumps(calls)
