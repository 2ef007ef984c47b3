"""The Python SDKs walk the documentation's pages and the error tables."""

from collections.abc import Callable, Mapping

import pytest
from tests.contract.clients.pages import USER_TRUST, rows
from tests.contract.clients.raw import Key
from tests.contract.clients.sdks import NewPython, OldPython
from tests.contract.clients.walk import DEV, ROOT, Client, Refused, World, walked
from tests.contract.conftest import RunningSimulator

Make = Callable[[RunningSimulator, Key], Client]
SDKS: Mapping[str, Make] = {
    "old": OldPython,
    "new, V3": NewPython,
    "new, V1": lambda simulator, key: NewPython(simulator, key, "v2"),
}
KEYS = (ROOT, DEV, ("nobody", "x"), (DEV[0], "wrong"))


@pytest.mark.parametrize("name", SDKS)
def test_an_sdk_walks_all_rows(simulator: RunningSimulator, world: World, name: str) -> None:
    assert walked({key: SDKS[name](simulator, Key(*key)) for key in KEYS}, rows(world)) == []


@pytest.mark.parametrize("name", ["new, V3", "new, V1"])
def test_an_sdk_calls_with_a_temporary_key(simulator: RunningSimulator, name: str) -> None:
    root, dev = (SDKS[name](simulator, Key(*key)) for key in (ROOT, DEV))
    root.call("CreateRole", {"RoleName": "people", "AssumeRolePolicyDocument": USER_TRUST})
    may_assume = {"PolicyType": "System", "PolicyName": "AliyunSTSAssumeRoleAccess", "UserName": "dev"}
    root.call("AttachPolicyToUser", may_assume)
    asked = {"RoleArn": "acs:ram::1234567890123456:role/people", "RoleSessionName": "walk"}
    given = dev.call("AssumeRole", asked)["Credentials"]
    key = Key(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])
    session = SDKS[name](simulator, key)
    arn = "acs:ram::1234567890123456:assumed-role/people/walk"
    assert session.call("GetCallerIdentity", {})["Arn"] == arn
    with pytest.raises(Refused) as caught:
        session.call("ListRoles", {})
    assert (caught.value.status, caught.value.code) == (403, "NoPermission")
