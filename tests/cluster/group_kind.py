"""A fourth kind, RamGroup: a group of the account with a comment, which begins with whose the group is.

`python -m tests.cluster.group_kind` runs the operator with it beside the three that it has.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.cluster.hand import Hand, ServerException

from ram_operator.__main__ import boundary_of, our_kinds, run
from ram_operator.cloud import Cloud
from ram_operator.errors import AlreadyExists, CloudError, InvalidSpec, NotFound, Problem, Unavailable
from ram_operator.kinds.surveys import Drift, Survey
from ram_operator.logs import configure
from ram_operator.model import (
    EVERYTHING,
    GROUP,
    VERSION,
    Body,
    Change,
    CloudName,
    Context,
    Facts,
    Hold,
    Intent,
    Owner,
    Plan,
    Reason,
    Reference,
    Resource,
    Scope,
    StatusFields,
)
from ram_operator.settings import from_environment

RAM_GROUP = Resource("RamGroup", "ramgroups")
LONGEST_COMMENT = 40
_ERRORS: Mapping[str, type[CloudError]] = {
    "EntityNotExist.Group": NotFound,
    "EntityAlreadyExists.Group": AlreadyExists,
}


class Groups:
    """Groups behind a port of their own."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._one_at_a_time = asyncio.Lock()

    async def get(self, name: str) -> str:
        """Return the comment of a group; raises NotFound."""
        answer = await self._call("GetGroup", GroupName=name)
        return str(answer["Group"]["Comments"])

    async def list(self) -> Mapping[str, str]:
        """Return the comments of all groups by their names in lower case."""
        rows = (await self._call("ListGroups", MaxItems="1000"))["Groups"]["Group"]
        return {row["GroupName"].lower(): row["Comments"] for row in rows}

    async def create(self, name: str, comment: str) -> None:
        """Create a group; raises AlreadyExists."""
        await self._call("CreateGroup", GroupName=name, Comments=comment)

    async def update(self, name: str, comment: str) -> None:
        """Change the comment of a group."""
        await self._call("UpdateGroup", GroupName=name, NewComments=comment)

    async def delete(self, name: str) -> None:
        """Delete a group; raises NotFound."""
        await self._call("DeleteGroup", GroupName=name)

    async def _call(self, action: str, **parameters: str) -> dict[str, Any]:
        async with self._one_at_a_time:
            try:
                return await asyncio.to_thread(self._hand.ram, action, **parameters)
            except ServerException as error:
                code = str(error.get_error_code())
                raise _ERRORS.get(code, Unavailable)(action, code, str(error.get_error_msg())) from None


class GroupEvent(StrEnum):
    """The reasons of its events."""

    CREATED = "GroupCreated"
    UPDATED = "GroupUpdated"
    DELETED = "GroupDeleted"


@dataclass(frozen=True, slots=True)
class GroupStep:
    """One write to a group."""

    change: Change
    group: str
    comment: str = ""
    groups: Groups | None = field(default=None, compare=False, repr=False)
    region = ""

    @property
    def subjects(self) -> tuple[str, ...]:
        return (self.group,)

    @property
    def waits_for(self) -> tuple[str, ...]:
        return ()

    @property
    def intent(self) -> Intent:
        return {Change.CREATE: Intent.GRANT, Change.DELETE: Intent.RELEASE}.get(self.change, Intent.KEEP)

    @property
    def api(self) -> str:
        return f"{self.change}Group"

    @property
    def event(self) -> GroupEvent:
        return GroupEvent(f"Group{self.change}d")

    @property
    def effect(self) -> str:
        return self.todo()

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.api,)

    def resources(self, subject: str) -> Mapping[str, tuple[str, ...]]:
        return {f"ram:{self.api}": (f"acs:ram:*:*:group/{subject}",)}

    def without(self, subjects: frozenset[str]) -> GroupStep | None:
        return None if self.group in subjects else self

    async def apply(self, cloud: Cloud) -> Mapping[str, CloudError]:
        assert self.groups
        match self.change:
            case Change.CREATE:
                await self.groups.create(self.group, self.comment)
            case Change.UPDATE:
                await self.groups.update(self.group, self.comment)
            case _:
                await self.groups.delete(self.group)
        return {}

    def todo(self) -> str:
        return f"{self.change.lower()} group {self.group}"

    def done(self) -> str:
        return f"{self.change.lower()}d group {self.group}"


