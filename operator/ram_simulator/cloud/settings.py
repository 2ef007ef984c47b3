"""What can be set for a whole account; kept with the account, changed and shown by the calls of RAM and of IMS.

IMS knows all that RAM does, and more: those tables are named for it. Values are those of its pages on
SetPasswordPolicy and SetSecurityPreference.
"""

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
IMS_PASSWORD_NUMBERS = {"InitialPasswordAge": (0, 90), "MinimumPasswordDifferentCharacter": (0, 8)}
IMS_PASSWORD_FLAGS = ("PasswordNotContainUserName", "InterceptRiskPasswordOnApi")
# name -> the group it is shown in
PREFERENCE_FLAGS = {
    "EnableSaveMFATicket": "LoginProfilePreference",
    "AllowUserToChangePassword": "LoginProfilePreference",
    "AllowUserToManageAccessKeys": "AccessKeyPreference",
    "AllowUserToManageMFADevices": "MFAPreference",
    "AllowUserToManagePublicKeys": "PublicKeyPreference",
}
# name -> the group it is shown in, and what holds until it is set
IMS_PREFERENCE_FLAGS = {
    "AllowUserToLoginWithPasskey": ("LoginProfilePreference", True),
    "AllowUserToManageServiceCredentials": ("AccessKeyPreference", False),
    "AllowUserToManagePersonalDingTalk": ("PersonalInfoPreference", True),
}
# name -> the values there are, the first of which holds until another is set
IMS_LOGIN_CHOICES = {
    "MFAOperationForLogin": ("independent", "mandatory", "adaptive"),
    "OperationForRiskLogin": ("autonomous", "enforceVerify"),
}
IDLE_DAYS = (730, 365, 180, 90)
IMS_IDLE_LIMITS = ("MaxIdleDaysForUsers", "MaxIdleDaysForAccessKeys")
# the page lists the first two; Terraform's provider sends the third and expects to read it back
VERIFICATION_TYPES = ("sms", "email", "mfa")


def _new_password_policy() -> dict[str, int]:
    weakest = {name: low for name, (low, _) in PASSWORD_NUMBERS.items()}
    return weakest | dict.fromkeys(PASSWORD_FLAGS, False)


def _new_ims_password_policy() -> dict[str, int]:
    return {
        "InitialPasswordAge": 14,
        "MinimumPasswordDifferentCharacter": 0,
        **dict.fromkeys(IMS_PASSWORD_FLAGS, False),
    }


def _new_ims_preferences() -> dict[str, bool]:
    return {name: default for name, (_, default) in IMS_PREFERENCE_FLAGS.items()}


def _new_preferences() -> dict[str, bool]:
    allowed = ("AllowUserToChangePassword", "AllowUserToManageMFADevices")
    return {name: name in allowed for name in PREFERENCE_FLAGS}


@dataclass(slots=True)
class AccountSettings:
    """The settings of an account; of these the password policy is enforced, on what a password has in it."""

    alias: str = ""
    password_policy: dict[str, int] = field(default_factory=_new_password_policy)
    preferences: dict[str, bool] = field(default_factory=_new_preferences)
    login_network_masks: str = ""
    login_session_hours: int = 6
    ims_password_policy: dict[str, int] = field(default_factory=_new_ims_password_policy)
    ims_preferences: dict[str, bool] = field(default_factory=_new_ims_preferences)
    login_choices: dict[str, str] = field(
        default_factory=lambda: {name: values[0] for name, values in IMS_LOGIN_CHOICES.items()}
    )
    idle_days: dict[str, int] = field(default_factory=lambda: dict.fromkeys(IMS_IDLE_LIMITS, IDLE_DAYS[0]))
    verification_types: tuple[str, ...] = ()
