"""Terraform's resources that go by IMS: what the provider's path sends is created, read, updated and kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contract.clients.mutation_tables import KEY_POLICY
from tests.contract.clients.raw import Key, Wire
from tests.contract.clients.shapes import Terraform
from tests.contract.clients.walk import DEV, ROOT, Refused
from tests.contract.conftest import RunningSimulator, stop_simulator


def refusal(client: Terraform, action: str, parameters: dict[str, Any]) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        client.call(action, parameters)
    return caught.value.status, caught.value.code


POLICY: dict[str, Any] = {
    "HardExpire": False,
    "InitialPasswordAge": 14,
    "InterceptRiskPasswordOnApi": False,
    "MaxLoginAttemps": 0,
    "MaxPasswordAge": 0,
    "MinimumPasswordDifferentCharacter": 0,
    "MinimumPasswordLength": 8,
    "PasswordNotContainUserName": False,
    "PasswordReusePrevention": 0,
    "RequireLowercaseCharacters": False,
    "RequireNumbers": False,
    "RequireSymbols": False,
    "RequireUppercaseCharacters": False,
}
PREFERENCE: dict[str, dict[str, Any]] = {
    "AccessKeyPreference": {"AllowUserToManageAccessKeys": False, "AllowUserToManageServiceCredentials": False},
    "LoginProfilePreference": {
        "AllowUserToChangePassword": True,
        "AllowUserToLoginWithPasskey": True,
        "EnableSaveMFATicket": False,
        "LoginNetworkMasks": "",
        "LoginSessionDuration": 6,
        "MFAOperationForLogin": "independent",
        "OperationForRiskLogin": "autonomous",
    },
    "MFAPreference": {"AllowUserToManageMFADevices": True},
    "MaxIdleDays": {"MaxIdleDaysForAccessKeys": 730, "MaxIdleDaysForUsers": 730},
    "PersonalInfoPreference": {"AllowUserToManagePersonalDingTalk": True},
    "VerificationPreference": {"VerificationTypes": []},
}


def shown(client: Terraform, what: str) -> Any:
    return client.call(f"Ims:Get{what}", {})[what]


def test_a_password_policy_is_created_read_and_updated(terraform: Terraform) -> None:
    assert shown(terraform, "PasswordPolicy") == POLICY
    wanted = {name: True if value is False else 8 for name, value in POLICY.items()}
    assert terraform.call("Ims:SetPasswordPolicy", wanted)["PasswordPolicy"] == wanted
    assert shown(terraform, "PasswordPolicy") == wanted
    terraform.call("Ims:SetPasswordPolicy", {"HardExpire": False, "MaxPasswordAge": 90})
    assert shown(terraform, "PasswordPolicy") == wanted | {"HardExpire": False, "MaxPasswordAge": 90}


def test_a_security_preference_is_created_read_and_updated(terraform: Terraform) -> None:
    assert shown(terraform, "SecurityPreference") == PREFERENCE
    wanted: dict[str, dict[str, Any]] = {
        "AccessKeyPreference": {"AllowUserToManageAccessKeys": True, "AllowUserToManageServiceCredentials": True},
        "LoginProfilePreference": {
            "AllowUserToChangePassword": False,
            "AllowUserToLoginWithPasskey": False,
            "EnableSaveMFATicket": True,
            "LoginNetworkMasks": "192.168.0.0/16;10.0.0.1",
            "LoginSessionDuration": 7,
            "MFAOperationForLogin": "adaptive",
            "OperationForRiskLogin": "enforceVerify",
        },
        "MFAPreference": {"AllowUserToManageMFADevices": False},
        "MaxIdleDays": {"MaxIdleDaysForAccessKeys": 365, "MaxIdleDaysForUsers": 90},
        "PersonalInfoPreference": {"AllowUserToManagePersonalDingTalk": False},
        "VerificationPreference": {"VerificationTypes": ["sms", "email", "mfa"]},
    }
    sent = {name: value for group in wanted.values() for name, value in group.items()}
    assert terraform.call("Ims:SetSecurityPreference", sent)["SecurityPreference"] == wanted
    assert shown(terraform, "SecurityPreference") == wanted
    # the provider sends these two with every change, and an empty text for no masks
    terraform.call("Ims:SetSecurityPreference", {"LoginSessionDuration": 6, "LoginNetworkMasks": ""})
    wanted["LoginProfilePreference"] |= {"LoginSessionDuration": 6, "LoginNetworkMasks": ""}
    assert shown(terraform, "SecurityPreference") == wanted


@pytest.mark.parametrize(("enforced", "operation"), [(True, "mandatory"), (False, "independent")])
def test_the_older_name_of_the_mfa_setting_is_understood(terraform: Terraform, enforced: bool, operation: str) -> None:
    answer = terraform.call("Ims:SetSecurityPreference", {"EnforceMFAForLogin": enforced})["SecurityPreference"]
    assert answer["LoginProfilePreference"]["MFAOperationForLogin"] == operation


def test_what_ram_sets_ims_shows_and_the_other_way_round(terraform: Terraform) -> None:
    terraform.call("SetPasswordPolicy", {"HardExpiry": True, "MinimumPasswordLength": 12})
    terraform.call("SetSecurityPreference", {"EnableSaveMFATicket": True, "LoginSessionDuration": 3})
    policy, login = shown(terraform, "PasswordPolicy"), shown(terraform, "SecurityPreference")["LoginProfilePreference"]
    assert (policy["HardExpire"], policy["MinimumPasswordLength"]) == (True, 12)
    assert (login["EnableSaveMFATicket"], login["LoginSessionDuration"]) == (True, 3)
    terraform.call("Ims:SetPasswordPolicy", {"HardExpire": False, "RequireNumbers": True, "InitialPasswordAge": 1})
    terraform.call("Ims:SetSecurityPreference", {"AllowUserToManageAccessKeys": True, "MaxIdleDaysForUsers": 90})
    policy = terraform.call("GetPasswordPolicy", {})["PasswordPolicy"]
    assert (policy["HardExpiry"], policy["RequireNumbers"]) == (False, True)
    assert not {"HardExpire", "InitialPasswordAge"} & set(policy)
    preference = terraform.call("GetSecurityPreference", {})["SecurityPreference"]
    assert preference["AccessKeyPreference"] == {"AllowUserToManageAccessKeys": True}
    assert "MaxIdleDays" not in preference


REFUSED = [
    ("SetPasswordPolicy", {"MinimumPasswordLength": "7"}, "MinimumPasswordLength.Range"),
    ("SetPasswordPolicy", {"MinimumPasswordDifferentCharacter": "9"}, "MinimumPasswordDifferentCharacter.Range"),
    ("SetPasswordPolicy", {"InitialPasswordAge": "91"}, "InitialPasswordAge.Range"),
    ("SetPasswordPolicy", {"HardExpire": "yes"}, "HardExpire"),
    ("SetSecurityPreference", {"LoginSessionDuration": "25"}, "LoginSessionDuration"),
    ("SetSecurityPreference", {"MFAOperationForLogin": "never"}, "MFAOperationForLogin"),
    ("SetSecurityPreference", {"MaxIdleDaysForUsers": "91"}, "MaxIdleDaysForUsers"),
    ("SetSecurityPreference", {"LoginNetworkMasks": "10.0.0.0/8,11.0.0.0/8"}, "LoginNetworkMasks"),
    ("SetSecurityPreference", {"LoginNetworkMasks": ";".join(["10.0.0.1"] * 41)}, "LoginNetworkMasks"),
    ("SetSecurityPreference", {"VerificationTypes": '["pigeon"]'}, "VerificationTypes"),
    ("SetSecurityPreference", {"VerificationTypes": "sms"}, "VerificationTypes"),
    ("SetSecurityPreference", {"AllowUserToLoginWithPasskey": "1"}, "AllowUserToLoginWithPasskey"),
]


@pytest.mark.parametrize(("action", "parameters", "parameter"), REFUSED)
def test_a_wrong_setting_is_refused_and_the_others_of_its_call_are_not_made(
    terraform: Terraform, action: str, parameters: dict[str, str], parameter: str
) -> None:
    beside = {"RequireNumbers": "true", "EnableSaveMFATicket": "true", "MaxIdleDaysForAccessKeys": "90"}
    refused = refusal(terraform, f"Ims:{action}", beside | parameters)
    assert refused == (400, f"InvalidParameter.{parameter}")
    assert (shown(terraform, "PasswordPolicy"), shown(terraform, "SecurityPreference")) == (POLICY, PREFERENCE)


@pytest.mark.parametrize(
    ("setting", "weak", "strong"),
    [
        ({"MinimumPasswordDifferentCharacter": 4}, "abcabcabc", "abcdabcd"),
        ({"PasswordNotContainUserName": True}, "my-DEV-word", "my-own-word"),
    ],
)
def test_a_password_has_to_have_what_the_policy_says(
    terraform: Terraform, setting: dict[str, Any], weak: str, strong: str
) -> None:
    terraform.call("Ims:SetPasswordPolicy", setting)
    profile = {"UserName": "dev", "Password": weak}
    assert refusal(terraform, "CreateLoginProfile", profile) == (400, "InvalidParameter.Password.TooWeak")
    terraform.call("CreateLoginProfile", profile | {"Password": strong})


@pytest.mark.parametrize(
    "action", ["GetPasswordPolicy", "SetPasswordPolicy", "GetSecurityPreference", "SetSecurityPreference"]
)
def test_settings_are_authorised_as_those_of_ram(terraform: Terraform, wire: Wire, action: str) -> None:
    dev = Terraform(wire, Key(*DEV))
    assert refusal(dev, f"Ims:{action}", {}) == (403, "NoPermission")
    document = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": f"ram:{action}", "Resource": "*"}]}
    terraform.call("CreatePolicy", {"PolicyName": "settings", "PolicyDocument": document})
    terraform.call("AttachPolicyToUser", {"PolicyType": "Custom", "PolicyName": "settings", "UserName": "dev"})
    dev.call(f"Ims:{action}", {})


def test_the_next_simulator_has_the_same_settings_and_providers(
    started: Callable[..., RunningSimulator], tmp_path: Path
) -> None:
    def settings_of(running: RunningSimulator, **changes: dict[str, Any]) -> list[Any]:
        wire = Wire(running.endpoint)
        client = Terraform(wire, Key(*ROOT))
        for what, parameters in changes.items():
            client.call(f"Ims:Set{what}", parameters)
            client.call("CreateSAMLProvider", {"SAMLProviderName": what})
            client.call("SetAccessKeyPolicy", {"UserAccessKeyId": ROOT[0], "AccessKeyPolicy": KEY_POLICY})
        found = [shown(client, what) for what in ("PasswordPolicy", "SecurityPreference")]
        found.append(client.call("ListSAMLProviders", {})["SAMLProviders"])
        found.append(client.call("GetAccessKeyPolicy", {"UserAccessKeyId": ROOT[0]})["AccessKeyPolicy"])
        wire.close()
        return found

    policy = {"PasswordNotContainUserName": True, "HardExpire": True}
    preference = {"VerificationTypes": ["sms"], "MaxIdleDaysForUsers": 90, "MFAOperationForLogin": "adaptive"}
    first = started("--state", str(tmp_path / "state"))
    before = settings_of(first, PasswordPolicy=policy, SecurityPreference=preference)
    assert stop_simulator(first) == 0
    assert settings_of(started("--state", str(tmp_path / "state"))) == before
    assert before[0] == POLICY | policy
    assert (len(before[2]["SAMLProvider"]), before[3]) == (2, KEY_POLICY)
