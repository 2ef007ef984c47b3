"""Terraform's policies of access keys: set, read, changed and reset by what its path sends, and what is refused."""

import json
from typing import Any

import pytest
from tests.contract.clients.mutation_tables import KEY_POLICY
from tests.contract.clients.raw import Key, Wire
from tests.contract.clients.shapes import Terraform
from tests.contract.clients.test_terraform_settings import refusal
from tests.contract.clients.walk import DEV, ROOT

KEY = {"UserAccessKeyId": DEV[0], "UserPrincipalName": "dev@1234567890123456.onaliyun.com"}
RESET = '{"Version":1,"Status":"Inactive","Statements":[]}'


def test_a_policy_is_set_read_changed_and_reset(terraform: Terraform) -> None:
    assert terraform.call("GetAccessKeyPolicy", KEY)["AccessKeyPolicy"] == "{}"
    for policy in (KEY_POLICY, KEY_POLICY.replace("10.0.0.1/32", "10.0.0.2"), RESET):
        # the provider's users leave the version out
        sent = json.dumps({name: value for name, value in json.loads(policy).items() if name != "Version"})
        terraform.call("SetAccessKeyPolicy", KEY | {"AccessKeyPolicy": sent})
        shown = terraform.call("GetAccessKeyPolicy", KEY)
        assert (shown["AccessKeyId"], shown["AccessKeyPolicy"]) == (DEV[0], policy)


def test_without_a_user_the_key_is_the_callers(terraform: Terraform) -> None:
    own = {"UserAccessKeyId": ROOT[0]}
    terraform.call("SetAccessKeyPolicy", own | {"AccessKeyPolicy": KEY_POLICY})
    assert terraform.call("GetAccessKeyPolicy", own)["AccessKeyPolicy"] == KEY_POLICY
    other = {"UserAccessKeyId": DEV[0]}
    assert refusal(terraform, "GetAccessKeyPolicy", other) == (404, "EntityNotExist.User.AccessKey")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"UserPrincipalName": "nobody@x"}, 404, "EntityNotExist.User"),
        ({"UserAccessKeyId": "none"}, 404, "EntityNotExist.User.AccessKey"),
        *(
            ({"AccessKeyPolicy": policy}, 400, "InvalidParameter.AccessKeyPolicy")
            for policy in (
                *("{}", "[]", "x", "null", RESET.replace("Inactive", "Off"), RESET.replace("[]", "{}")),
                *(KEY_POLICY.replace("10.0.0.1/32", "here"), KEY_POLICY.replace("Type", "type")),
                KEY_POLICY.replace("[{", "[" + '{"Type":"a","IPList":[]},' * 8 + "{"),
            )
        ),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    terraform: Terraform, changed: dict[str, Any], status: int, code: str
) -> None:
    assert refusal(terraform, "SetAccessKeyPolicy", KEY | {"AccessKeyPolicy": RESET} | changed) == (status, code)
    assert terraform.call("GetAccessKeyPolicy", KEY)["AccessKeyPolicy"] == "{}"


@pytest.mark.parametrize("action", ["SetAccessKeyPolicy", "GetAccessKeyPolicy"])
def test_calls_are_authorised_as_those_of_ram(terraform: Terraform, wire: Wire, action: str) -> None:
    dev, given = Terraform(wire, Key(*DEV)), KEY | {"AccessKeyPolicy": RESET}
    assert refusal(dev, action, given) == (403, "NoPermission")
    document = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": f"ram:{action}", "Resource": "*"}]}
    terraform.call("CreatePolicy", {"PolicyName": "keys", "PolicyDocument": document})
    terraform.call("AttachPolicyToUser", {"PolicyType": "Custom", "PolicyName": "keys", "UserName": "dev"})
    dev.call(action, given)
