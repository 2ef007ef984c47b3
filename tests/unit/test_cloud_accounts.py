"""Credentials that change while the process runs: those of another account make no call."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.test_cloud_client import IDENTITY, ROLE, Fixed, Server, answer, connected, serving

from ram_operator.cloud.credentials import Credentials
from ram_operator.engine.reporting import hold_for
from ram_operator.errors import Unauthenticated, Unavailable, WrongAccount
from ram_operator.model import ACCOUNT_REMEDY, Disposition, Reason, disposition

OURS = str(IDENTITY["AccountId"])
OTHERS = answer({"AccountId": "9999999999999999", "Arn": "acs:ram::9999999999999999:root", "IdentityType": "Account"})
FIRST, SECOND, THIRD = (Credentials(f"LTAIexample{number:08}", f"secret-{number}") for number in range(3))


def sent(server: Server) -> list[tuple[str, str]]:
    """The calls, each with the number of its key."""
    return [
        (request.parameters["Action"], request.parameters["AccessKeyId"].removeprefix("LTAIexample0000000"))
        for request in server.requests
    ]


async def test_a_key_of_another_account_makes_no_call_and_is_told_until_it_is_replaced() -> None:
    provider = Fixed(FIRST)
    answers = (answer(IDENTITY), answer(ROLE), OTHERS, answer(IDENTITY), answer(ROLE))
    async with serving(*answers) as server, connected(server.url, provider) as connection:
        cloud = connection.cloud
        await cloud.sts.caller_identity()
        cloud.sts.stay_in(OURS)
        await cloud.ram.get_role("EcsRole")
        provider.credentials = SECOND
        for call in (cloud.ram.get_role, cloud.ram.delete_role, cloud.ram.get_role):
            with pytest.raises(Unauthenticated, match=rf"SDK\.WrongAccount: .*9999999999999999.*{OURS}"):
                await call("EcsRole")
        provider.credentials = THIRD
        await cloud.ram.get_role("EcsRole")
    assert sent(server) == [
        ("GetCallerIdentity", "0"),
        ("GetRole", "0"),
        ("GetCallerIdentity", "1"),
        ("GetCallerIdentity", "2"),
        ("GetRole", "2"),
    ]


async def test_of_many_calls_with_a_new_key_one_asks_whose_it_is() -> None:
    provider = Fixed(FIRST)
    answers = (answer(IDENTITY), answer(IDENTITY), answer(ROLE))
    async with serving(*answers) as server, connected(server.url, provider) as connection:
        await connection.cloud.sts.caller_identity()
        connection.cloud.sts.stay_in(OURS)
        provider.credentials = SECOND
        await asyncio.gather(*(connection.cloud.ram.get_role(f"role-{number}") for number in range(20)))
    assert sent(server) == [("GetCallerIdentity", "0"), ("GetCallerIdentity", "1"), *[("GetRole", "1")] * 20]


async def test_a_key_of_which_the_account_cannot_be_told_makes_no_call() -> None:
    provider = Fixed(FIRST)
    answers = (answer(IDENTITY), answer({"Code": "InternalError"}, "500 Internal Server Error"))
    async with serving(*answers) as server, connected(server.url, provider) as connection:
        await connection.cloud.sts.caller_identity()
        connection.cloud.sts.stay_in(OURS)
        provider.credentials = SECOND
        with pytest.raises(Unavailable, match="InternalError"):
            await connection.cloud.ram.delete_role("EcsRole")
    assert {action for action, _ in sent(server)} == {"GetCallerIdentity"}


async def test_before_the_account_is_known_nobody_is_asked_whose_a_key_is() -> None:
    async with serving(answer(ROLE)) as server, connected(server.url, Fixed(FIRST)) as connection:
        await connection.cloud.ram.get_role("EcsRole")
    assert sent(server) == [("GetRole", "0")]


def test_objects_say_that_the_account_is_wrong_and_wait_for_a_person() -> None:
    hold = hold_for("all resources", WrongAccount("GetRole", "SDK.WrongAccount", "these are of account 999"))
    assert (hold.reason, disposition(hold.reason)) == (Reason.WRONG_ACCOUNT, Disposition.STALLED)
    assert hold.message.endswith(f"these are of account 999; {ACCOUNT_REMEDY}")
