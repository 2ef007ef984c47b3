"""Tags of instances against the process: put, replaced, listed by pages and by tag, removed, and what is refused."""

from typing import Any

import pytest
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.walk import DEV, ROOT
from tests.contract.conftest import OldSdk, RunningSimulator

Asked = dict[str, str]


@pytest.fixture
def ecs(wire: Wire) -> RawClient:
    return RawClient(wire, Key(*ROOT))


def tags(**given: str) -> Asked:
    return {
        f"Tag.{number}.{part}": text
        for number, pair in enumerate(given.items(), 1)
        for part, text in zip(("Key", "Value"), pair, strict=True)
    }


def named(*ids: str) -> Asked:
    return {"ResourceType": "instance"} | {f"ResourceId.{number}": each for number, each in enumerate(ids, 1)}


def answer(client: RawClient, action: str, asked: Asked) -> dict[str, Any]:
    reply = client.call(f"Ecs:{action}", **asked)
    assert reply.status == 200, reply.body
    return reply.answer


def rows(client: RawClient, asked: Asked) -> list[tuple[str, str, str]]:
    listed = answer(client, "ListTagResources", asked)["TagResources"]["TagResource"]
    return [(row["ResourceId"], row["TagKey"], row["TagValue"]) for row in listed]


def test_tags_are_put_on_several_instances_replaced_and_taken_off(simulator: RunningSimulator, ecs: RawClient) -> None:
    first, second = simulator.instance_ids()[:2]
    answer(ecs, "TagResources", named(first, second) | tags(team="a", bare=""))
    answer(ecs, "TagResources", named(second) | tags(team="b"))
    assert rows(ecs, named(first)) == [(first, "team", "a"), (first, "bare", "")]
    assert rows(ecs, named(second)) == [(second, "team", "b"), (second, "bare", "")]
    answer(ecs, "UntagResources", named(first, second) | {"TagKey.1": "bare", "TagKey.2": "absent"})
    assert rows(ecs, named(first, second)) == [(first, "team", "a"), (second, "team", "b")]
    answer(ecs, "UntagResources", named(first) | {"TagKey.1": "absent", "All": "true"})
    assert rows(ecs, named(first)) == [(first, "team", "a")]
    answer(ecs, "UntagResources", named(first))
    assert rows(ecs, named(first)) == [(first, "team", "a")]
    answer(ecs, "UntagResources", named(first) | {"All": "true"})
    assert rows(ecs, named(first, second)) == [(second, "team", "b")]


def test_tags_are_found_by_key_and_by_value(simulator: RunningSimulator, ecs: RawClient) -> None:
    first, second = simulator.instance_ids()[:2]
    answer(ecs, "TagResources", named(first) | tags(team="a", stage="test"))
    answer(ecs, "TagResources", named(second) | tags(team="b"))
    by_type = {"ResourceType": "instance"}
    assert rows(ecs, by_type | {"Tag.1.Key": "team"}) == [(first, "team", "a"), (second, "team", "b")]
    assert rows(ecs, by_type | tags(team="b")) == [(second, "team", "b")]
    assert rows(ecs, by_type | tags(team="c")) == []
    assert rows(ecs, named(first) | tags(team="b", stage="test")) == [(first, "stage", "test")]


def test_what_is_put_is_shown_with_the_instance(simulator: RunningSimulator, root: OldSdk, ecs: RawClient) -> None:
    (instance, *_) = simulator.instance_ids()
    answer(ecs, "TagResources", named(instance) | tags(team="a"))
    (shown,) = root.call("DescribeInstances", InstanceIds=f'["{instance}"]')["Instances"]["Instance"]
    assert shown["Tags"] == {"Tag": [{"TagKey": "team", "TagValue": "a"}]}


def test_a_list_of_more_than_fifty_comes_in_pages(simulator: RunningSimulator, ecs: RawClient) -> None:
    ids = simulator.instance_ids()[:3]
    answer(ecs, "TagResources", named(*ids) | tags(**{f"key-{number}": "" for number in range(20)}))
    first = answer(ecs, "ListTagResources", named(*ids))
    rest = answer(ecs, "ListTagResources", named(*ids) | {"NextToken": first["NextToken"]})
    found = [row for page in (first, rest) for row in page["TagResources"]["TagResource"]]
    assert [len(first["TagResources"]["TagResource"]), len(rest["TagResources"]["TagResource"])] == [50, 10]
    assert rest["NextToken"] == ""
    assert len({(row["ResourceId"], row["TagKey"]) for row in found}) == 60


