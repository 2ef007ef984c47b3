"""Login profiles: whether a user may log on to the console. There is none here; Terraform manages them all the same.

MFA devices belong to it: users have none here, and the calls say so.
"""

import hashlib
import hmac
from dataclasses import replace

from ram_simulator.cloud.account import UserPrincipal
from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.people import LoginProfile, User
from ram_simulator.ram.checks import existing_user, on_everything, on_user


def create_login_profile(cloud: Cloud, call: Call) -> Answer:
    """Let a user log on with a password."""
    user = existing_user(cloud, call)
    _check_password(cloud, user.name, call.text("Password"))
    reset, mfa = call.flag("PasswordResetRequired"), call.flag("MFABindRequired")
    if user.login_profile is not None:
        raise ApiError(409, "EntityAlreadyExists.User.LoginProfile", f"The user {user.name} has a login profile.")
    user.login_profile = LoginProfile(cloud.clock.now(), reset, mfa, _digest(call.text("Password")))
    return {"LoginProfile": _shown(user, user.login_profile)}


def get_login_profile(cloud: Cloud, call: Call) -> Answer:
    """Show a login profile."""
    user = existing_user(cloud, call)
    return {"LoginProfile": _shown(user, _existing(user))}


def update_login_profile(cloud: Cloud, call: Call) -> Answer:
    """Change password or demands; what is not sent stays."""
    user = existing_user(cloud, call)
    profile = _existing(user)
    password = call.optional("Password")
    if password is not None:
        _check_password(cloud, user.name, password)
    reset, mfa = profile.password_reset_required, profile.mfa_bind_required
    user.login_profile = LoginProfile(
        create_date=profile.create_date,
        password_reset_required=call.flag("PasswordResetRequired") if call.text("PasswordResetRequired") else reset,
        mfa_bind_required=call.flag("MFABindRequired") if call.text("MFABindRequired") else mfa,
        password_digest=profile.password_digest if password is None else _digest(password),
    )
    return {}


def delete_login_profile(cloud: Cloud, call: Call) -> Answer:
    """Let a user log on no more."""
    user = existing_user(cloud, call)
    _existing(user)
    user.login_profile = None
    return {}


def change_password(cloud: Cloud, call: Call) -> Answer:
    """Change the caller's own password, where users may do that; no page has the codes of its refusals."""
    user = None
    if isinstance(call.principal, UserPrincipal):
        user = cloud.account.people.users.get(call.principal.user_name)
    if user is None or not cloud.account.settings.preferences["AllowUserToChangePassword"]:
        raise ApiError(403, "NoPermission", "Only a RAM user may change its password, where the account lets it.")
    profile = _existing(user)
    if not hmac.compare_digest(profile.password_digest, _digest(call.text("OldPassword"))):
        raise ApiError(400, "InvalidParameter.OldPassword", "The parameter OldPassword is not the password.")
    _check_password(cloud, user.name, call.text("NewPassword"))
    user.login_profile = replace(
        profile, password_digest=_digest(call.text("NewPassword")), password_reset_required=False
    )
    return {}


def _digest(password: str) -> str:
    # of simulated users: it need not withstand much, but a state file should not have it in words
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).hexdigest()


def no_mfa_device(cloud: Cloud, call: Call) -> Answer:
    """Say that the user has no MFA device, which is always so here."""
    user = existing_user(cloud, call)
    raise ApiError(404, "EntityNotExist.User.MFADevice", f"The user {user.name} has not bound any MFA device.")


def _existing(user: User) -> LoginProfile:
    if user.login_profile is None:
        raise ApiError(404, "EntityNotExist.User.LoginProfile", f"The user {user.name} has no login profile.")
    return user.login_profile


def _check_password(cloud: Cloud, user_name: str, password: str) -> None:
    policy, more = cloud.account.settings.password_policy, cloud.account.settings.ims_password_policy
    kinds = {
        "RequireLowercaseCharacters": str.islower,
        "RequireUppercaseCharacters": str.isupper,
        "RequireNumbers": str.isdigit,
        "RequireSymbols": lambda character: not character.isalnum(),
    }
    lacking = [name for name, kind in kinds.items() if policy[name] and not any(map(kind, password))]
    too_few = len(set(password)) < more["MinimumPasswordDifferentCharacter"]
    named = more["PasswordNotContainUserName"] and user_name.lower() in password.lower()
    if len(password) < int(policy["MinimumPasswordLength"]) or lacking or too_few or named:
        message = "The parameter Password is not compliant with the password policy."
        raise ApiError(400, "InvalidParameter.Password.TooWeak", message)


def _shown(user: User, profile: LoginProfile) -> Answer:
    return {
        "UserName": user.name,
        "PasswordResetRequired": profile.password_reset_required,
        "MFABindRequired": profile.mfa_bind_required,
        "CreateDate": to_seconds(profile.create_date),
    }


_OPTIONS = ("PasswordResetRequired", "MFABindRequired")
ACTIONS = table(
    Action("CreateLoginProfile", create_login_profile, on_user, ("UserName", "Password"), _OPTIONS, write=True),
    Action("GetLoginProfile", get_login_profile, on_user, ("UserName",)),
    Action("UpdateLoginProfile", update_login_profile, on_user, ("UserName",), ("Password", *_OPTIONS), write=True),
    Action("DeleteLoginProfile", delete_login_profile, on_user, ("UserName",), write=True),
    Action("ChangePassword", change_password, on_everything, ("OldPassword", "NewPassword"), write=True),
    Action("GetUserMFAInfo", no_mfa_device, on_user, ("UserName",)),
    Action("UnbindMFADevice", no_mfa_device, on_user, ("UserName",), write=True),
)
