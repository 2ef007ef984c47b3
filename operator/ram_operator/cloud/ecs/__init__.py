"""ECS behind its port: instances and the one role each may have.

Built in `cloud.connection`. Ids are cut into batches of what an API takes, and a few batches run at a time. One bad id
makes the API refuse a whole batch, so refused batches are sifted: one DescribeInstances tells what to leave out, and
only if the rest is refused again is it halved. Parameters and shapes: https://api.aliyun.com, ECS 2014-05-26.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from aliyunsdkecs.request.v20140526.AttachInstanceRamRoleRequest import AttachInstanceRamRoleRequest
from aliyunsdkecs.request.v20140526.DescribeInstanceRamRoleRequest import DescribeInstanceRamRoleRequest
from aliyunsdkecs.request.v20140526.DescribeInstancesRequest import DescribeInstancesRequest
from aliyunsdkecs.request.v20140526.DescribeRegionsRequest import DescribeRegionsRequest
from aliyunsdkecs.request.v20140526.DetachInstanceRamRoleRequest import DetachInstanceRamRoleRequest

from ram_operator.cloud import Instance
from ram_operator.cloud.client import Client, RequestClass
from ram_operator.cloud.client.answers import Answer
from ram_operator.cloud.client.failures import (
    NOT_ATTACHED,
    ROLE_NOT_FOUND,
    UNREADABLE,
)
from ram_operator.cloud.client.listing import pages
from ram_operator.cloud.ecs.sifting import Sieve
from ram_operator.errors import AlreadyExists, ClassicNetwork, CloudError, Denied, NotFound, Throttled, Unavailable

WRITE_BATCH = 100
"""Ids that AttachInstanceRamRole and DetachInstanceRamRole take."""

INSTANCES_BATCH = 100
"""Ids that DescribeInstances takes, and rows of its page."""

ROLES_BATCH = 50
"""Ids that DescribeInstanceRamRole takes (the older pages say 100), and rows of its page."""

BATCHES_AT_ONCE = 4
"""How many batches of one reading or write are under way: few, so that each has its turn within the patience of the
rate limiter, however many there are."""

_NOTHING_TO_DETACH = frozenset({NOT_ATTACHED, ROLE_NOT_FOUND})

Failures = dict[str, CloudError]
"""Errors by instance id."""

T = TypeVar("T")


class Ecs:
    """Implements `EcsApi`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def describe_regions(self) -> tuple[str, ...]:
        """Return the ids of all regions of the account."""
        answer = await self._client.call(DescribeRegionsRequest, {}, self._client.region)
        return tuple(row.word("RegionId") for row in answer.rows("Regions", "Region"))

    async def describe_instances(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance]:
        """Return what exists of `ids`, by id; what is missing from the answer does not exist in the region."""
        answers = await asyncio.gather(
            *(self._describe_batch(region, batch) for batch in _batches(ids, INSTANCES_BATCH))
        )
        return {instance.instance_id: instance for answer in answers for instance in answer}

    async def describe_instance_roles(self, region: str, ids: Sequence[str]) -> Mapping[str, str | CloudError]:
        """Return the role of each instance by id, "" where it has none; an id without a row does not exist.

        The ids of a batch that could not be read have the error in place of the role; where no batch could be read,
        the error is raised.
        """

        async def ask(batch: Sequence[str]) -> dict[str, str | CloudError]:
            # An instance without a role has no row, or one without a name: answers of both kinds are known.
            return {**dict.fromkeys(batch, ""), **dict(await self._roles(region, {"InstanceIds": _id_list(batch)}))}

        def instead(error: CloudError) -> str | None:
            return "" if isinstance(error, ClassicNetwork) else None

        sieve = Sieve(ask, partial(self.describe_instances, region), instead)
        roles = await _in_batches(ids, ROLES_BATCH, sieve.values)
        errors = [role for role in roles.values() if isinstance(role, CloudError)]
        if errors and len(errors) == len(roles):
            raise errors[0]
        return roles

    async def instances_with_role(self, region: str, role: str) -> tuple[str, ...]:
        """Return the ids of all instances that have the role; () also where the role does not exist."""
        try:
            return tuple(instance for instance, _ in await self._roles(region, {"RamRoleName": role}))
        except NotFound as error:
            if error.code != ROLE_NOT_FOUND:
                raise
            return ()

    async def attach_role(
        self, region: str, role: str, ids: Sequence[str], policy: str | None = None
    ) -> Mapping[str, CloudError]:
        """Attach the role to each instance; return the failures by id, empty when all succeeded.

        `policy` is the text of a session policy that limits the role on these instances; None for none. An instance
        that has this same role already counts as attached, but not where it was to be limited.
        """
        limit = {"Policy": policy} if policy else {}

        async def attach(batch: Sequence[str]) -> Failures:
            parameters = {"RamRoleName": role, "InstanceIds": _id_list(batch), **limit}
            failures = await self._write(AttachInstanceRamRoleRequest, region, batch, parameters)
            return await self._explain(region, role, failures, limited=bool(policy))

        return await self._write_all(region, ids, attach)

    async def detach_role(self, region: str, role: str, ids: Sequence[str]) -> Mapping[str, CloudError]:
        """Detach the role from each instance; return the failures by id.

        Nothing attached counts as success, and so does a role that does not exist: nothing has it.
        """

        async def detach(batch: Sequence[str]) -> Failures:
            parameters = {"RamRoleName": role, "InstanceIds": _id_list(batch)}
            return await self._write(DetachInstanceRamRoleRequest, region, batch, parameters)

        failures = await self._write_all(region, ids, detach)
        return {instance: error for instance, error in failures.items() if error.code not in _NOTHING_TO_DETACH}

    async def _describe_batch(self, region: str, batch: Sequence[str]) -> list[Instance]:
        parameters = {"InstanceIds": _id_list(batch), "PageSize": INSTANCES_BATCH}
        answer = await self._client.call(DescribeInstancesRequest, parameters, region)
        return [
            Instance(row.word("InstanceId"), row.word("InstanceNetworkType"), row.word("Status"), _tags(row))
            for row in answer.rows("Instances", "Instance")
        ]

    async def _roles(self, region: str, filters: Mapping[str, object]) -> list[tuple[str, str]]:
        """Return instances, each with its role, page by page."""
        found: list[tuple[str, str]] = []
        # Counted, since the pages may be larger than what is asked for.
        numbers = itertools.count(2)

        def following(page: Answer) -> Mapping[str, object] | None:
            full = len(_role_rows(page)) >= ROLES_BATCH and len(found) < page.number("TotalCount")
            return {"PageNumber": next(numbers)} if full else None

        parameters = {**filters, "PageSize": ROLES_BATCH, "PageNumber": 1}
        async for page in pages(self._client, DescribeInstanceRamRoleRequest, parameters, following, region):
            found += [(row.word("InstanceId"), row.word("RamRoleName")) for row in _role_rows(page)]
        return found

    async def _write_all(
        self, region: str, ids: Sequence[str], write: Callable[[Sequence[str]], Awaitable[Failures]]
    ) -> Failures:
        sieve: Sieve[CloudError] = Sieve(write, partial(self.describe_instances, region), lambda error: error)
        return await _in_batches(ids, WRITE_BATCH, sieve.values)

    async def _write(
        self, request_class: RequestClass, region: str, batch: Sequence[str], parameters: Mapping[str, object]
    ) -> Failures:
        answer = await self._client.call(request_class, parameters, region)
        rows = {row.word("InstanceId"): row for row in answer.rows(f"{answer.action}Results", f"{answer.action}Result")}
        failures: Failures = {}
        for instance in batch:
            row = rows.get(instance)
            if row is None:
                words = f"the answer has no result for {instance}"
                failures[instance] = Unavailable(answer.action, UNREADABLE, words).with_region(region)
            elif not _succeeded(row):
                failures[instance] = self._client.refused(row)
        return failures

    async def _explain(self, region: str, role: str, failures: Failures, *, limited: bool) -> Failures:
        """Look once at the instances that refused a role: one that has it needs nothing, another role is named."""
        if not failures:
            return failures
        try:
            roles = await self.describe_instance_roles(region, list(failures))
        except CloudError:
            return failures
        explained: Failures = {}
        for instance, error in failures.items():
            present = roles.get(instance, "")
            if not present or isinstance(present, CloudError):
                explained[instance] = error
            elif limited or present.lower() != role.lower():
                words = f"{instance} has role {present}"
                named = AlreadyExists(error.action, error.code, words, error.request_id)
                explained[instance] = named.with_region(region)
        return explained


