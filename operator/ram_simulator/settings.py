"""What can be set for a whole account; kept with the account, changed and shown by RAM's calls."""

from dataclasses import dataclass, field

# name -> lowest and highest value
PASSWORD_NUMBERS = {
    "MinimumPasswordLength": (8, 32),
    "MaxPasswordAge": (0, 1095),
    "PasswordReusePrevention": (0, 24),
    "MaxLoginAttemps": (0, 32),
}
PASSWORD_FLAGS = (
    "RequireLowercaseCharacters",
    "RequireUppercaseCharacters",
    "RequireNumbers",
    "RequireSymbols",
    "HardExpiry",
)
# name -> the group it is shown in
PREFERENCE_FLAGS = {
    "EnableSaveMFATicket": "LoginProfilePreference",
    "AllowUserToChangePassword": "LoginProfilePreference",
    "AllowUserToManageAccessKeys": "AccessKeyPreference",
    "AllowUserToManageMFADevices": "MFAPreference",
    "AllowUserToManagePublicKeys": "PublicKeyPreference",
}


def _new_password_policy() -> dict[str, int]:
    weakest = {name: low for name, (low, _) in PASSWORD_NUMBERS.items()}
    return weakest | dict.fromkeys(PASSWORD_FLAGS, False)


@dataclass(slots=True)
class AccountSettings:
    """The settings of an account; nothing but the password policy is enforced here."""

    alias: str = ""
    password_policy: dict[str, int] = field(default_factory=_new_password_policy)
    preferences: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(PREFERENCE_FLAGS, False))
    login_network_masks: str = ""
    login_session_hours: int = 6