MANY = {f"key-{number}": "" for number in range(21)}
REFUSED: list[tuple[str, Asked, tuple[int, str]]] = [
    ("TagResources", tags(**MANY), (400, "NumberExceed.Tags")),
    ("TagResources", {}, (400, "NumberExceed.Tags")),
    ("TagResources", {"Tag.1.Key": "a", "Tag.2.Key": "a"}, (400, "Duplicate.TagKey")),
    ("TagResources", {"Tag.1.Value": "a"}, (400, "InvalidTagKey.Malformed")),
    ("TagResources", tags(**{"k" * 129: "v"}), (400, "InvalidTagKey.Malformed")),
    *(
        ("TagResources", tags(**{f"{start}x": "v"}), (400, "InvalidTagKey.Malformed"))
        for start in ("aliyun", "ALIYUN", "acs:", "http://", "https://")
    ),
    ("TagResources", tags(key="v" * 129), (400, "InvalidTagValue.Malformed")),
    *(
        ("TagResources", tags(key=start), (400, "InvalidTagValue.Malformed"))
        for start in ("acs:", "Http://", "https://")
    ),
    ("TagResources", tags(key="v") | {"ResourceType": "disk"}, (404, "InvalidResourceType.NotFound")),
    ("TagResources", tags(key="v") | {"ResourceId.2": "i-absent"}, (404, "InvalidResourceId.NotFound")),
    ("TagResources", tags(key="v") | {"ResourceId.1": ""}, (404, "InvalidResourceId.NotFound")),
    ("TagResources", tags(key="v") | {"RegionId": "cn-beijing"}, (404, "InvalidResourceId.NotFound")),
    ("TagResources", tags(key="v") | {"RegionId": "nowhere"}, (404, "InvalidRegionId.NotFound")),
    ("TagResources", tags(key="v") | named(*(f"i-{n}" for n in range(51))), (400, "NumberExceed.ResourceIds")),
    ("UntagResources", {f"TagKey.{number}": f"k{number}" for number in range(1, 22)}, (400, "NumberExceed.Tags")),
    ("ListTagResources", {"ResourceId.1": ""}, (400, "MissingParameter.TagOwner")),
    ("ListTagResources", {"NextToken": "x"}, (400, "InvalidParameter.NextToken")),
]


@pytest.mark.parametrize(("action", "change", "refused"), REFUSED)
def test_wrong_tagging_is_refused_and_changes_nothing(
    simulator: RunningSimulator, ecs: RawClient, action: str, change: Asked, refused: tuple[int, str]
) -> None:
    before = simulator.state()
    reply = ecs.call(f"Ecs:{action}", **named(simulator.instance_ids()[0]) | change)
    assert (reply.status, reply.answer["Code"]) == refused
    assert simulator.state() == before


def test_the_twenty_first_tag_of_one_instance_keeps_the_others_from_theirs(
    simulator: RunningSimulator, ecs: RawClient
) -> None:
    full, empty = simulator.instance_ids()[:2]
    twenty = {f"key-{number}": "" for number in range(20)}
    answer(ecs, "TagResources", named(full) | tags(**twenty))
    answer(ecs, "TagResources", named(full) | tags(**{"key-0": "replaced"}))
    reply = ecs.call("Ecs:TagResources", **named(empty, full) | tags(one_more=""))
    assert (reply.status, reply.answer["Code"]) == (400, "TagQuotaExceeded")
    assert rows(ecs, named(empty)) == []


def test_permission_is_asked_for_each_instance(simulator: RunningSimulator, root: OldSdk, wire: Wire) -> None:
    mine, other = simulator.instance_ids()[:2]
    document = (
        '{"Version":"1","Statement":[{"Effect":"Allow","Action":"ecs:TagResources",'
        f'"Resource":"acs:ecs:*:*:instance/{mine}"}}]}}'
    )
    root.call("CreatePolicy", PolicyName="tags", PolicyDocument=document)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="tags", UserName="dev")
    dev = RawClient(wire, Key(*DEV))
    answer(dev, "TagResources", named(mine) | tags(team="a"))
    reply = dev.call("Ecs:TagResources", **named(mine, other) | tags(team="b"))
    assert (reply.status, reply.answer["Code"]) == (403, "Forbidden.RAM")
    assert rows(RawClient(wire, Key(*ROOT)), named(mine, other)) == [(mine, "team", "a")]
