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
