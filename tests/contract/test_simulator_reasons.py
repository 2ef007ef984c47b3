"""Why calls were refused, as the journal tells, which holds no secret."""

import json

from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.conftest import RunningSimulator


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
