"""What came over HTTP as text that can be encoded again; the API and OSS read their requests with it.

The web server keeps bytes that are no UTF-8 as lone surrogates, which signatures and journals can't take.
"""

from aiohttp import web


def path_and_query(http: web.BaseRequest) -> str:
    """Return the target of the request line as it was sent."""
    return _cleaned(http.raw_path)


def headers_of(http: web.BaseRequest) -> dict[str, str]:
    """Return the headers, their names in lower case; the last of several with one name."""
    return {name.lower(): _cleaned(value) for name, value in http.headers.items()}


def _cleaned(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
