"""Tags of instances: TagResources, UntagResources, ListTagResources of ECS. Other kinds of resources are not here.

Limits are those of the API pages; unlike RAM's calls, these name resources by ids in repeated parameters.
"""

from collections.abc import Sequence

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance
from ram_simulator.cloud.errors import ApiError
from ram_simulator.ecs.checks import instance_arn, on_region, region_of

_INSTANCE = "instance"
_MOST_IDS, _MOST_TAGS = 50, 20
_LONGEST_KEY, _LONGEST_VALUE = 128, 128
_MOST_LISTED = 50


def tag_resources(cloud: Cloud, call: Call) -> Answer:
    """Put tags on instances; a value replaces another of its key."""
    instances, tags = _named(cloud, call), _tags(call)
    for instance in instances:
        if len({**instance.tags, **tags}) > _MOST_TAGS:
            raise ApiError(400, "TagQuotaExceeded", f"A resource has at most {_MOST_TAGS} tags.")
    for instance in instances:
        instance.tags |= tags
    return {}


def untag_resources(cloud: Cloud, call: Call) -> Answer:
    """Take tags off instances, all of them with All where no key is named."""
    instances, keys = _named(cloud, call), call.listed("TagKey")
    if len(keys) > _MOST_TAGS:
        raise ApiError(400, "NumberExceed.Tags", f"At most {_MOST_TAGS} tags may be named.")
    everything = not keys and call.flag("All")
    for instance in instances:
        instance.tags = {key: value for key, value in instance.tags.items() if not everything and key not in keys}
    return {}


def list_tag_resources(cloud: Cloud, call: Call) -> Answer:
    """List tags of instances: of those that are named, or of those that have a tag."""
    _check_type(call)
    region, ids, wanted = region_of(cloud, call), call.listed("ResourceId"), call.numbered("Tag")
    if not ids and not wanted:
        raise ApiError(400, "MissingParameter.TagOwner", "ResourceId.N or Tag.N is mandatory for this action.")
    rows = [
        {"ResourceType": _INSTANCE, "ResourceId": instance.instance_id, "TagKey": key, "TagValue": value}
        for instance in cloud.ecs.in_region(region)
        if not ids or instance.instance_id in ids
        for key, value in instance.tags.items()
        if not wanted or any(tag.get("Key") == key and tag.get("Value") in (None, "", value) for tag in wanted)
    ]
    after = call.marker("NextToken")
    shown, rest = rows[after : after + _MOST_LISTED], rows[after + _MOST_LISTED :]
    return {"NextToken": str(after + len(shown)) if rest else "", "TagResources": {"TagResource": shown}}


def _named(cloud: Cloud, call: Call) -> list[Instance]:
    _check_type(call)
    region, ids = region_of(cloud, call), call.listed("ResourceId")
    if len(ids) > _MOST_IDS:
        raise ApiError(400, "NumberExceed.ResourceIds", f"At most {_MOST_IDS} resources may be named.")
    found = [cloud.ecs.get(resource_id) for resource_id in ids]
    instances = [instance for instance in found if instance is not None and instance.region == region]
    if not ids or len(instances) < len(ids):
        raise ApiError(404, "InvalidResourceId.NotFound", f"The specified ResourceId does not exist: {', '.join(ids)}.")
    return instances


def _check_type(call: Call) -> None:
    if call.text("ResourceType") != _INSTANCE:
        message = f"Only resources of the type {_INSTANCE} are served here."
        raise ApiError(404, "InvalidResourceType.NotFound", message)


def _tags(call: Call) -> dict[str, str]:
    given = call.numbered("Tag")
    keys = [tag.get("Key", "") for tag in given]
    if not 1 <= len(given) <= _MOST_TAGS:
        raise ApiError(400, "NumberExceed.Tags", f"1 to {_MOST_TAGS} tags must be given.")
    if len(set(keys)) < len(keys):
        raise ApiError(400, "Duplicate.TagKey", "A key is there twice.")
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in given}
    for key, value in tags.items():
        if not 1 <= len(key) <= _LONGEST_KEY or key.lower().startswith(("aliyun", "acs:", "http://", "https://")):
            raise ApiError(400, "InvalidTagKey.Malformed", f"The specified tag key is not valid: {key}.")
        if len(value) > _LONGEST_VALUE or value.lower().startswith(("acs:", "http://", "https://")):
            raise ApiError(400, "InvalidTagValue.Malformed", f"The specified tag value is not valid: {value}.")
    return tags


def _on_named(cloud: Cloud, call: Call) -> Sequence[str]:
    ids = call.listed("ResourceId")
    return [instance_arn(cloud, call, each) for each in ids] or on_region(_INSTANCE)(cloud, call)


_TAGGED = ("RegionId", "ResourceType")
ACTIONS = table(
    Action("TagResources", tag_resources, _on_named, _TAGGED, ("ResourceId", "Tag"), write=True),
    Action("UntagResources", untag_resources, _on_named, _TAGGED, ("ResourceId", "TagKey", "All"), write=True),
    Action("ListTagResources", list_tag_resources, _on_named, _TAGGED, ("ResourceId", "Tag", "NextToken")),
)
