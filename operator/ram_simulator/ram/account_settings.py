"""What is set for the whole account: its alias, the password policy, what users may do by themselves."""

import re
from collections.abc import Sequence

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.settings import PASSWORD_FLAGS, PASSWORD_NUMBERS, PREFERENCE_FLAGS

_ALIAS = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHORTEST_ALIAS, _LONGEST_ALIAS = 3, 32


def set_account_alias(cloud: Cloud, call: Call) -> Answer:
    """Give the account another name for its log-on address."""
    alias = call.text("AccountAlias")
    if not _SHORTEST_ALIAS <= len(alias) <= _LONGEST_ALIAS:
        message = f"The parameter AccountAlias must have {_SHORTEST_ALIAS} to {_LONGEST_ALIAS} characters."
        raise ApiError(400, "InvalidParameter.AccountAlias.Length", message)
    if not _ALIAS.fullmatch(alias):
        message = "The parameter AccountAlias may have a-z, 0-9 and single hyphens between them."
        raise ApiError(400, "InvalidParameter.AccountAlias.Format", message)
    cloud.account.settings.alias = alias
    return {}


def get_account_alias(cloud: Cloud, call: Call) -> Answer:
    """Tell the alias; an account without one has its id for it."""
    return {"AccountAlias": cloud.account.settings.alias or cloud.account.account_id}


def clear_account_alias(cloud: Cloud, call: Call) -> Answer:
    """Take the alias away."""
    cloud.account.settings.alias = ""
    return {}


def set_password_policy(cloud: Cloud, call: Call) -> Answer:
    """Set what a password must have; what is not sent stays."""
    policy = cloud.account.settings.password_policy
    numbers = {name: _ranged(call, name, policy[name]) for name in PASSWORD_NUMBERS}
    flags = {name: call.flag(name) for name in PASSWORD_FLAGS if call.text(name)}
    policy.update(numbers | flags)
    return get_password_policy(cloud, call)


def get_password_policy(cloud: Cloud, call: Call) -> Answer:
    """Show what a password must have."""
    return {"PasswordPolicy": dict(cloud.account.settings.password_policy)}


def set_security_preference(cloud: Cloud, call: Call) -> Answer:
    """Set what users may do by themselves; what is not sent stays."""
    settings = cloud.account.settings
    flags = {name: call.flag(name) for name in PREFERENCE_FLAGS if call.text(name)}
    settings.login_session_hours = call.number("LoginSessionDuration", settings.login_session_hours, 1, 24)
    settings.preferences.update(flags)
    if call.optional("LoginNetworkMasks") is not None:
        settings.login_network_masks = call.text("LoginNetworkMasks")
    return get_security_preference(cloud, call)


def get_security_preference(cloud: Cloud, call: Call) -> Answer:
    """Show what users may do by themselves."""
    settings = cloud.account.settings
    shown: dict[str, Answer] = {group: {} for group in PREFERENCE_FLAGS.values()}
    for name, group in PREFERENCE_FLAGS.items():
        shown[group][name] = settings.preferences[name]
    shown["LoginProfilePreference"]["LoginNetworkMasks"] = settings.login_network_masks
    shown["LoginProfilePreference"]["LoginSessionDuration"] = settings.login_session_hours
    return {"SecurityPreference": shown}


def _ranged(call: Call, name: str, default: int) -> int:
    low, high = PASSWORD_NUMBERS[name]
    try:
        return call.number(name, default, low, high)
    except ApiError as error:
        raise ApiError(400, f"InvalidParameter.{name}.Range", error.message) from error


def _on_account(cloud: Cloud, call: Call) -> Sequence[str]:
    return (f"acs:ram:*:{cloud.account.account_id}:*",)


_PASSWORD_PARAMETERS = (*PASSWORD_NUMBERS, *PASSWORD_FLAGS)
_PREFERENCE_PARAMETERS = (*PREFERENCE_FLAGS, "LoginNetworkMasks", "LoginSessionDuration")
ACTIONS = table(
    Action("SetAccountAlias", set_account_alias, _on_account, ("AccountAlias",), write=True),
    Action("GetAccountAlias", get_account_alias, _on_account),
    Action("ClearAccountAlias", clear_account_alias, _on_account, write=True),
    Action("SetPasswordPolicy", set_password_policy, _on_account, (), _PASSWORD_PARAMETERS, write=True),
    Action("GetPasswordPolicy", get_password_policy, _on_account),
    Action("SetSecurityPreference", set_security_preference, _on_account, (), _PREFERENCE_PARAMETERS, write=True),
    Action("GetSecurityPreference", get_security_preference, _on_account),
)
