"""Which addresses may be called: the one rule for endpoints, proxies and credential servers, in settings and in cloud/.

No function here quotes a URL in its answer: it may have a password in it.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

_REGION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
_HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(:[0-9]+)?|[0-9A-Fa-f:.\[\]]+")


def endpoint_problem(text: str) -> str:
    """Return what is wrong with a URL without a path, or a host with or without a port; "" for nothing."""
    url = _split(text if "://" in text else f"https://{text}")
    if url is None or url.scheme not in ("http", "https") or _has_more(url):
        return "is no address: write https://HOST[:PORT] or HOST[:PORT]"
    return _plain_problem(url)


def uri_problem(text: str) -> str:
    """Return what is wrong with a URL that may have a path and a query; "" for nothing."""
    url = _split(text)
    if url is None or url.scheme not in ("http", "https") or url.username is not None or url.fragment:
        return "is no address: write https://HOST[:PORT]/PATH"
    return _plain_problem(url)


def proxy_problem(text: str) -> str:
    """Return what is wrong with the URL of a proxy; "" for nothing. It may have a user and a password."""
    url = _split(text)
    if url is None or url.scheme != "http" or not url.port or url.path.strip("/") or url.query:
        return "is no address of a proxy: write http://HOST:PORT"
    return ""


def host_problem(text: str) -> str:
    """Return what is wrong with a host or a domain that is called without a proxy; "" for nothing."""
    if _HOST.fullmatch(text):
        return ""
    return f"has {text!r}: write hosts and domains, such as 10.0.0.1, host.example.com or .example.com"


def is_region(text: str) -> bool:
    """Return whether a text is written like the id of a region, so that it names no other host in an address."""
    return _REGION.fullmatch(text) is not None


def may_be_plain(host: str) -> bool:
    """Return whether a host may be called without TLS: this machine, or a Service of the own cluster (a simulator).

    Args:
        host: a name or an address, without a port.
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        labels = host.rstrip(".").split(".")
        return len(labels) == 1 or "svc" in labels[2:3]


def _plain_problem(url: SplitResult) -> str:
    if url.scheme == "http" and not may_be_plain(url.hostname or ""):
        return (
            "would be called without TLS: write https://, http:// is only for this machine and Services of the cluster"
        )
    return ""


def _has_more(url: SplitResult) -> bool:
    return bool(url.path.strip("/") or url.query or url.fragment or url.username is not None)


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        return url if url.hostname and url.port != 0 else None
    except ValueError:
        return None
