"""DecodeDiagnosticMessage: why policies refused a call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ram_simulator.authorization.diagnosis import decode
from ram_simulator.calls import Action, Answer, Call, table
from ram_simulator.errors import ApiError

if TYPE_CHECKING:
    from ram_simulator.cloud import Cloud


def decode_diagnostic_message(cloud: "Cloud", call: Call) -> Answer:
    """Show what an AccessDeniedDetail says in its EncodedDiagnosticMessage."""
    try:
        return {"DecodedDiagnosticMessage": decode(call.text("EncodedDiagnosticMessage"))}
    except ValueError as error:
        message = f"The parameter EncodedDiagnosticMessage is none of a refusal: {error}."
        raise ApiError(400, "InvalidParameter.EncodedDiagnosticMessage", message) from error


def _on_everything(cloud: "Cloud", call: Call) -> Sequence[str]:
    return ("*",)


ACTIONS = table(
    Action("DecodeDiagnosticMessage", decode_diagnostic_message, _on_everything, ("EncodedDiagnosticMessage",))
)
