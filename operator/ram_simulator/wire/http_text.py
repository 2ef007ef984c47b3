"""What came over HTTP: bodies up to a limit, and text that can be encoded again; all services read with it.

The web server keeps bytes that are no UTF-8 as lone surrogates, which signatures and journals can't take.
"""

from aiohttp import web


class TooLong(Exception):
    """A body that is longer than its service takes; the text says how long it may be."""


async def body_of(http: web.BaseRequest, most: int) -> bytes:
    """Return the body; raise TooLong as soon as more than `most` bytes have come, or are announced."""
    if (http.content_length or 0) > most:
        raise TooLong(f"at most {most} bytes")
    body = bytearray()
    # not http.read(): its limit of 1 MiB would be answered by the web server, in a form no client knows
    async for chunk in http.content.iter_any():
        body += chunk
        if len(body) > most:
            raise TooLong(f"at most {most} bytes")
    return bytes(body)


def path_and_query(http: web.BaseRequest) -> str:
    """Return the target of the request line as it was sent."""
    return _cleaned(http.raw_path)


def headers_of(http: web.BaseRequest) -> dict[str, str]:
    """Return the headers, their names in lower case; the last of several with one name."""
    return {name.lower(): _cleaned(value) for name, value in http.headers.items()}


def _cleaned(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