async def _in_batches(
    ids: Sequence[str], size: int, ask: Callable[[Sequence[str]], Awaitable[Mapping[str, T | CloudError]]]
) -> dict[str, T | CloudError]:
    """Return what `ask` answers for each batch.

    A batch that is refused for want of permission or patience answers for all that were not asked for yet: their calls
    would be refused as well.
    """
    found: dict[str, T | CloudError] = {}
    batches = iter(_batches(ids, size))
    stopped: CloudError | None = None

    async def work() -> None:
        nonlocal stopped
        for batch in batches:
            answer = dict.fromkeys(batch, stopped) if stopped else await ask(batch)
            found.update(answer)
            stopped = stopped or next((one for one in answer.values() if isinstance(one, Throttled | Denied)), None)

    await asyncio.gather(*(work() for _ in range(BATCHES_AT_ONCE)))
    return found


def _role_rows(page: Answer) -> tuple[Answer, ...]:
    return page.rows("InstanceRamRoleSets", "InstanceRamRoleSet")


def _succeeded(row: Answer) -> bool:
    """Some answers leave out Success, and some print Code as a number."""
    return row.text("Code") == "200" or row.flag("Success")


def _tags(row: Answer) -> dict[str, str]:
    return {tag.text("TagKey"): tag.text("TagValue") for tag in row.rows("Tags", "Tag")}


def _id_list(ids: Sequence[str]) -> str:
    return json.dumps(list(ids), separators=(",", ":"))


def _batches(ids: Sequence[str], size: int) -> list[tuple[str, ...]]:
    distinct = tuple(dict.fromkeys(ids))
    return [distinct[start : start + size] for start in range(0, len(distinct), size)]
