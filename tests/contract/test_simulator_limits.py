"""How many there may be of what an account has: the one beyond is refused."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import OldSdk, RunningSimulator


def test_keys_of_a_user_and_groups_of_an_account_are_limited(root: OldSdk) -> None:
    root.call("CreateUser", UserName="ann")
    for _ in range(2):
        root.call("CreateAccessKey", UserName="ann")
    assert root.refusal("CreateAccessKey", UserName="ann") == (409, "LimitExceeded.User.AccessKey")
    for number in range(50):
        root.call("CreateGroup", GroupName=f"group-{number}")
    assert root.refusal("CreateGroup", GroupName="group-51") == (409, "LimitExceeded.Group")


def test_a_user_is_in_fifty_groups_at_most(started: Callable[..., RunningSimulator], tmp_path: Path) -> None:
    names = [f"group-{number}" for number in range(51)]
    world = {"groups": [{"name": name} for name in names], "users": [{"name": "ann", "groups": names[:50]}]}
    (tmp_path / "world.yaml").write_text(json.dumps(world))
    running = started("--fixture", str(tmp_path / "world.yaml"))
    root = OldSdk(running, (running.accessKeyId, running.accessKeySecret))
    joining = {"UserName": "ann", "GroupName": names[50]}
    assert root.refusal("AddUserToGroup", **joining) == (409, "LimitExceeded.User.Group")
    root.call("RemoveUserFromGroup", UserName="ann", GroupName=names[0])
    root.call("AddUserToGroup", **joining)


def test_saml_providers_of_an_account_are_limited(wire: Wire) -> None:
    root = RawClient(wire, Key(*ROOT))
    made = {root.call("CreateSAMLProvider", SAMLProviderName=f"idp-{number}").status for number in range(100)}
    assert made == {200}
    reply = root.call("CreateSAMLProvider", SAMLProviderName="one-more")
    assert (reply.status, reply.answer["Code"]) == (409, "LimitExceeded.SAMLProvider")
