"""GetCallerIdentity and AssumeRole: two rows of STS's table."""

import re
from collections.abc import Sequence

from ram_simulator.cloud.account import Anonymous, RoleSession, Root, UserPrincipal
from ram_simulator.cloud.calls import Action, Answer, Call, on_nothing, table
from ram_simulator.cloud.cloud import AccessRefused, Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.ram_store import Role
from ram_simulator.policies.engine import AccessRequest, Assumer, Verdict, trust_verdict
from ram_simulator.sts.sessions import existing_role, new_session, session_name

_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]{2,1224}")
_SOURCE_IDENTITY = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")


def get_caller_identity(cloud: Cloud, call: Call) -> Answer:
    """Tell the caller who it is."""
    principal = call.principal
    answer: Answer = {"AccountId": principal.account_id, "Arn": principal.arn}
    match principal:
        case Root() | Anonymous():
            return answer | {"IdentityType": "Account", "PrincipalId": principal.account_id}
        case UserPrincipal():
            user_id = principal.user_id
            return answer | {"IdentityType": "RAMUser", "PrincipalId": user_id, "UserId": user_id}
        case RoleSession():
            principal_id = f"{principal.role_id}:{principal.session_name}"
            return answer | {
                "IdentityType": "AssumedRoleUser",
                "PrincipalId": principal_id,
                "RoleId": principal.role_id,
            }


def assume_role(cloud: Cloud, call: Call) -> Answer:
    """Give a credential of a role to a user or role session that both sides allow it."""
    name = session_name(call)
    source = _formatted(call, "SourceIdentity", _SOURCE_IDENTITY)
    _formatted(call, "ExternalId", _EXTERNAL_ID)
    role = existing_role(cloud, call.text("RoleArn"))
    _check_trust(cloud, call, role)
    answer = new_session(cloud, call, role, name)
    return answer | ({"SourceIdentity": source} if source else {})


def _formatted(call: Call, parameter: str, pattern: re.Pattern[str]) -> str:
    value = call.text(parameter)
    if call.optional(parameter) is not None and not pattern.fullmatch(value):
        raise ApiError(400, f"InvalidParameter.{parameter}", f"The parameter {parameter} must match {pattern.pattern}.")
    return value


def _check_trust(cloud: Cloud, call: Call, role: Role) -> None:
    principal = call.principal
    if isinstance(principal, Root | Anonymous):
        raise ApiError(403, "NoPermission", "Roles may not be assumed by the account itself; use a RAM user.")
    owner = f"acs:ram::{principal.account_id}"
    own = principal.arn if isinstance(principal, UserPrincipal) else f"{owner}:role/{principal.role_name}"
    external_id = call.text("ExternalId")
    context = {**call.context, **({"sts:ExternalId": external_id} if external_id else {})}
    verdict = trust_verdict(role.trust, Assumer("RAM", (f"{owner}:root", f"{owner}:*", own)), context)
    if verdict is not Verdict.ALLOWED:
        message = f"You are not authorized to do this action: the trust policy of {role.name} does not allow {own}."
        request = AccessRequest("sts:AssumeRole", f"{owner}:role/{role.name}", context)
        raise AccessRefused(principal, request, verdict, "AssumeRolePolicy", message)


def _on_role(cloud: Cloud, call: Call) -> Sequence[str]:
    return (f"acs:ram:*:{cloud.account.account_id}:{call.text('RoleArn').rpartition(':')[2]}",)


ACTIONS = table(
    Action("GetCallerIdentity", get_caller_identity, on_nothing),
    Action(
        "AssumeRole",
        assume_role,
        _on_role,
        ("RoleArn", "RoleSessionName"),
        ("DurationSeconds", "Policy", "ExternalId", "SourceIdentity"),
    ),
)
