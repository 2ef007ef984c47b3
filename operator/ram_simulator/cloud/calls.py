"""What a call is once it left the wire: product, action, decoded parameters, caller.

The tables of the products (`ram.PRODUCT`, `ecs.PRODUCT`, `sts.PRODUCT`) are made of these; the gateway runs them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ram_simulator.cloud.account import Principal
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call. `params` are the business parameters, strings as sent."""

    action: str
    params: Mapping[str, str]
    principal: Principal
    context: Mapping[str, str | tuple[str, ...]]

    def text(self, name: str) -> str:
        """Return a parameter, empty if it was not sent."""
        return self.params.get(name, "")

    def optional(self, name: str) -> str | None:
        """Return a parameter, None if it was not sent."""
        return self.params.get(name)

    def flag(self, name: str) -> bool:
        """Return a boolean parameter, false if it was not sent; raise ApiError if it is neither true nor false."""
        value = self.params.get(name) or "false"
        if value.lower() not in ("true", "false"):
            raise ApiError(400, f"InvalidParameter.{name}", f"The parameter {name} must be true or false.")
        return value.lower() == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number between `low` and `high`; raise ApiError if it is none."""
        value = self.params.get(name) or str(default)
        if not (value.isascii() and value.isdigit() and len(value) <= 9 and low <= int(value) <= high):
            raise ApiError(400, f"InvalidParameter.{name}", f"The parameter {name} must be between {low} and {high}.")
        return int(value)

    def marker(self, name: str) -> int:
        """Return the position that an opaque marker of ours stands for, 0 for none."""
        value = self.params.get(name) or "0"
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise ApiError(
                400, f"InvalidParameter.{name}", f"The parameter {name} is not one that a list has returned."
            )
        return int(value)

    def json_list(self, name: str) -> list[Any] | None:
        """Return a parameter that is a JSON array in a string, as RAM's `Tag`; None if it was not sent."""
        value = self.params.get(name)
        if not value:
            return None
        try:
            decoded = json.loads(value)
        except (ValueError, RecursionError):
            decoded = None
        if not isinstance(decoded, list):
            raise ApiError(400, f"InvalidParameter.{name}", f"The parameter {name} must be a JSON array.")
        return decoded

    def numbered(self, name: str) -> list[dict[str, str]]:
        """Return repeated parameters such as `Tag.1.Key`, `Tag.1.Value` as dicts in the order of their numbers."""
        found: dict[int, dict[str, str]] = {}
        for key, value in self.params.items():
            head, _, rest = key.partition(".")
            number, _, part = rest.partition(".")
            if head == name and number.isascii() and number.isdigit() and len(number) <= 4:
                found.setdefault(int(number), {})[part] = value
        return [found[number] for number in sorted(found)]

    def listed(self, name: str) -> list[str]:
        """Return repeated parameters such as `InstanceId.1`, `InstanceId.2` in the order of their numbers."""
        return [value for item in self.numbered(name) if (value := item.get("", ""))]


Handler = Callable[[Cloud, Call], Answer]
Resources = Callable[[Cloud, Call], Sequence[str]]
Keys = Callable[[Cloud, Call], Mapping[str, str | tuple[str, ...]]]


def no_keys(cloud: Cloud, call: Call) -> Mapping[str, str | tuple[str, ...]]:
    """Return the condition keys of an action that has none of its own."""
    return {}


def on_nothing(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resources of an action that everybody may call: none."""
    return ()


@dataclass(frozen=True, slots=True)
class Action:
    """One row of a product's table.

    `resources` gives the ARNs on which the caller must be allowed the action, all of them; none means that
    everybody may call it. `keys` gives the condition keys of its own. An `anonymous` action takes no signature.
    `service` is what policies call it by where that is another one than its product's. `without_effect` are those
    of the optional parameters that change nothing here.
    """

    name: str
    handler: Handler
    resources: Resources
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    write: bool = False
    keys: Keys = no_keys
    anonymous: bool = False
    service: str = ""
    without_effect: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """One product: its version tells it on the wire, `service` in policies, `denial` is its code of a refusal."""

    name: str
    version: str
    service: str
    denial: str
    actions: Mapping[str, Action]

    def permission(self, action: Action) -> str:
        """Return what a caller must be allowed, as policies call it."""
        return f"{action.service or self.service}:{action.name}"


# sent with any call: the region by clients that send it always, the rest by ECS's oldest ones
_EVERYWHERE = frozenset(("RegionId", "OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount"))


def unknown_params(action: Action, params: Mapping[str, str]) -> tuple[str, ...]:
    """Return the parameters that the action does not know; of repeated ones (`Tag.1.Key`) the first part counts."""
    return tuple(
        name
        for name in params
        if (head := name.partition(".")[0]) not in action.required
        and head not in action.optional
        and head not in _EVERYWHERE
    )


def table(*actions: Action) -> Mapping[str, Action]:
    """Return actions by name."""
    return {action.name: action for action in actions}
