"""The reasons of conditions, rows and events, one enum each: the words that users and their alerts look for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum, auto


class Reason(StrEnum):
    """Why a condition or a row of `status.instances` is as it is. One word, never text."""

    IN_SYNC = "InSync"
    ALL_ATTACHED = "AllAttached"
    NO_INSTANCES = "NoInstances"

    POLICY_NOT_READY = "PolicyNotReady"
    ROLE_NOT_READY = "RoleNotReady"
    NODE_NOT_FOUND = "NodeNotFound"
    PROGRESSING = "Progressing"
    RETRYING = "Retrying"
    THROTTLED = "Throttled"
    VERIFYING = "Verifying"
    NOT_OBSERVED = "NotObserved"

    INVALID_SPEC = "InvalidSpec"
    NOT_OWNED = "NotOwned"
    OWNED_BY_OTHER = "OwnedByOther"
    NAME_TAKEN = "NameTaken"
    CONFLICT = "Conflict"
    OVERRIDDEN = "Overridden"
    SOME_FAILED = "SomeFailed"
    ACCESS_DENIED = "AccessDenied"
    REJECTED = "Rejected"
    IN_USE = "InUse"
    TRUST_NOT_ECS = "TrustNotEcs"
    CONTENDED = "Contended"
    PLAN_PENDING = "PlanPending"
    DELETION_PAUSED = "DeletionPaused"
    SUSPENDED = "Suspended"
    NOT_SUPPORTED_YET = "NotSupportedYet"
    ADOPTION_DIFFERS = "AdoptionDiffers"
    FORBIDDEN = "Forbidden"
    RELEASED = "Released"
    WRONG_ACCOUNT = "WrongAccount"

    VIRTUAL_NODE = "VirtualNode"
    LINGJUN_NODE = "LingjunNode"
    HYBRID_NODE = "HybridNode"
    EXCLUDED_NODE = "ExcludedNode"
    NO_PROVIDER_ID = "NoProviderID"
    FOREIGN_PROVIDER_ID = "ForeignProviderID"
    INVALID_PROVIDER_ID = "InvalidProviderID"
    DUPLICATE_PROVIDER_ID = "DuplicateProviderID"
    TOO_MANY_LABELS = "TooManyLabels"
    UNTAGGED_INSTANCE = "UntaggedInstance"
    INSTANCE_GONE = "InstanceGone"
    REGION_NOT_FOUND = "RegionNotFound"
    CLASSIC_NETWORK = "ClassicNetwork"
    ROLE_NOT_FOUND = "RoleNotFound"
    OTHER_ROLE = "OtherRole"
    PROTECTED_ROLE = "ProtectedRole"
    NOT_RESTORABLE = "NotRestorable"
    SESSION_POLICY_UNKNOWN = "SessionPolicyUnknown"
    ROLLED_BACK = "RolledBack"
    ROLLOUT_STOPPED = "RolloutStopped"
    NOT_SELECTED = "NotSelected"
    UNBOUND = "Unbound"
    MASS_RELEASE = "MassRelease"
    API_ERROR = "ApiError"


class Disposition(Enum):
    """What happens next to an object that a reason holds."""

    DONE = auto()
    """Nothing: it is in sync."""
    WAITING = auto()
    """Another object's event wakes it."""
    RETRYING = auto()
    """It comes back by itself."""
    STALLED = auto()
    """A person must act; edits and the next full check bring it back."""
    PLANNED = auto()
    """Nothing: a person wants to see the plan first."""
    SUSPENDED = auto()
    """Nothing: a person has said so, and readiness stays as it was."""


_DISPOSITIONS: Mapping[Disposition, tuple[Reason, ...]] = {
    Disposition.DONE: (Reason.IN_SYNC, Reason.ALL_ATTACHED, Reason.NO_INSTANCES, Reason.RELEASED),
    Disposition.WAITING: (Reason.POLICY_NOT_READY, Reason.ROLE_NOT_READY, Reason.NODE_NOT_FOUND),
    Disposition.RETRYING: (
        Reason.PROGRESSING,
        Reason.RETRYING,
        Reason.THROTTLED,
        Reason.VERIFYING,
        Reason.NOT_OBSERVED,
    ),
    Disposition.PLANNED: (Reason.PLAN_PENDING,),
    Disposition.SUSPENDED: (Reason.SUSPENDED,),
}
_OF_REASON = {reason: of for of, reasons in _DISPOSITIONS.items() for reason in reasons}


def disposition(reason: Reason) -> Disposition:
    """What a reason means for the object; what no table names needs a person."""
    return _OF_REASON.get(reason, Disposition.STALLED)


_NO_INSTANCE_BY_DESIGN = frozenset(
    {
        Reason.VIRTUAL_NODE,
        Reason.LINGJUN_NODE,
        Reason.HYBRID_NODE,
        Reason.FOREIGN_PROVIDER_ID,
        Reason.EXCLUDED_NODE,
    }
)


def is_by_design(reason: Reason) -> bool:
    """Whether nobody has to mend that a node has no role: it is no ECS instance, or somebody has left it out."""
    return reason in _NO_INSTANCE_BY_DESIGN


def explain(reason: str) -> str:
    """The command that says what a reason means and what can be done."""
    return f"ram-operator explain {reason}"


class EventReason(StrEnum):
    """What happened, past tense: the reasons of Kubernetes events."""

    ROLE_CREATED = "RoleCreated"
    ROLE_UPDATED = "RoleUpdated"
    ROLE_DELETED = "RoleDeleted"
    ROLE_REPLACED = "RoleReplaced"
    POLICY_CREATED = "PolicyCreated"
    POLICY_UPDATED = "PolicyUpdated"
    VERSION_CREATED = "VersionCreated"
    POLICY_DELETED = "PolicyDeleted"
    POLICY_ATTACHED = "PolicyAttached"
    POLICY_DETACHED = "PolicyDetached"
    TAGGED = "Tagged"
    ATTACHED = "Attached"
    DETACHED = "Detached"
    DRIFT_REPAIRED = "DriftRepaired"
    LEFT_ALONE = "LeftAlone"
    NOT_RESTORED = "NotRestored"
    DOUBTFUL = "Doubtful"
    CONDITION_REMOVED = "ConditionRemoved"
    ORPHAN_FOUND = "OrphanFound"
