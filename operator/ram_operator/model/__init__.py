"""The vocabulary that all rooms share: names of things, facts, and the pipeline's data (plans, outcomes, reports).

Everything here is a value: frozen, comparable, printable, without I/O and without a clock. `kinds` make plans out of
these, `engine` applies and reports them, `cluster` feeds the facts.
"""

from __future__ import annotations

from ram_operator.model.facts import TAG_PREFIX, Facts, NodeFacts, Owner, Ownership, Reference
from ram_operator.model.names import (
    FINALIZER,
    GROUP,
    RECONCILE_AT,
    VERSION,
    Body,
    CloudName,
    InstanceId,
    Json,
    ObjectKey,
    Resource,
    StatusFields,
    listing,
    timestamp,
)
from ram_operator.model.plans import (
    EVERYTHING,
    Claim,
    Event,
    Failure,
    Hold,
    Outcome,
    Pass,
    Plan,
    Report,
    Scope,
    Step,
    Unread,
)
from ram_operator.model.reasons import EventReason, Reason

__all__ = [
    "EVERYTHING",
    "FINALIZER",
    "GROUP",
    "RECONCILE_AT",
    "TAG_PREFIX",
    "VERSION",
    "Body",
    "Claim",
    "CloudName",
    "Event",
    "EventReason",
    "Facts",
    "Failure",
    "Hold",
    "InstanceId",
    "Json",
    "NodeFacts",
    "ObjectKey",
    "Outcome",
    "Owner",
    "Ownership",
    "Pass",
    "Plan",
    "Reason",
    "Reference",
    "Report",
    "Resource",
    "Scope",
    "StatusFields",
    "Step",
    "Unread",
    "listing",
    "timestamp",
]
