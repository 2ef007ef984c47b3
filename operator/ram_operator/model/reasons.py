"""The reasons of conditions, rows and events, one enum each: the words that users and their alerts look for."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a condition or a row of `status.instances` is as it is. One word, never text."""

    SETTLED = "Settled"
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
    NOT_SUPPORTED_YET = "NotSupportedYet"

    VIRTUAL_NODE = "VirtualNode"
    LINGJUN_NODE = "LingjunNode"
    HYBRID_NODE = "HybridNode"
    EXCLUDED_NODE = "ExcludedNode"
    NO_PROVIDER_ID = "NoProviderID"
    FOREIGN_PROVIDER_ID = "ForeignProviderID"
    DUPLICATE_PROVIDER_ID = "DuplicateProviderID"
    INSTANCE_GONE = "InstanceGone"
    CLASSIC_NETWORK = "ClassicNetwork"
    ROLE_NOT_FOUND = "RoleNotFound"
    OTHER_ROLE = "OtherRole"
    API_ERROR = "ApiError"


class EventReason(StrEnum):
    """What happened, past tense: the reasons of Kubernetes events."""

    ROLE_CREATED = "RoleCreated"
    ROLE_UPDATED = "RoleUpdated"
    ROLE_DELETED = "RoleDeleted"
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
