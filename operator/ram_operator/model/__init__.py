"""The vocabulary that all rooms share: names of things, facts, and the pipeline's data (plans, outcomes, reports).

Everything here is a value: frozen, comparable, printable, without I/O and without a clock. `kinds` make plans out of
these, `engine` applies and reports them, `cluster` feeds the facts.
"""

from __future__ import annotations

from ram_operator.model.facts import TAG_PREFIX, Facts, ManagementPolicy, NodeFacts, Owner, Ownership, Reference
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
    ENTRY_MESSAGE_LENGTH,
    EVERYTHING,
    Change,
    Context,
    Entry,
    Event,
    Failure,
    Hold,
    Intent,
    Outcome,
    Plan,
    Report,
    Scope,
    Step,
    Unreadable,
    Withheld,
)
from ram_operator.model.reasons import RETAIN_INSTEAD, Disposition, EventReason, Reason, disposition

__all__ = [
    "ENTRY_MESSAGE_LENGTH",
    "EVERYTHING",
    "FINALIZER",
    "GROUP",
    "RECONCILE_AT",
    "RETAIN_INSTEAD",
    "TAG_PREFIX",
    "VERSION",
    "Body",
    "Change",
    "CloudName",
    "Context",
    "Disposition",
    "Entry",
    "Event",
    "EventReason",
    "Facts",
    "Failure",
    "Hold",
    "InstanceId",
    "Intent",
    "Json",
    "ManagementPolicy",
    "NodeFacts",
    "ObjectKey",
    "Outcome",
    "Owner",
    "Ownership",
    "Plan",
    "Reason",
    "Reference",
    "Report",
    "Resource",
    "Scope",
    "StatusFields",
    "Step",
    "Unreadable",
    "Withheld",
    "disposition",
    "listing",
    "timestamp",
]
