"""DecodeDiagnosticMessage: why policies refused a call."""

from collections.abc import Sequence

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.policies.diagnosis import decode


def decode_diagnostic_message(cloud: Cloud, call: Call) -> Answer:
    """Show what an AccessDeniedDetail says in its EncodedDiagnosticMessage."""
    try:
        return {"DecodedDiagnosticMessage": decode(call.text("EncodedDiagnosticMessage"))}
    except ValueError as error:
        message = f"The parameter EncodedDiagnosticMessage is none of a refusal: {error}."
        raise ApiError(400, "InvalidParameter.EncodedDiagnosticMessage", message) from error


def _on_everything(cloud: Cloud, call: Call) -> Sequence[str]:
    return ("*",)


ACTIONS = table(
    Action("DecodeDiagnosticMessage", decode_diagnostic_message, _on_everything, ("EncodedDiagnosticMessage",))
)
