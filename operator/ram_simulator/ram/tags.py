"""RAM's tags: create-time tags and filters of lists, TagResources, UntagResources, ListTagResources.

RAM's array parameters are one parameter that holds a JSON string, unlike those of ECS.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ram_simulator.cloud.calls import Action, Answer, Call, Handler, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.ram_store import Policy, PolicyType, Role
from ram_simulator.cloud.switches import SwitchName

_MOST_TAGS = 20
_MOST_NAMES = 50
_KEY_LENGTH = 128
_VALUE_LENGTH = 256
_RESERVED = ("aliyun", "acs:")


def new_tags(call: Call) -> dict[str, str]:
    """Return the tags of a create call; raise ApiError if one is not allowed."""
    tags = {key: value or "" for key, value in _pairs(call).items()}
    for key, value in tags.items():
        if not 1 <= len(key) <= _KEY_LENGTH or key.startswith(_RESERVED) or "://" in key:
            raise ApiError(400, "InvalidParameter.TagKey", f'The tag key "{key}" is not allowed.')
        if len(value) > _VALUE_LENGTH:
            raise ApiError(400, "InvalidParameter.TagValue", f'The value of the tag "{key}" is too long.')
    return tags


def tag_filter(call: Call) -> Callable[[Role | Policy], bool]:
    """Return whether an item has all the tags that a list call asks for; a filter without value means any value."""
    wanted = _pairs(call)

    def matches(item: Role | Policy) -> bool:
        return all(key in item.tags and value in (None, item.tags[key]) for key, value in wanted.items())

    return matches


def tag_list(tags: Mapping[str, str]) -> Answer:
    """Render tags as lists show them."""
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}


def _pairs(call: Call) -> dict[str, str | None]:
    given = call.json_list("Tag") or []
    if len(given) > _MOST_TAGS:
        raise ApiError(400, "InvalidParameter.Tag", f"At most {_MOST_TAGS} tags are allowed.")
    if not all(isinstance(item, dict) and _is_pair(item) for item in given):
        message = 'The parameter Tag must be a JSON array such as [{"Key": "team", "Value": "storage"}].'
        raise ApiError(400, "InvalidParameter.Tag", message)
    return {item["Key"]: item.get("Value") for item in given}


def _is_pair(item: Mapping[str, Any]) -> bool:
    return isinstance(item.get("Key"), str) and isinstance(item.get("Value", ""), str)


def tag_resources(cloud: Cloud, call: Call) -> Answer:
    """Add tags to roles or policies."""
    tags = new_tags(call)
    items = _named(cloud, call)
    if not tags:
        raise ApiError(400, "MissingParameter.Tag", "Tag is mandatory for this action.")
    if any(len(item.tags | tags) > _MOST_TAGS for item in items):
        raise ApiError(400, "LimitExceeded.Tag", f"A resource has at most {_MOST_TAGS} tags.")
    for item in items:
        cloud.ram.note_change(item, cloud.clock.now())
        item.tags.update(tags)
        _touch(cloud, item)
    return {}


def untag_resources(cloud: Cloud, call: Call) -> Answer:
    """Remove the named tags, or all."""
    keys = call.json_list("TagKeys") or []
    if not keys and not call.flag("All"):
        raise ApiError(400, "MissingParameter.TagKeys", "TagKeys is mandatory for this action unless All is true.")
    if len(keys) > _MOST_TAGS or not all(isinstance(key, str) for key in keys):
        raise ApiError(400, "InvalidParameter.TagKeys", f"TagKeys must be a JSON array of at most {_MOST_TAGS} keys.")
    for item in _named(cloud, call):
        cloud.ram.note_change(item, cloud.clock.now())
        for key in keys or list(item.tags):
            item.tags.pop(key, None)
        _touch(cloud, item)
    return {}


def _touch(cloud: Cloud, item: Role | Policy) -> None:
    if cloud.switches.text(SwitchName.UPDATE_DATE_ON_TAG) == "moved":
        item.update_date = cloud.clock.now()


def list_tag_resources(cloud: Cloud, call: Call) -> Answer:
    """List tags row by row; the pages are of rows, by name and key, so that what goes meanwhile moves no other."""
    kind = call.text("ResourceType")
    items = _named(cloud, call) if call.text("ResourceNames") else _all(cloud, kind)
    matches = tag_filter(call)
    after, size = _after(call), call.number("PageSize", 100, 1, 100)
    rows = [
        {"ResourceType": kind, "ResourceName": item.name, "TagKey": key, "TagValue": value}
        for item in map(partial(_seen, cloud), {id(item): item for item in items}.values())
        if matches(item)
        for key, value in item.tags.items()
        if (item.name, key) > after
    ]
    rows.sort(key=lambda row: (row["ResourceName"], row["TagKey"]))
    shown = rows[:size]
    answer: Answer = {"TagResources": shown}
    return answer | ({"NextToken": _token(shown[-1])} if len(rows) > size else {})


def _seen(cloud: Cloud, item: Role | Policy) -> Role | Policy:
    return cloud.seen_role(item) if isinstance(item, Role) else cloud.seen_policy(item)


def _token(row: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([row["ResourceName"], row["TagKey"]]).encode()).decode()


def _after(call: Call) -> tuple[str, str]:
    """Return name and key of the last row that was shown, from the token that says so; raise ApiError if it is none."""
    token = call.text("NextToken")
    if not token:
        return "", ""
    try:
        name, key = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
        if isinstance(name, str) and isinstance(key, str):
            return name, key
    except (ValueError, TypeError, RecursionError):
        pass  # refused below
    raise ApiError(400, "InvalidParameter.NextToken", "The parameter NextToken is not one that a list has returned.")


def _named(cloud: Cloud, call: Call) -> list[Role | Policy]:
    names = call.json_list("ResourceNames") or []
    if not 1 <= len(names) <= _MOST_NAMES or not all(isinstance(name, str) for name in names):
        message = f"ResourceNames must be a JSON array of 1 to {_MOST_NAMES} names."
        raise ApiError(400, "InvalidParameter.ResourceNames", message)
    return [_lookup(cloud, call.text("ResourceType"), name) for name in names]


def _lookup(cloud: Cloud, kind: str, name: str) -> Role | Policy:
    found: Role | Policy | None
    if kind == "role":
        found = cloud.role(name)
    else:
        _check_kind(kind)
        found = cloud.ram.policies[PolicyType.CUSTOM].get(name)
    if found is None:
        raise ApiError(404, f"EntityNotExist.{kind.capitalize()}", f"The {kind} does not exist: {name}.")
    return found


def _all(cloud: Cloud, kind: str) -> Sequence[Role | Policy]:
    _check_kind(kind)
    return list(cloud.ram.roles) if kind == "role" else list(cloud.ram.policies[PolicyType.CUSTOM])


def _check_kind(kind: str) -> None:
    if kind not in ("role", "policy"):
        raise ApiError(400, "InvalidParameter.ResourceType", "The parameter ResourceType must be role or policy.")


def _on_named(cloud: Cloud, call: Call) -> Sequence[str]:
    owner, kind = cloud.account.account_id, call.text("ResourceType")
    names = call.json_list("ResourceNames") or ["*"]
    return [f"acs:ram:*:{owner}:{kind}/{name}" for name in names]


def _coded(handler: Handler) -> Handler:
    def run(cloud: Cloud, call: Call) -> Answer:
        try:
            return handler(cloud, call)
        except ApiError as error:
            if error.status == 400 and not error.code.startswith("MissingParameter"):
                error.status = int(cloud.switches.text(SwitchName.TAG_ERROR_STATUS))
                head, dot, tail = error.code.partition(".")
                if head == "InvalidParameter":
                    error.code = cloud.switches.text(SwitchName.TAG_ERROR_CODE) + dot + tail
            raise

    return run


ACTIONS = table(
    Action("TagResources", _coded(tag_resources), _on_named, ("ResourceType", "ResourceNames", "Tag"), write=True),
    Action(
        "UntagResources",
        _coded(untag_resources),
        _on_named,
        ("ResourceType", "ResourceNames"),
        ("TagKeys", "All"),
        write=True,
    ),
    Action(
        "ListTagResources",
        _coded(list_tag_resources),
        _on_named,
        ("ResourceType",),
        ("ResourceNames", "Tag", "NextToken", "PageSize"),
    ),
)
