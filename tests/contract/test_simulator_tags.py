"""Tags of roles and policies against the process: added, listed by pages, removed, and what is refused."""

from typing import Any

import pytest
from tests.contract.clients.pages import READ_OSS, TRUST
from tests.contract.conftest import OldSdk

Asked = dict[str, Any]


@pytest.fixture(autouse=True)
def world(root: OldSdk) -> None:
    root.call("CreateRole", RoleName="Reader", AssumeRolePolicyDocument=TRUST, Tag=[{"Key": "team", "Value": "a"}])
    root.call("CreatePolicy", PolicyName="Read", PolicyDocument=READ_OSS, Tag=[{"Key": "team", "Value": "a"}])


def rows(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(row["ResourceName"], row["TagKey"], row["TagValue"]) for row in answer["TagResources"]]


@pytest.mark.parametrize(("kind", "name"), [("role", "Reader"), ("policy", "Read")])
def test_tags_are_added_listed_and_removed(root: OldSdk, kind: str, name: str) -> None:
    named = {"ResourceType": kind, "ResourceNames": [name]}
    root.call("TagResources", **named, Tag=[{"Key": "team", "Value": "b"}, {"Key": "x", "Value": ""}])
    assert rows(root.call("ListTagResources", **named)) == [(name, "team", "b"), (name, "x", "")]
    root.call("UntagResources", **named, TagKeys=["team", "absent"])
    assert rows(root.call("ListTagResources", ResourceType=kind)) == [(name, "x", "")]
    root.call("UntagResources", **named, All="true")
    assert rows(root.call("ListTagResources", ResourceType=kind)) == []


def test_tags_are_listed_by_pages(root: OldSdk) -> None:
    tags = [{"Key": f"key-{number}", "Value": ""} for number in range(4)]
    root.call("TagResources", ResourceType="role", ResourceNames=["Reader"], Tag=tags)
    first = root.call("ListTagResources", ResourceType="role", PageSize=3)
    rest = root.call("ListTagResources", ResourceType="role", PageSize=3, NextToken=first["NextToken"])
    assert len(rows(first)) == 3
    assert len(rows(rest)) == 2
    assert "NextToken" not in rest


TAGGING: list[tuple[str, Asked, tuple[int, str]]] = [
    ("TagResources", {"ResourceNames": ["nobody"]}, (404, "EntityNotExist.Role")),
    ("TagResources", {"ResourceType": "group"}, (400, "InvalidParameter.ResourceType")),
    ("TagResources", {"ResourceNames": []}, (400, "InvalidParameter.ResourceNames")),
    ("TagResources", {"Tag": [{"Key": f"{n}", "Value": ""} for n in range(21)]}, (400, "InvalidParameter.Tag")),
    ("TagResources", {"Tag": [{"Key": "k" * 129, "Value": ""}]}, (400, "InvalidParameter.TagKey")),
    ("TagResources", {"Tag": [{"Key": "k", "Value": "v" * 257}]}, (400, "InvalidParameter.TagValue")),
    ("UntagResources", {"Tag": None}, (400, "MissingParameter.TagKeys")),
]


@pytest.mark.parametrize(("action", "change", "refused"), TAGGING)
def test_wrong_tagging_is_refused(root: OldSdk, action: str, change: Asked, refused: tuple[int, str]) -> None:
    asked = {"ResourceType": "role", "ResourceNames": ["Reader"], "Tag": [{"Key": "k", "Value": "v"}]} | change
    assert root.refusal(action, **{name: value for name, value in asked.items() if value is not None}) == refused


def test_rows_that_go_between_two_pages_take_no_other_with_them(root: OldSdk) -> None:
    for name in ("pg0", "pg1"):
        tags = [{"Key": f"key-{number}", "Value": ""} for number in range(3)]
        root.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, Tag=tags)
    first = root.call("ListTagResources", ResourceType="role", ResourceNames=["pg0", "pg1"], PageSize=3)
    root.call("UntagResources", ResourceType="role", ResourceNames=["pg0"], All="true")
    token = first["NextToken"]
    rest = root.call("ListTagResources", ResourceType="role", ResourceNames=["pg0", "pg1"], NextToken=token)
    assert [(name, key) for name, key, _ in rows(rest)] == [("pg1", f"key-{number}") for number in range(3)]


@pytest.mark.parametrize("token", ["3", "x", "é", "W10=", "WzEsMl0=", "bnVsbA=="])
def test_a_token_that_no_list_has_returned_is_refused(root: OldSdk, token: str) -> None:
    refused = root.refusal("ListTagResources", ResourceType="role", NextToken=token)
    assert refused == (400, "InvalidParameter.NextToken")
