"""The official SDK as far as it is used: request classes in, HTTP status, headers and body out.

Called by `cloud.client` in worker threads. Of `AcsClient` it takes signing, user agent and the pool of connections,
through the one step `_make_http_response`; what follows it in the SDK (retries, endpoint look-ups over the network,
error texts and log lines with the signed URL, two parses of each body) is left out.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from aliyunsdkcore.auth.signers.signer import Signer
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.http import protocol_type
from aliyunsdkcore.vendored.requests import exceptions as http
from aliyunsdkcore.vendored.requests.packages.urllib3 import exceptions as urllib3
from aliyunsdkcore.vendored.requests.packages.urllib3.util import ssl_

from ram_operator.cloud.client.failures import CONNECTION_RESET
from ram_operator.cloud.credentials import CredentialsProvider

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 10
"""Seconds. The SDK wants integers."""


class Lease(Protocol):
    """The right to write, for a while."""

    def valid_until(self) -> float:
        """Return when it ends, in monotonic seconds; `math.inf` where there is no leader election."""


class LeaseTooShort(Exception):
    """The lease could end before the answer to a write is there; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _LeasedSigner(Signer):  # type: ignore[misc]
    """Signs with the credentials of the moment, and a write only under a lease that outlasts it.

    It runs just before the request is sent: there is no later place to stop a write.
    """

    def __init__(self, credentials: CredentialsProvider, lease: Lease, clock: Callable[[], float]) -> None:
        self._credentials = credentials
        self._lease = lease
        self._clock = clock

    def sign(self, region_id: str, request: Any) -> tuple[Any, Any]:  # noqa: ANN401
        """Return the headers and the signed path, as `AcsClient` expects them."""
        if is_write(request.get_action_name()) and self._lease.valid_until() - self._clock() <= READ_TIMEOUT:
            raise LeaseTooShort
        now = self._credentials.current()
        if now.security_token:
            request.add_query_param("SecurityToken", now.security_token)
        key = (region_id, now.access_key_id, now.access_key_secret)
        return request.get_signed_header(*key), request.get_url(*key)


class Transport(AcsClient):  # type: ignore[misc]
    """Sends signed requests over pooled connections; shared by all threads.

    Args:
        signer: from `signer`.
        region: goes with calls of global APIs, which ignore it.
        threads: how many connections to keep, at most.
        proxy: URL of the proxy for https; empty for none. The SDK alone would follow HTTP_PROXY and ignore NO_PROXY.
    """

    def __init__(self, signer: Signer, region: str, threads: int, proxy: str = "") -> None:
        # An AccessKey pair given here keeps the SDK from looking for one in the environment; it is never used.
        super().__init__(
            ak="-",
            secret="-",
            region_id=region,
            auto_retry=False,
            pool_size=threads,
            proxy={"http": None, "https": proxy or None},
        )
        self.threads = threads
        self._leased_signer = signer
        # Else a ~/.netrc could add an Authorization header.
        self.session.trust_env = False
        self.append_user_agent("ram-operator", own_version())

    def send(self, request: Any, endpoint: str) -> Exchange:  # noqa: ANN401
        """Sign and send one request; blocks.

        Args:
            request: a fresh request object of the SDK: the SDK writes into it.
            endpoint: URL without a path.

        Raises:
            LeaseTooShort: nothing was sent.
            OSError: no answer; its text has secrets in it, so ask only `reason`.
        """
        request.set_accept_format("JSON")
        # The constant itself: the SDK compares by identity and would silently fall back to plain HTTP.
        request.set_protocol_type(protocol_type.HTTPS)
        # As AcsClient does: what goes over the wire is then exactly what official clients send.
        request.add_header("Accept-Encoding", "identity")
        response = self._make_http_response(endpoint, request, READ_TIMEOUT, CONNECT_TIMEOUT, self._leased_signer)
        status, headers, body = response.get_response_object()
        return Exchange(status, headers, body)


def signer(credentials: CredentialsProvider, lease: Lease, clock: Callable[[], float]) -> Signer:
    """Return what signs each request."""
    return _LeasedSigner(credentials, lease, clock)


def is_write(action: str) -> bool:
    """Whether a call may change something."""
    return not action.startswith(("Get", "List", "Describe"))


def reason(error: Exception) -> tuple[str, str]:
    """Return a code and words for a call that got no answer, without a word of the error's own text."""
    match error:
        case http.ConnectTimeout():
            return "SDK.ConnectTimeout", f"no connection within {CONNECT_TIMEOUT} s"
        case http.ReadTimeout():
            return "SDK.ReadTimeout", f"no answer within {READ_TIMEOUT} s"
        case http.ConnectionError() if _is_about(error, urllib3.ReadTimeoutError):
            return "SDK.ReadTimeout", f"the answer stopped for {READ_TIMEOUT} s"
        case http.SSLError():
            return "SDK.TlsError", "TLS could not be agreed on: check the endpoint, the CA bundle and the clock"
        case http.ProxyError():
            return "SDK.ProxyError", "the proxy cannot be reached, or refuses"
        case http.ConnectionError() if _is_about(error, urllib3.ProtocolError):
            return CONNECTION_RESET, "the connection was closed before an answer came"
        case http.ChunkedEncodingError():
            return CONNECTION_RESET, "the connection was closed within the answer"
        case http.ConnectionError():
            return "SDK.ConnectionFailed", "no connection: refused, no route, or the name does not resolve"
        case _:
            return "SDK.Failed", f"{type(error).__name__} in the SDK"


def _is_about(error: Exception, cause: type[Exception]) -> bool:
    return bool(error.args) and isinstance(error.args[0], cause)


def tame_sdk() -> None:
    """Keep the SDK's log lines out, and make it name the host in TLS; for the whole process, before the first call.

    It logs signed URLs at ERROR and DEBUG, with a handler of its own. And from Python 3.12 on it sends no SNI, because
    it takes the absence of `ssl.wrap_socket` for an ancient Python.
    """
    top = logging.getLogger("aliyunsdkcore")
    top.setLevel(logging.CRITICAL + 1)
    top.propagate = False
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("aliyunsdkcore.")]:
        logging.getLogger(name).disabled = True
    ssl_.HAS_SNI = ssl.HAS_SNI


def own_version() -> str:
    """Return the installed distribution's version, "unknown" where there is none."""
    try:
        return version("ram-operator")
    except PackageNotFoundError:
        return "unknown"
