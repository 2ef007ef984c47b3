"""What roles and policies have in common: whose they are, their tags, when they were verified.

`ram_role` and `ram_policy` call it; nothing here knows one from the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from ram_operator.cloud import PolicyEntry, RoleEntry, Taggable
from ram_operator.errors import Problem
from ram_operator.kinds.steps import Tag, WholeStep, tags_of
from ram_operator.kinds.surveys import Orphan, Survey
from ram_operator.model import (
    ADOPTED_TAG,
    FINALIZER,
    TAG_PREFIX,
    Body,
    Change,
    Context,
    Event,
    EventReason,
    Facts,
    Hold,
    Json,
    ObjectKey,
    Owner,
    Ownership,
    Plan,
    Reason,
    Reference,
    Resource,
    StatusFields,
    find_condition,
    listing,
    owner_marks,
    parse_timestamp,
    reconcile_request,
    timestamp,
)
from ram_operator.rules import documents
from ram_operator.rules.names import TAG_LIMIT, check_tags

UNCONFIRMED_SECONDS = 2.0
"""How soon is looked again for what the cloud should show any moment."""
RECHECK_SECONDS = 60.0
"""How soon is looked again for what sends no events."""


def retains(facts: Facts) -> bool:
    """Whether deleting the object must leave the cloud as it is.

    Read from the raw spec, so that it holds also where the rest of the spec no longer parses. Where another object has
    the same cloud name, it has to take the cloud object over first: afterwards its tags would name nobody.
    """
    return _is_retained(facts, facts.me.status.get("origin")) and not heirs(facts)


def left_alone(facts: Facts, tags: Mapping[str, str], owner: Owner) -> bool:
    """Whether a deletion leaves a cloud object with these tags as it is: it is not ours, or was taken over."""
    return not owned(tags, owner) or _is_retained(facts, origin(tags))


def _is_retained(facts: Facts, origin: Json) -> bool:
    default = "Retain" if origin == ADOPTED else "Delete"
    return (facts.me.spec.get("deletionPolicy") or default) == "Retain"


ADOPTED = "Adopted"


def origin(tags: Mapping[str, str]) -> str:
    """The `status.origin` of a cloud object of ours, by its tags."""
    return ADOPTED if ADOPTED_TAG in tags else "Created"


def adopts(policy: str, tags: Mapping[str, str] | None) -> bool:
    """Whether spec.adoptionPolicy lets the cloud object with these tags be taken over."""
    return policy != "Never" and tags is not None and not owner_marks(tags)


def adoption(plan: Plan, policy: str, subject: str) -> Plan:
    """The plan of taking a cloud object over: first it is tagged, and only then changed.

    With IfIdentical nothing is written where anything but the tags would have to change.
    """
    tagging = [step for step in plan.steps if step.change is Change.TAG]
    others = [step for step in plan.steps if step.change is not Change.TAG]
    if policy == "IfIdentical" and (others or plan.holds):
        differences = listing(step.todo() for step in others)
        fix = "change the spec to agree with it, or set adoptionPolicy: IfUnowned to take it over and change it"
        message = f"{subject} is not as the spec says, would {differences}; {fix}"
        differs = (Hold(subject, Reason.ADOPTION_DIFFERS, message, RECHECK_SECONDS),) if others else ()
        unclaimed = {
            name: tuple(replace(row, value=row.withheld, claims=False) for row in rows)
            for name, rows in plan.entries.items()
        }
        return replace(plan, steps=(), holds=(*differs, *plan.holds), entries=unclaimed)
    first = tuple(one for step in tagging for one in step.subjects)
    return replace(
        plan, steps=(*tagging, *(step.waiting_for(first) if isinstance(step, WholeStep) else step for step in others))
    )


def heirs(facts: Facts) -> tuple[Reference, ...]:
    """The objects that take over the cloud object of one that is being deleted: they have the same cloud name."""
    return tuple(rival for rival in facts.rivals if not rival.deleting) if facts.me.deleting else ()


def hand_over(subject: str, facts: Facts) -> Hold | None:
    """The hold of a deletion while another object is to take the cloud object over."""
    if not (names := listing(str(heir.key) for heir in heirs(facts))):
        return None
    message = f"{subject} waits for {names} to take it over; delete that object to have {subject} deleted"
    return Hold(subject, Reason.PROGRESSING, message, RECHECK_SECONDS)


def nothing_to_delete(name: str, stored: StatusFields, field: str) -> Plan:
    """The plan of a deletion that finds nothing.

    Args:
        name: of the cloud object.
        stored: the stored status.
        field: what the status has from when the cloud object was seen until it is to be created again.
    """
    return Plan(unconfirmed=() if field in stored else (name,))


def nothing_of_ours(name: str, tags: Mapping[str, str], facts: Facts, owner: Owner) -> Plan:
    """The plan of a deletion that finds a cloud object of others, which may have been about to be taken over."""
    adopting = adopts(facts.me.spec.get("adoptionPolicy") or "Never", tags)
    return Plan(unconfirmed=(tags_of(name),) if adopting else ())


def name_taken(subject: str, facts: Facts, tags: Mapping[str, str] | None, owner: Owner) -> Hold | None:
    """The hold of an object whose cloud name another object has.

    Args:
        subject: the cloud object.
        facts: with the rivals, all other objects that name the same cloud object.
        tags: of the cloud object, None where it does not exist yet. Its owner by tags wins over age, unless it is being
            deleted: then the oldest of the others takes it over.
        owner: the object that asks.
    """
    rivals = [rival for rival in facts.rivals if not rival.released]
    if not rivals:
        return None
    named = next((rival for rival in rivals if tags is not None and _owns(owner, rival.key.name, tags)), None)
    if named is None and tags is not None:
        return None
    if named is not None and named.deleting:
        rivals = [rival for rival in rivals if not rival.deleting]
    oldest = min((facts.me, *rivals), key=lambda rival: rival.age)
    taken = named if named is not None and not named.deleting else oldest
    if taken is facts.me:
        return None
    message = f"{subject} is managed by {taken.key}; name another one, or delete one of the two objects"
    return Hold(subject, Reason.NAME_TAKEN, message)


def _owns(owner: Owner, name: str, tags: Mapping[str, str]) -> bool:
    rival = Owner(owner.cluster, type(owner.key)(owner.key.kind, name), owner.previous_clusters)
    return owned(tags, rival)


def owned(tags: Mapping[str, str], owner: Owner) -> bool:
    """Whether a cloud object with these tags is this owner's to write."""
    return owner.judge(tags) in (Ownership.OURS, Ownership.INHERITED)


