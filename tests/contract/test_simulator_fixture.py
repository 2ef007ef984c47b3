"""Fixture files: the world that one describes, what is said about wrong ones, and the example that has every key."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.contract.conftest import OldSdk, RunningSimulator, printed, refused_start

from ram_simulator.cloud.clock import Clock
from ram_simulator.testing.errors import InvalidFixture
from ram_simulator.testing.fixtures import build, read_fixture

FIXTURE = """
account: {id: "42", accessKeyId: key, accessKeySecret: secret}
groups:
- {name: readers, policies: [{system: ReadOnlyAccess}]}
users:
- {name: ann, groups: [readers], accessKeyId: ann-key, accessKeySecret: ann-secret}
- {name: bob, accessKeyId: bob-key, accessKeySecret: bob-secret, active: false}
policies:
- {name: one, document: {Version: "1", Statement: [{Effect: Allow, Action: "oss:*", Resource: "*"}]}}
roles:
- {name: Worker, policies: [{custom: one}], tags: {team: a}}
instances:
- {region: cn-shanghai, ramRoleName: worker}
- {id: i-one, networkType: classic}
buckets:
- {name: mine, objects: [{key: a.txt, text: hello}, {key: b.txt, file: content.txt}]}
"""


def test_a_fixture_describes_the_world(started: Callable[..., RunningSimulator], tmp_path: Path) -> None:
    (tmp_path / "content.txt").write_text("from a file")
    (tmp_path / "fixture.yaml").write_text(FIXTURE)
    running = started("--fixture", str(tmp_path / "fixture.yaml"))
    assert (running.ready["account"], running.ready["accessKeyId"]) == ("42", "key")
    state = running.state()
    assert sorted(item["ramRoleName"] for item in state["instances"]) == ["", "Worker"]
    assert state["buckets"] == [{"name": "mine", "region": "cn-hangzhou", "objects": ["a.txt", "b.txt"]}]
    ann = OldSdk(running, ("ann-key", "ann-secret"))
    assert ann.call("GetRole", RoleName="worker")["Role"]["Arn"] == "acs:ram::42:role/worker"
    assert ann.refusal("DeleteRole", RoleName="worker") == (403, "NoPermission")
    bob = OldSdk(running, ("bob-key", "bob-secret"))
    assert bob.refusal("GetCallerIdentity") == (400, "InvalidAccessKeyId.Inactive")
    running.reset()
    assert running.state() == state


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "a mapping is required"),
        ("a: [", "not YAML"),
        ("\udcff", "not YAML"),
        ("rolls: []", "the file: unknown key 'rolls'. Did you mean roles?"),
        ("users: [{name: a, accesKeyId: b}]", "users[0]: unknown key 'accesKeyId'. Did you mean accessKeyId?"),
        ("account: {id: 42}", "account.id: a string is required"),
        ("account: {id: x}", "account.id"),
        ("users: dev", "users: a list is required"),
        ("users: [{}]", "users[0].name: a string is required"),
        ("users: [{name: a}, {name: A}]", "the user A is there twice"),
        ("users: [{name: a, groups: [b]}]", "group b"),
        ("roles: [{name: a, policies: [{custom: b}]}]", "the custom policy b"),
        ("roles: [{name: a, policies: [{}]}]", "exactly one of system and custom"),
        ("roles: [{name: a, trust: {Version: '2'}}]", 'roles[0].trust: Version: "2"'),
        ("roles: [{name: a, maxSessionDuration: long}]", "whole number"),
        ("policies: [{name: a, document: {}}]", "policies[0].document"),
        ("instances: [{region: moon}]", "instances[0].region: 'moon'"),
        ("instances: [{region: cn-hangzou}]", "Did you mean cn-hangzhou?"),
        ("instances: [{networkType: wifi}]", "networkType: 'wifi'"),
        ("instances: [{ramRoleName: a}]", "has the role a"),
        ("instances: [{id: i-1}, {id: i-1}]", "there twice"),
        ("buckets: [{name: a, objects: [{key: b}]}]", "exactly one of text and file"),
        ("buckets: [{name: a, objects: [{key: b, file: c}]}]", "c: there is no such file"),
        ("oidcProviders: [{name: a, issuer: b, jwksFile: c}]", "jwksFile: "),
    ],
)
def test_a_wrong_fixture_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "fixture.yaml").write_bytes(os.fsencode(text))
    with pytest.raises(InvalidFixture) as caught:
        build(read_fixture(tmp_path / "fixture.yaml"), Clock(time.time))
    assert said in str(caught.value)


def test_a_fixture_that_does_not_fit_together_is_said_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "fixture.yaml"
    path.write_text("instances: [{id: i-one, ramRoleName: a}]")
    assert f"--fixture {path}: i-one has the role a, which the fixture does not have" in refused_start(
        "--fixture", str(path)
    )


def test_the_example_of_a_fixture_is_taken_as_it_is_printed(
    started: Callable[..., RunningSimulator], tmp_path: Path
) -> None:
    path = tmp_path / "fixture.yaml"
    path.write_text(printed("fixture"))
    running = started("--fixture", str(path))
    assert (running.ready["accessKeyId"], running.ready["buckets"]) == ("my-key", ["reports"])
    (instance,) = running.state()["instances"]
    assert instance["ramRoleName"] == "EcsReports"
    assert yaml.safe_load(printed("fixture", "--built-in"))["users"][0]["name"] == "dev"


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Return each mapping of a fixture file, but for documents and tags, which have keys of their own."""
    if isinstance(value, list):
        for item in value:
            yield from mappings(item)
    elif isinstance(value, dict):
        yield value
        for key, item in value.items():
            yield from mappings(item) if key not in ("document", "trust", "tags") else ()


def test_the_example_of_a_fixture_has_every_key_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "fixture.yaml"
    (tmp_path / "logo.png").write_bytes(b"")
    (tmp_path / "jwks.json").write_text('{"keys": [{"kty": "RSA", "kid": "a", "n": "wVLt", "e": "AQAB"}]}')
    # what needs other files is there as a comment without a blank
    whole = yaml.safe_load(re.sub(r"^#(?! [A-Za-z])", "", printed("fixture"), flags=re.MULTILINE))
    path.write_text(yaml.safe_dump(whole))
    read_fixture(path)
    shown: dict[str, set[str]] = {}
    for mapping in mappings(whole):
        keys = set(mapping)
        mapping["zz"] = ""
        path.write_text(yaml.safe_dump(whole))
        with pytest.raises(InvalidFixture, match="unknown key 'zz'") as caught:
            read_fixture(path)
        del mapping["zz"]
        shown.setdefault(str(caught.value).rpartition("Known: ")[2], set()).update(keys)
    assert len(shown) == 13
    assert [known for known, keys in shown.items() if set(known.split(", ")) != keys] == []
