"""The account's password policy and security preference, as IMS calls, shows and extends RAM's own.

One state is behind both: what is set by a call of RAM is shown by IMS, and the other way round. RAM's `HardExpiry` is
IMS's `HardExpire`. What is not sent stays. Terraform's alicloud_ram_password_policy and
alicloud_ram_security_preference make these calls.
"""

import ipaddress

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.settings import (
    IDLE_DAYS,
    IMS_IDLE_LIMITS,
    IMS_LOGIN_CHOICES,
    IMS_PASSWORD_FLAGS,
    IMS_PASSWORD_NUMBERS,
    IMS_PREFERENCE_FLAGS,
    PASSWORD_FLAGS,
    PASSWORD_NUMBERS,
    PREFERENCE_FLAGS,
    VERIFICATION_TYPES,
)
from ram_simulator.ram.checks import on_everything

_RANGES = PASSWORD_NUMBERS | IMS_PASSWORD_NUMBERS
# as IMS calls it -> as it is kept
_FLAGS = {name.replace("HardExpiry", "HardExpire"): name for name in (*PASSWORD_FLAGS, *IMS_PASSWORD_FLAGS)}
_SHARED_PREFERENCES = tuple(name for name in PREFERENCE_FLAGS if name != "AllowUserToManagePublicKeys")
_GROUPS = {name: PREFERENCE_FLAGS[name] for name in _SHARED_PREFERENCES} | {
    name: group for name, (group, _) in IMS_PREFERENCE_FLAGS.items()
}
_MOST_MASKS, _LONGEST_MASKS = 40, 512


def set_password_policy(cloud: Cloud, call: Call) -> Answer:
    """Set what a password must have."""
    settings = cloud.account.settings
    sent = {name: _number(call, name) for name in _RANGES if call.text(name)}
    sent |= {kept: call.flag(name) for name, kept in _FLAGS.items() if call.text(name)}
    for name, value in sent.items():
        policy = settings.password_policy if name in settings.password_policy else settings.ims_password_policy
        policy[name] = value
    return get_password_policy(cloud, call)


def get_password_policy(cloud: Cloud, call: Call) -> Answer:
    """Show what a password must have."""
    settings = cloud.account.settings
    held = settings.password_policy | settings.ims_password_policy
    names = {name: name for name in _RANGES} | _FLAGS
    return {"PasswordPolicy": {name: held[kept] for name, kept in names.items()}}


def set_security_preference(cloud: Cloud, call: Call) -> Answer:
    """Set what users may do by themselves, and how they log on."""
    settings = cloud.account.settings
    flags = {name: call.flag(name) for name in _GROUPS if call.text(name)}
    choices, days = _login_choices(call), {name: _days(call, name) for name in IMS_IDLE_LIMITS if call.text(name)}
    masks, types = _masks(call, settings.login_network_masks), _types(call, settings.verification_types)
    settings.login_session_hours = call.number("LoginSessionDuration", settings.login_session_hours, 1, 24)
    # nothing is refused from here on
    settings.preferences.update({name: flag for name, flag in flags.items() if name in PREFERENCE_FLAGS})
    settings.ims_preferences.update({name: flag for name, flag in flags.items() if name in IMS_PREFERENCE_FLAGS})
    settings.login_choices.update(choices)
    settings.idle_days.update(days)
    settings.login_network_masks, settings.verification_types = masks, types
    return get_security_preference(cloud, call)


def get_security_preference(cloud: Cloud, call: Call) -> Answer:
    """Show what users may do by themselves, and how they log on."""
    settings = cloud.account.settings
    held, shown = settings.preferences | settings.ims_preferences, dict[str, Answer]()
    for name, group in _GROUPS.items():
        shown.setdefault(group, {})[name] = held[name]
    shown["LoginProfilePreference"] |= {
        "LoginNetworkMasks": settings.login_network_masks,
        "LoginSessionDuration": settings.login_session_hours,
        **settings.login_choices,
    }
    shown["MaxIdleDays"] = dict(settings.idle_days)
    shown["VerificationPreference"] = {"VerificationTypes": list(settings.verification_types)}
    return {"SecurityPreference": shown}


def _number(call: Call, name: str) -> int:
    low, high = _RANGES[name]
    try:
        return call.number(name, low, low, high)
    except ApiError as error:
        raise ApiError(400, f"InvalidParameter.{name}.Range", error.message) from error


def _login_choices(call: Call) -> dict[str, str]:
    chosen = {name: call.text(name) for name in IMS_LOGIN_CHOICES if call.text(name)}
    for name, value in chosen.items():
        if value not in IMS_LOGIN_CHOICES[name]:
            raise _invalid(name, f"one of {', '.join(IMS_LOGIN_CHOICES[name])}")
    # the older name of the same setting
    if call.text("EnforceMFAForLogin"):
        older = "mandatory" if call.flag("EnforceMFAForLogin") else "independent"
        chosen.setdefault("MFAOperationForLogin", older)
    return chosen


def _days(call: Call, name: str) -> int:
    if call.text(name) not in map(str, IDLE_DAYS):
        raise _invalid(name, f"one of {', '.join(map(str, IDLE_DAYS))}")
    return int(call.text(name))


def _masks(call: Call, held: str) -> str:
    masks = call.optional("LoginNetworkMasks")
    if not masks:
        return held if masks is None else ""
    listed = masks.split(";")
    try:
        for mask in listed:
            ipaddress.ip_network(mask, strict=False)
    except ValueError:
        listed = []
    if not 1 <= len(listed) <= _MOST_MASKS or len(masks) > _LONGEST_MASKS:
        raise _invalid(
            "LoginNetworkMasks", f"up to {_MOST_MASKS} addresses or CIDR blocks with semicolons between them"
        )
    return masks


def _types(call: Call, held: tuple[str, ...]) -> tuple[str, ...]:
    types = call.json_list("VerificationTypes")
    if types is None:
        return held
    if any(item not in VERIFICATION_TYPES for item in types):
        raise _invalid("VerificationTypes", f"a JSON array of {', '.join(VERIFICATION_TYPES)}")
    return tuple(dict.fromkeys(types))


def _invalid(name: str, what: str) -> ApiError:
    return ApiError(400, f"InvalidParameter.{name}", f"The parameter {name} must be {what}.")


_PASSWORD = (*_RANGES, *_FLAGS)
_PREFERENCE = (
    *_GROUPS,
    "LoginNetworkMasks",
    "LoginSessionDuration",
    *IMS_LOGIN_CHOICES,
    "EnforceMFAForLogin",
    *IMS_IDLE_LIMITS,
    "VerificationTypes",
)
ACTIONS = table(
    Action("SetPasswordPolicy", set_password_policy, on_everything, (), _PASSWORD, write=True, service="ram"),
    Action("GetPasswordPolicy", get_password_policy, on_everything, service="ram"),
    Action("SetSecurityPreference", set_security_preference, on_everything, (), _PREFERENCE, write=True, service="ram"),
    Action("GetSecurityPreference", get_security_preference, on_everything, service="ram"),
)
