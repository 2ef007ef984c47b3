"""The one exception that becomes an error answer; raised by every rule, rendered by the wire layers."""

from collections.abc import Mapping


class ApiError(Exception):
    """An error of the cloud's own contract.

    `code` and `status` are the contract; the message is for people. `detail` is rendered next to them
    (`AccessDeniedDetail` of refusals), `retry_after_ms` as a header (throttling).
    """

    def __init__(self, status: int, code: str, message: str, detail: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.retry_after_ms: int | None = None


class MalformedDocument(ValueError):
    """A policy document that RAM's grammar refuses; the text names the place, the mistake and the fix."""


class CannotServe(Exception):
    """What the options ask for and this machine does not give; the text names the option and the way out."""


class InvalidState(ValueError):
    """A state file that cannot be gone on with; the text names the file and the reason in one line."""


class InvalidFixture(ValueError):
    """A fixture file that describes no possible cloud; the text names the place and what is expected."""


def reason_of(error: OSError) -> str:
    """Return why a file or folder cannot be used, in words."""
    match error:
        case FileNotFoundError():
            return "there is no such file"
        case IsADirectoryError():
            return "it is a folder, not a file"
        case PermissionError():
            return "it may not be used by this user"
    return error.strerror or str(error)
