"""What the tests of the report share: a fresh subject, two steps, and short ways to ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.builders import NOW, custom, role_key, some_facts

from ram_operator.cloud import NewRole
from ram_operator.engine.reporting import Subject, report
from ram_operator.errors import Denied
from ram_operator.kinds.ram_role.steps import AttachPolicy, CreateRole
from ram_operator.model import Hold, Outcome, Plan, Reason, Report

DONE = {Reason.IN_SYNC, Reason.ALL_ATTACHED, Reason.NO_INSTANCES, Reason.RELEASED}
WAITING = {Reason.POLICY_NOT_READY, Reason.ROLE_NOT_READY, Reason.NODE_NOT_FOUND}
RETRYING = {Reason.PROGRESSING, Reason.RETRYING, Reason.THROTTLED, Reason.VERIFYING, Reason.NOT_OBSERVED}
STALLED = {
    Reason.INVALID_SPEC,
    Reason.NOT_OWNED,
    Reason.OWNED_BY_OTHER,
    Reason.NAME_TAKEN,
    Reason.CONFLICT,
    Reason.OVERRIDDEN,
    Reason.SOME_FAILED,
    Reason.ACCESS_DENIED,
    Reason.REJECTED,
    Reason.IN_USE,
    Reason.TRUST_NOT_ECS,
    Reason.CONTENDED,
    Reason.NOT_SUPPORTED_YET,
    Reason.ADOPTION_DIFFERS,
    Reason.FORBIDDEN,
    Reason.DELETION_PAUSED,
    Reason.WRONG_ACCOUNT,
}
BY_A_PERSON = {Reason.PLAN_PENDING, Reason.SUSPENDED}
OF_ROWS_ONLY = set(list(Reason)[list(Reason).index(Reason.VIRTUAL_NODE) :])

ROLE = role_key("r")
FRESH = Subject((), some_facts(ROLE))
ATTACH = AttachPolicy(custom("a"), "r")
CREATE = CreateRole(NewRole("r", "{}", "", 3600, {}))


def hold(reason: Reason, message: str = "because", retry_after: float | None = None, subject: str = "r") -> Hold:
    return Hold(subject, reason, message, retry_after)


def said(*holds: Hold, subject: Subject = FRESH, **plan: Any) -> Report:
    return report(subject, Plan(holds=holds, **plan), Outcome(), NOW)


def rows(made: Report) -> dict[str, tuple[str, str, str]]:
    return {row["type"]: (row["status"], row["reason"], row["message"]) for row in made.conditions}


def was(*conditions: Mapping[str, Any], generation: int = 1, overdue: bool = False) -> Subject:
    return Subject(conditions, some_facts(ROLE, generation), overdue)


def denied(action: str, code: str = "NoPermission", missing: str = "") -> Denied:
    """A refusal as `cloud.client` raises it."""
    error = Denied(action, code)
    error.missing_action = missing or f"{'ecs' if 'Instance' in action else 'ram'}:{action}"
    return error
