"""STS 2015-04-01: GetCallerIdentity and AssumeRole. `PRODUCT` is its table."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ram_simulator.account import Credential, RoleSession, Root, UserPrincipal
from ram_simulator.authorization.engine import Assumer, trusts
from ram_simulator.calls import Action, Answer, Call, Product, table
from ram_simulator.clock import to_seconds
from ram_simulator.documents import DocumentKind, PolicyDocument, parse_document
from ram_simulator.errors import ApiError, MalformedDocument
from ram_simulator.ram.store import Role

if TYPE_CHECKING:
    from ram_simulator.cloud import Cloud

_SESSION_NAME = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_POLICY_LENGTH = 2048
_SHORTEST = 900


def get_caller_identity(cloud: "Cloud", call: Call) -> Answer:
    """Tell the caller who it is."""
    principal = call.principal
    answer: Answer = {"AccountId": principal.account_id, "Arn": principal.arn}
    match principal:
        case Root():
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


def assume_role(cloud: "Cloud", call: Call) -> Answer:
    """Give a credential of a role to a user or role session that both sides allow it."""
    session_name = call.text("RoleSessionName")
    if not _SESSION_NAME.fullmatch(session_name):
        message = "The parameter RoleSessionName must have 2 to 64 characters of A-Za-z0-9.@_-."
        raise ApiError(400, "InvalidParameter.RoleSessionName", message)
    role = _role(cloud, call.text("RoleArn"))
    _check_trust(cloud, call, role)
    seconds = call.number("DurationSeconds", _SHORTEST * 4, _SHORTEST, role.max_session_duration)
    limit = _session_policy(call)
    session = RoleSession(
        account_id=cloud.account.account_id,
        role_name=role.name,
        role_id=role.role_id,
        session_name=session_name,
        limits=() if limit is None else (limit,),
    )
    now = cloud.clock.now()
    credential = cloud.account.issue(session, now, now + timedelta(seconds=seconds))
    arn = f"acs:ram::{session.account_id}:role/{role.name.lower()}/{session_name}"
    answer: Answer = {
        "Credentials": shown_credential(credential),
        "AssumedRoleUser": {"Arn": arn, "AssumedRoleId": f"{role.role_id}:{session_name}"},
    }
    source = call.text("SourceIdentity")
    return answer | ({"SourceIdentity": source} if source else {})


def shown_credential(credential: Credential) -> Answer:
    """Render a credential as STS shows it."""
    return {
        "AccessKeyId": credential.access_key_id,
        "AccessKeySecret": credential.secret,
        "SecurityToken": credential.security_token,
        "Expiration": to_seconds(credential.expiration),
    }


def _role(cloud: "Cloud", arn: str) -> Role:
    match arn.split(":"):
        case ["acs", "ram", "", account, name] if name.startswith("role/") and account.isdigit():
            role = cloud.ram.roles.get(name.removeprefix("role/"))
        case _:
            message = f"The parameter RoleArn must be such as acs:ram::{cloud.account.account_id}:role/<name>."
            raise ApiError(400, "InvalidParameter.RoleArn", message)
    if role is None or account != cloud.account.account_id:
        raise ApiError(404, "EntityNotExist.Role", f"The role does not exist: {arn}.")
    return role


def _check_trust(cloud: "Cloud", call: Call, role: Role) -> None:
    principal = call.principal
    if isinstance(principal, Root):
        raise ApiError(403, "NoPermission", "Roles may not be assumed by the account itself; use a RAM user.")
    owner = f"acs:ram::{principal.account_id}"
    own = principal.arn if isinstance(principal, UserPrincipal) else f"{owner}:role/{principal.role_name}"
    external_id = call.text("ExternalId")
    context = {**call.context, **({"sts:ExternalId": external_id} if external_id else {})}
    if not trusts(role.trust, Assumer("RAM", (f"{owner}:root", f"{owner}:*", own)), context):
        message = f"You are not authorized to do this action: the trust policy of {role.name} does not allow {own}."
        raise ApiError(403, "NoPermission", message)


def _session_policy(call: Call) -> PolicyDocument | None:
    text = call.text("Policy")
    if not text:
        return None
    if len(text) > _POLICY_LENGTH:
        message = f"The parameter Policy must not be longer than {_POLICY_LENGTH}."
        raise ApiError(400, "InvalidParameter.PolicySize", message)
    try:
        return parse_document(text, DocumentKind.SESSION)
    except MalformedDocument as error:
        raise ApiError(400, "InvalidParameter.PolicyGrammar", str(error)) from error


def _on_nothing(cloud: "Cloud", call: Call) -> Sequence[str]:
    return ()


def _on_role(cloud: "Cloud", call: Call) -> Sequence[str]:
    return (f"acs:ram:*:{cloud.account.account_id}:{call.text('RoleArn').rpartition(':')[2]}",)


PRODUCT = Product(
    name="Sts",
    version="2015-04-01",
    service="sts",
    denial="NoPermission",
    actions=table(
        Action("GetCallerIdentity", get_caller_identity, _on_nothing),
        Action(
            "AssumeRole",
            assume_role,
            _on_role,
            ("RoleArn", "RoleSessionName"),
            ("DurationSeconds", "Policy", "ExternalId", "SourceIdentity"),
        ),
    ),
)
