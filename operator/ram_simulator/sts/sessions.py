"""What the ways to assume a role share: the session's name, its limits, trust, and the credential handed out."""

import functools
import re
from datetime import timedelta

from ram_simulator.cloud.account import Credential, RoleSession
from ram_simulator.cloud.calls import Answer, Call, Handler
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.ram_store import Role
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.policies import DocumentKind, PolicyDocument, parse_document
from ram_simulator.policies.engine import Assumer, Context, trusts
from ram_simulator.policies.model import MalformedDocument

_SESSION_NAME = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_POLICY_LENGTH = 2048
_SHORTEST = 900


def session_name(call: Call) -> str:
    """Return RoleSessionName; raise ApiError if it cannot be one."""
    return session_name_of(call.text("RoleSessionName"))


def session_name_of(name: str) -> str:
    """Return the name of a session, wherever it comes from; raise ApiError if it cannot be one."""
    if not _SESSION_NAME.fullmatch(name):
        message = "The parameter RoleSessionName must have 2 to 64 characters of A-Za-z0-9.@_-."
        raise ApiError(400, "InvalidParameter.RoleSessionName", message)
    return name


def existing_role(cloud: Cloud, arn: str, missing: str = "EntityNotExist.Role") -> Role:
    """Return the role of an ARN; raise ApiError if it is none, with the code `missing` if there is no such role."""
    match arn.split(":"):
        case ["acs", "ram", "", account, name] if name.startswith("role/") and account.isdigit():
            role = cloud.ram.roles.get(name.removeprefix("role/"))
        case _:
            message = f"The parameter RoleArn must be such as acs:ram::{cloud.account.account_id}:role/<name>."
            raise ApiError(400, "InvalidParameter.RoleArn", message)
    if role is None or account != cloud.account.account_id:
        raise ApiError(404, missing, f"The role does not exist: {arn}.")
    return role


def federated(handler: Handler) -> Handler:
    """Let a call that authenticates by something else than a key answer AuthenticationFail.* as a switch has it."""

    @functools.wraps(handler)
    def handle(cloud: Cloud, call: Call) -> Answer:
        try:
            return handler(cloud, call)
        except ApiError as error:
            if error.code.startswith("AuthenticationFail."):
                error.status = int(cloud.switches.text(SwitchName.OIDC_ERROR_STATUS))
            raise

    return handle


def check_federated_trust(cloud: Cloud, call: Call, role: Role, who: tuple[str, str], keys: Context) -> None:
    """Raise ApiError unless a role's trust policy lets an identity provider assume it.

    Args:
        cloud: the cloud.
        call: the call, for the condition keys that every call has.
        role: the role.
        who: the ARN of the provider, and the subject that it vouches for.
        keys: the condition keys of what it has said.
    """
    arn, subject = who
    if trusts(role.trust, Assumer("Federated", (arn,)), {**call.context, **keys}):
        return
    detail = {
        "AuthAction": "sts:AssumeRole",
        "AuthPrincipalType": "Federated",
        "AuthPrincipalOwnerId": cloud.account.account_id,
        "AuthPrincipalDisplayName": arn,
        "NoPermissionType": "ImplicitDeny",
        "PolicyType": "AssumeRolePolicy",
    }
    message = f"There is no permission: the trust policy of {role.name} does not allow {subject} of {arn}."
    raise ApiError(401, "AuthenticationFail.NoPermission", message, detail)


def new_session(cloud: Cloud, call: Call, role: Role, name: str) -> Answer:
    """Start a session of the role by DurationSeconds and Policy of the call, and return the answer about it."""
    seconds = call.number("DurationSeconds", _SHORTEST * 4, _SHORTEST, role.max_session_duration)
    limit = _session_policy(cloud, call)
    session = RoleSession(
        account_id=cloud.account.account_id,
        role_name=role.name,
        role_id=role.role_id,
        session_name=name,
        limits=() if limit is None else (limit,),
    )
    now = cloud.clock.now()
    credential = cloud.account.issue(session, now, now + timedelta(seconds=seconds))
    arn = f"acs:ram::{session.account_id}:role/{role.name.lower()}/{name}"
    return {
        "Credentials": shown_credential(credential),
        "AssumedRoleUser": {"Arn": arn, "AssumedRoleId": f"{role.role_id}:{name}"},
    }


def shown_credential(credential: Credential) -> Answer:
    """Render a credential as STS shows it."""
    return {
        "AccessKeyId": credential.access_key_id,
        "AccessKeySecret": credential.secret,
        "SecurityToken": credential.security_token,
        "Expiration": to_seconds(credential.expiration),
    }


def _session_policy(cloud: Cloud, call: Call) -> PolicyDocument | None:
    text = call.text("Policy")
    if not text:
        return None
    if len(text) > _POLICY_LENGTH:
        message = f"The parameter Policy must not be longer than {_POLICY_LENGTH}."
        raise ApiError(400, "InvalidParameter.PolicySize", message)
    try:
        return parse_document(text, DocumentKind.SESSION, cloud.grammar)
    except MalformedDocument as error:
        raise ApiError(400, "InvalidParameter.PolicyGrammar", str(error)) from error
