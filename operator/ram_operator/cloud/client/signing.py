"""What is sent: a request object of the SDK, signed with its signature and put into one form body.

The SDK itself would send what it signs in the URL, with the AccessKey ID, the security token and the signature, and
proxies log URLs. The signature covers the parameters wherever they are, and Alibaba Cloud's Node client sends all of
them in the body as well.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import unquote

from ram_operator.cloud.credentials import Credentials

_FORM = "application/x-www-form-urlencoded"
_SIGNATURES = re.compile(r"(?:^|&)(?:Signature|SignatureNonce)=([^&]*)")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The headers and the body of a POST of `/`; `secrets` are the texts in it that must not be shown."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def sign(request: Any, region: str, credentials: Credentials) -> SignedRequest:  # noqa: ANN401
    """Sign a request.

    Args:
        request: a fresh request object of the SDK: the SDK writes into it.
        region: goes with calls of global APIs, which ignore it.
        credentials: those of the moment.
    """
    if credentials.security_token:
        request.add_query_param("SecurityToken", credentials.security_token)
    request.set_accept_format("JSON")
    key = (region, credentials.access_key_id, credentials.access_key_secret)
    headers = request.get_signed_header(*key)
    # The SDK's setters put every parameter into the query, and only the query.
    body = request.get_url(*key).removeprefix("/?")
    made = tuple(unquote(value) for value in _SIGNATURES.findall(body))
    return SignedRequest({**headers, **_HEADERS}, body.encode(), (*credentials.secrets(), *made))


def own_version() -> str:
    """Return the installed distribution's version, "unknown" where there is none."""
    return _version("ram-operator")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


_HEADERS: Mapping[str, str] = {
    "Accept-Encoding": "identity",
    "Content-Type": _FORM,
    "User-Agent": (
        f"AlibabaCloud ({platform.system()} {platform.release()};{platform.machine()})"
        f" Python/{platform.python_version()} Core/{_version('aliyun-python-sdk-core')} ram-operator/{own_version()}"
    ),
    "x-sdk-client": "python/2.0.0",
}
