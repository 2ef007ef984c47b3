"""Lists without an end and answers that grow when they are decoded: what an endpoint sends takes a bounded memory."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

import pytest
from tests.unit.test_cloud_hostile import Hostile, Reply, answer

from ram_operator.cloud import Cloud, Taggable
from ram_operator.cloud.client.answers import decode
from ram_operator.cloud.client.listing import MOST_PAGES
from ram_operator.cloud.client.transport import LARGEST_ANSWER
from ram_operator.errors import CloudError

MOST_MEMORY = 200_000_000
"""Bytes that one decoded answer may take; the chart gives the operator 512 MiB."""


def endless_list(padding: int = 0) -> Reply:
    """A list that never says it is complete, with so many characters in each page."""
    numbers = itertools.count(1)

    def reply(sent: str, given: dict[str, str]) -> Iterator[bytes]:
        number, text = next(numbers), "x" * padding
        more = {
            "Padding": text,
            "IsTruncated": True,
            "Marker": f"m{number}",
            "NextToken": f"t{number}",
            "TotalCount": 10**14,
        }
        role, tag = {"RoleName": f"r{number}"}, {"TagKey": f"k{number}", "TagValue": "v"}
        instance = {"InstanceId": f"i-{number}", "RamRoleName": "r"}
        lists = {"TagResources": [tag], "InstanceRamRoleSets": {"InstanceRamRoleSet": [instance] * 50}}
        return answer(json.dumps({**more, **lists, "Roles": {"Role": [role]}}).encode())

    return reply


LISTS: dict[str, Callable[[Cloud], Awaitable[object]]] = {
    "ListRoles": lambda cloud: cloud.ram.list_roles(),
    "ListTagResources": lambda cloud: cloud.ram.list_tags(Taggable.ROLE, "r"),
    "DescribeInstanceRamRole": lambda cloud: cloud.ecs.instances_with_role("cn-hangzhou", "r"),
}


@pytest.mark.parametrize("ask", LISTS.values(), ids=LISTS)
async def test_a_list_of_large_pages_without_an_end_is_unreadable(ask: Callable[[Cloud], Awaitable[object]]) -> None:
    async with Hostile(endless_list(padding=2_000_000)).connected() as connection:
        with pytest.raises(CloudError, match=r"SDK\.UnreadableAnswer: the list has more than \d+ bytes"):
            await ask(connection.cloud)


async def test_a_list_of_small_pages_without_an_end_is_unreadable() -> None:
    server = Hostile(endless_list())
    async with server.connected() as connection:
        with pytest.raises(CloudError, match=r"SDK\.UnreadableAnswer: the list has more than \d+ pages"):
            await connection.cloud.ram.list_roles()
    assert len(server.received) == MOST_PAGES


@pytest.mark.parametrize("size", [50, 75, 100])
async def test_no_instance_is_skipped_whatever_the_size_of_the_pages_is(size: int) -> None:
    instances = [{"InstanceId": f"i-{number}", "RamRoleName": "r"} for number in range(120)]

    def reply(sent: str, given: dict[str, str]) -> Iterator[bytes]:
        end = int(given["PageNumber"]) * size
        rows = {"InstanceRamRoleSet": instances[end - size : end]}
        return answer(json.dumps({"TotalCount": len(instances), "InstanceRamRoleSets": rows}).encode())

    async with Hostile(reply).connected(seconds=60) as connection:
        found = await connection.cloud.ecs.instances_with_role("cn-hangzhou", "r")
    assert found == tuple(each["InstanceId"] for each in instances)


SMALLEST_VALUES = {"objects": b"{},", "members": b'{"":0},', "lists": b"[],", "texts": b'"ab",'}


@pytest.mark.parametrize("value", SMALLEST_VALUES.values(), ids=SMALLEST_VALUES)
def test_the_largest_answer_takes_a_bounded_memory(value: bytes) -> None:
    body = b'{"a":[' + value * 20_000 + b"0]}"
    tracemalloc.start()
    decoded = decode(body)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert decoded is not None
    assert taken / len(body) * LARGEST_ANSWER < MOST_MEMORY