def foreign(subject: str, tags: Mapping[str, str], owner: Owner) -> Hold | None:
    """The hold on a cloud object that is not this owner's to write."""
    match owner.judge(tags):
        case Ownership.UNTAGGED:
            command = owner.key.to_set("adoptionPolicy", "IfIdentical")
            fix = f"choose another name, or take it over where nothing differs: {command}"
            message = f"{subject} exists and was not created by this operator; {fix}"
            return Hold(subject, Reason.NOT_OWNED, message)
        case Ownership.OTHERS:
            marks = {key.removeprefix("ram-operator:"): value for key, value in tags.items()}
            message = f"{subject} belongs to {_whose(marks, owner)}"
            return Hold(subject, Reason.OWNED_BY_OTHER, message)
        case _:
            return None


def _whose(marks: Mapping[str, str], owner: Owner) -> str:
    """Whom a cloud object belongs to by its marks, and what can be done."""
    name, cluster = f"{marks.get('kind', '?')}/{marks.get('name', '?')}", marks.get("cluster", "?")
    if cluster in (owner.cluster, *owner.previous_clusters):
        # Without its tags it would be nobody's, and no more this object's to write than now.
        return f"{name}, which this cluster had before; create that object again, or choose another name"
    given, slash, _ = cluster.partition("/")
    if slash and given == owner.cluster.partition("/")[0]:
        fix = "give one of the two another settings.clusterId, or, if that one is gone, add it to previousClusterIds"
        return f"{name} of another cluster with the same settings.clusterId, {cluster}; {fix}"
    fix = "choose another name, or, if that cluster is gone, add that cluster to settings.previousClusterIds"
    return f"{name} of cluster {cluster}; {fix} of the operator"


def retain_instead(key: ObjectKey) -> str:
    """What helps whenever something in the cloud keeps an object from being deleted."""
    return f"or release it without a write: {key.to_set('deletionPolicy', 'Retain')}"


