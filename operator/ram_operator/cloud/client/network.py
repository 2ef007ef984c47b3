"""How a call leaves: through which proxy, and trusting which certificates.

Built once at the start, from settings only. The environment's variables for proxies and certificates are not read: an
empty one would turn checks off that nobody wanted off.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

import certifi

from ram_operator.errors import StartupError


@dataclass(frozen=True, slots=True)
class Network:
    """The settings of connections.

    Args:
        ca_bundle: file with the certificates of the authorities to trust, instead of Mozilla's list (certifi).
        https_proxy: URL of a proxy for all calls by HTTPS, empty for none; it may have a user and a password in it.
        no_proxy: hosts and domains that are called without the proxy, separated by commas.

    Raises:
        StartupError: the bundle cannot be read or has no certificate in it.
    """

    ca_bundle: Path | None = None
    https_proxy: str = field(default="", repr=False)
    no_proxy: str = ""
    tls: ssl.SSLContext = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tls", _trusting(self.ca_bundle))

    def proxy_for(self, url: str) -> str | None:
        """Return the URL of the proxy for a call, None where it goes out directly."""
        parts = urlsplit(url)
        if not self.https_proxy or parts.scheme != "https":
            return None
        direct = proxy_bypass_environment(parts.netloc, {"no": self.no_proxy})
        return None if direct else self.https_proxy


def _trusting(bundle: Path | None) -> ssl.SSLContext:
    # ssl.create_default_context would read SSLKEYLOGFILE, and write the keys of sessions there.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(str(bundle or certifi.where()))
        return context
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else ""
        problem = reason or "there is no certificate in it"
        raise StartupError(
            f"RAM_OPERATOR_CA_BUNDLE: cannot use {bundle}: {problem}; name a file with the certificates "
            "of the authorities in PEM form, or leave it empty"
        ) from None
