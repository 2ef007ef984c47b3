"""The pages of one list: an endpoint could go on with them for ever.

Used by the adapters `ram` and `ecs`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

from ram_operator.cloud.client import Client, RequestClass
from ram_operator.cloud.client.answers import Answer
from ram_operator.cloud.client.failures import UNREADABLE
from ram_operator.errors import Unavailable

MOST_PAGES = 400
"""Enough for 20,000 instances of a region with one role: ECS tells of 50 at a time."""

LARGEST_LIST = 32 * 1024 * 1024
"""Bytes of all pages together. 10,000 policies with tags have less than 10 MB."""

Following = Callable[[Answer], Mapping[str, object] | None]
"""Returns the parameters that ask for the page after a page, None after the last one."""


async def pages(
    client: Client,
    request_class: RequestClass,
    parameters: Mapping[str, object],
    following: Following,
    region: str = "",
) -> AsyncIterator[Answer]:
    """Yield the pages of a list, each asked for when the one before has been used.

    Args:
        client: makes the calls.
        request_class: of the SDK.
        parameters: ask for the first page.
        following: tells which page comes next.
        region: of ECS calls.

    Raises:
        CloudError: of a call; Unavailable where the list has no end.
    """
    asked, size = dict(parameters), 0
    for _ in range(MOST_PAGES):
        page = await client.call(request_class, asked, region)
        size += page.size
        if size > LARGEST_LIST:
            raise _unreadable(page, f"the list has more than {LARGEST_LIST} bytes")
        yield page
        more = following(page)
        if more is None:
            return
        asked |= more
    raise _unreadable(page, f"the list has more than {MOST_PAGES} pages")


def _unreadable(page: Answer, words: str) -> Unavailable:
    return Unavailable(page.action, UNREADABLE, words)