class GroupLinks:
    """It has rivals for its name in the cloud, and relates to nothing else."""

    def manages(self, view: Reference) -> CloudName:
        return CloudName.of(RAM_GROUP.kind, view.spec.get("groupName") or view.key.name)

    def refers_to(self, view: Reference) -> tuple[()]:
        return ()

    def holds(self, view: Reference) -> tuple[()]:
        return ()

    def offers(self, view: Reference) -> tuple[str, bool]:
        return view.uid, view.deleting

    def uses(self, view: Reference) -> tuple[()]:
        return ()

    def account(self, view: Reference) -> str:
        return ""

    def states(self, view: Reference) -> Iterable[str]:
        return ()

    def in_sync(self, body: Body) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A parsed spec."""

    name: str
    comment: str


@dataclass(frozen=True, slots=True)
class DesiredGroup:
    """The group that is meant, and the spec, None when deleting."""

    name: str
    spec: GroupSpec | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class RamGroupKind:
    """The verbs of RamGroup, with its port."""

    groups: Groups
    resource = RAM_GROUP
    links = GroupLinks()

    def index(self) -> None:
        return None

    def doubts(self, body: Body) -> tuple[Problem, ...]:
        return ()

    def retains(self, facts: Facts) -> bool:
        return False

    def verified_at(self, status: StatusFields) -> None:
        return None

    async def find_drift(self, objects: Sequence[Facts], survey: Survey) -> Drift:
        listed = await survey.once(self.groups.list)
        differing = [
            view.key
            for view in (facts.me for facts in objects)
            if (name := view.status.get("groupName")) and not view.deleting
            if listed.get(name.lower()) != comment_of(survey.owner(view.key), str(view.spec.get("comment", "")))
        ]
        return Drift(dict.fromkeys(differing, EVERYTHING))

    def parse(self, body: Body) -> GroupSpec:
        spec = body.get("spec") or {}
        comment = str(spec.get("comment", ""))
        if len(comment) > LONGEST_COMMENT:
            raise InvalidSpec(
                Problem("spec.comment", f"has {len(comment)} characters; write at most {LONGEST_COMMENT}")
            )
        return GroupSpec(spec.get("groupName") or body["metadata"]["name"], comment)

    def desire(self, spec: GroupSpec | None, facts: Facts) -> DesiredGroup:
        name = facts.me.spec.get("groupName") or facts.me.key.name
        return DesiredGroup(name, None if facts.me.deleting else spec, facts)

    async def observe(
        self, desired: DesiredGroup, stored: StatusFields, scope: Scope, cloud: Cloud, before: str | None = None
    ) -> str | None:
        try:
            return await self.groups.get(desired.name)
        except NotFound:
            return None

    def plan(self, desired: DesiredGroup, observed: str | None, stored: StatusFields, context: Context) -> Plan:
        name, ours = desired.name, observed is not None and observed.startswith(comment_of(context.owner, ""))
        if desired.spec is None:
            return Plan(steps=(self._step(Change.DELETE, name),) if ours else (), fields=stored)
        comment = comment_of(context.owner, desired.spec.comment)
        if observed is None:
            return Plan(steps=(self._step(Change.CREATE, name, comment),))
        if not ours:
            return Plan(holds=(Hold(name, Reason.NOT_OWNED, f"group {name} is not this object's"),))
        steps = () if observed == comment else (self._step(Change.UPDATE, name, comment),)
        return Plan(steps=steps, fields={"groupName": name})

    def _step(self, change: Change, name: str, comment: str = "") -> GroupStep:
        return GroupStep(change, name, comment, self.groups)


def comment_of(owner: Owner, comment: str) -> str:
    """The comment of a group that belongs to an object of a cluster."""
    return f"{owner.cluster}/{owner.key} {comment}"


def definition() -> dict[str, Any]:
    """The CustomResourceDefinition of RamGroup."""
    fields = {"groupName": {"type": "string"}, "comment": {"type": "string"}}
    kept = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}, "status": kept}}
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    names = {"kind": RAM_GROUP.kind, "plural": RAM_GROUP.plural}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{RAM_GROUP.plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Cluster", "names": names, "versions": [version]},
    }


def main() -> None:
    """Run the operator with the fourth kind."""
    settings = from_environment(os.environ)
    configure(settings.log_level)
    assert settings.credentials_dir
    keys = {name: (settings.credentials_dir / name).read_text() for name in ("accessKeyId", "accessKeySecret")}
    groups = Groups(Hand({"endpoint": settings.endpoint_ram, **keys}))
    boundary = boundary_of(settings)
    kinds = (*our_kinds(settings, boundary), RamGroupKind(groups))
    sys.exit(asyncio.run(run(settings, kinds, boundary)))


if __name__ == "__main__":
    main()
