"""GetAccessKeyLastUsed against the process: what counts as a use of a key, and whose keys it tells of."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.clients.raw import Key, RawClient, Reply, Wire
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import OldSdk, RunningSimulator


class Ann:
    """A user with a key of its own, and what is told of that key."""

    def __init__(self, root: OldSdk, wire: Wire) -> None:
        root.call("CreateUser", UserName="ann")
        made = root.call("CreateAccessKey", UserName="ann")["AccessKey"]
        self.key = (made["AccessKeyId"], made["AccessKeySecret"])
        self.created: str = made["CreateDate"]
        self._asking = RawClient(wire, Key(*ROOT))

    def asked(self, **change: str) -> Reply:
        named = {"UserName": "ann", "UserAccessKeyId": self.key[0]} | change
        return self._asking.call("GetAccessKeyLastUsed", **named)

    @property
    def last_used(self) -> str:
        return str(self.asked().answer["AccessKeyLastUsed"]["LastUsedDate"])


@pytest.fixture
def ann(root: OldSdk, wire: Wire) -> Ann:
    return Ann(root, wire)


Sdk = Callable[..., OldSdk]


def test_a_new_key_was_never_used(ann: Ann) -> None:
    assert ann.last_used == ""


def test_a_signed_call_is_a_use_with_its_date(ann: Ann, simulator: RunningSimulator, sdk: Sdk) -> None:
    sdk(*ann.key).call("GetCallerIdentity")
    first = ann.last_used
    assert first >= ann.created
    simulator.control_call("POST", "/clock", {"advanceSeconds": 86_400})
    assert ann.last_used == first
    sdk(*ann.key).call("GetCallerIdentity")
    assert ann.last_used > first


def test_a_call_that_policies_refuse_is_a_use_too(ann: Ann, sdk: Sdk) -> None:
    assert sdk(*ann.key).refusal("ListRoles") == (403, "NoPermission")
    assert ann.last_used >= ann.created


def test_neither_a_wrong_secret_nor_a_key_that_is_off_is_a_use(ann: Ann, root: OldSdk, sdk: Sdk) -> None:
    assert sdk(ann.key[0], "not the secret").refusal("GetCallerIdentity")[0] == 400
    root.call("UpdateAccessKey", UserName="ann", UserAccessKeyId=ann.key[0], Status="Inactive")
    assert sdk(*ann.key).refusal("GetCallerIdentity") == (400, "InvalidAccessKeyId.Inactive")
    assert ann.last_used == ""


REFUSED: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"UserAccessKeyId": "LTAIabsent"}, (404, "EntityNotExist.User.AccessKey")),
    ({"UserAccessKeyId": "simulator-dev"}, (404, "EntityNotExist.User.AccessKey")),
    ({"UserName": "dev"}, (404, "EntityNotExist.User.AccessKey")),
    ({"UserName": "nobody"}, (404, "EntityNotExist.User")),
    ({"UserName": ""}, (404, "EntityNotExist.User.AccessKey")),
]


@pytest.mark.parametrize(("change", "refused"), REFUSED)
def test_only_keys_of_the_named_user_are_told_of(ann: Ann, change: dict[str, str], refused: tuple[int, str]) -> None:
    reply = ann.asked(**change)
    assert (reply.status, reply.answer["Code"]) == refused


def test_without_a_user_name_it_is_about_the_key_of_the_caller(ann: Ann) -> None:
    reply = ann.asked(UserName="", UserAccessKeyId=ROOT[0])
    assert reply.answer["AccessKeyLastUsed"]["LastUsedDate"] >= ann.created


def test_a_user_needs_the_permission_for_its_own_name(ann: Ann, root: OldSdk, wire: Wire) -> None:
    own = RawClient(wire, Key(*ann.key))
    assert own.call("GetAccessKeyLastUsed", UserAccessKeyId=ann.key[0]).status == 403
    document = (
        '{"Version":"1","Statement":[{"Effect":"Allow","Action":"ram:GetAccessKeyLastUsed",'
        '"Resource":"acs:ram:*:*:user/ann"}]}'
    )
    root.call("CreatePolicy", PolicyName="own-key", PolicyDocument=document)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="own-key", UserName="ann")
    told = own.call("GetAccessKeyLastUsed", UserAccessKeyId=ann.key[0]).answer
    assert told["AccessKeyLastUsed"]["LastUsedDate"] >= ann.created
    other = own.call("GetAccessKeyLastUsed", UserName="dev", UserAccessKeyId="simulator-dev")
    assert (other.status, other.answer["Code"]) == (403, "NoPermission")