def waits_for(subject: str, leaving: str) -> Hold:
    """The hold of a deletion whose last users are being deleted, too: their end wakes it."""
    return Hold(subject, Reason.PROGRESSING, f"{subject} waits for the end of {leaving}", RECHECK_SECONDS)


def orphans(
    kind: Resource, objects: Iterable[Facts], entries: Iterable[RoleEntry | PolicyEntry], survey: Survey
) -> frozenset[Orphan]:
    """The cloud objects that are marked as an object's of this cluster, which does not exist.

    Args:
        kind: what the objects are.
        objects: those that exist.
        entries: all cloud objects.
        survey: tells the marks.
    """
    there = {facts.me.key for facts in objects}
    marked = ((ObjectKey(kind.kind, one.tags.get(f"{TAG_PREFIX}name", "")), one) for one in entries)
    return frozenset(
        Orphan(key, one.name, one.create_date, tuple(sorted(one.tags.items())))
        for key, one in marked
        if key not in there and survey.owner(key).judge(one.tags) is Ownership.OURS
    )


def removed_conditions(before: Json, after: Json, where: str, facts: Facts) -> tuple[Event, ...]:
    """The warnings of an edit whose document has conditions no more that the one in force has."""
    removed = documents.removed_conditions(before, after, where) if facts.edited else ()
    return tuple(Event(EventReason.CONDITION_REMOVED, words, warning=True) for words in removed)


def missing_tags(wanted: Mapping[str, str], present: Mapping[str, str], owner: Owner) -> tuple[tuple[str, str], ...]:
    """Tags to be set: ours and the spec's, where they are absent or differ. Other tags are left alone."""
    adopted = {ADOPTED_TAG: ADOPTED} if owner.judge(present) is Ownership.UNTAGGED else {}
    everything = {**wanted, **owner.tags(), **adopted}
    return tuple(sorted((key, value) for key, value in everything.items() if present.get(key) != value))


def tag_step(resource: Taggable, name: str, tags: tuple[tuple[str, str], ...]) -> tuple[Tag, ...]:
    """The step that sets `tags`, none where there is nothing to set."""
    return (Tag(tags_of(name), resource, name, tags),) if tags else ()


def tag_problems(spec: Mapping[str, Json]) -> tuple[Problem, ...]:
    """Problems of spec.tags."""
    tags = spec.get("tags") or {}
    # What is taken over gets one tag more.
    crowded = spec.get("adoptionPolicy", "Never") != "Never" and len(tags) == TAG_LIMIT
    more = (Problem("spec.tags", f"has {len(tags)} tags; keep at most {TAG_LIMIT - 1} with spec.adoptionPolicy"),)
    return (*check_tags(tags, "spec.tags"), *(more if crowded else ()))


def verified(
    fields: Mapping[str, Json], stored: StatusFields, context: Context, full_check: timedelta
) -> Mapping[str, Json]:
    """The `status.verified` of a reconcile that read everything in detail.

    `at` moves only together with another field, or after the full check: a reconcile that finds nothing new must not
    write, and a restart must be able to tell when the next full check is required.
    """
    before: Mapping[str, Json] = stored.get("verified") or {}
    unchanged = {key: value for key, value in before.items() if key != "at"} == dict(fields)
    if unchanged and (at := parse_timestamp(before.get("at"))) and timedelta(0) <= context.now - at < full_check:
        return before
    return {**fields, "at": timestamp(context.now)}


def verified_at(status: StatusFields) -> datetime | None:
    """When everything was last read in detail, by `status.verified`."""
    return parse_timestamp((status.get("verified") or {}).get("at"))


def account_in(arn: Json) -> str:
    """The id of the account in `acs:ram::ACCOUNT:role/name`; "" in anything else."""
    return str(arn or "").partition("::")[2].partition(":")[0]


def reconciled(body: Body) -> bool:
    """Whether a past reconcile finished with this very generation of an object, so that a start needs no other."""
    metadata, status = body["metadata"], body.get("status") or {}
    conditions: list[Mapping[str, Json]] = status.get("conditions") or []
    ready = find_condition(conditions)
    return (
        "deletionTimestamp" not in metadata
        and FINALIZER in (metadata.get("finalizers") or ())
        and ready.get("status") == "True"
        and ready.get("observedGeneration") == metadata.get("generation")
        and len(conditions) == 1
        and reconcile_request(metadata) in (None, status.get("lastHandledReconcileAt"))
    )
