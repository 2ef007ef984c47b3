"""Terraform's SAML providers: created, read, updated and deleted by what its path sends, and what is refused."""

import base64
from typing import Any

import pytest
from tests.contract.clients.mutation_tables import METADATA_DOCUMENT
from tests.contract.clients.raw import Key, Wire
from tests.contract.clients.shapes import Terraform
from tests.contract.clients.test_terraform_settings import refusal
from tests.contract.clients.walk import DEV

NAMED = {"SAMLProviderName": "idp"}
ARN = "acs:ram::1234567890123456:saml-provider/idp"


def encoded(document: str) -> str:
    return base64.b64encode(document.encode()).decode()


def test_a_saml_provider_is_created_read_updated_and_deleted(terraform: Terraform) -> None:
    made = terraform.call(
        "CreateSAMLProvider", NAMED | {"Description": "d", "EncodedSAMLMetadataDocument": METADATA_DOCUMENT}
    )["SAMLProvider"]
    dates = {name: made[name] for name in ("CreateDate", "UpdateDate")}
    assert made == NAMED | {"Arn": ARN, "Description": "d", "AuthnSignAlgo": "rsa-sha1"} | dates
    document = {"EncodedSAMLMetadataDocument": METADATA_DOCUMENT}
    assert terraform.call("GetSAMLProvider", NAMED)["SAMLProvider"] == made | document
    # the document comes with every change
    update = NAMED | {"NewDescription": "e", "NewEncodedSAMLMetadataDocument": METADATA_DOCUMENT}
    assert terraform.call("UpdateSAMLProvider", update)["SAMLProvider"]["Description"] == "e"
    shown = terraform.call("GetSAMLProvider", NAMED)["SAMLProvider"]
    assert shown == made | document | {"Description": "e", "UpdateDate": shown["UpdateDate"]}
    terraform.call("DeleteSAMLProvider", NAMED)
    for action in ("GetSAMLProvider", "DeleteSAMLProvider"):
        assert refusal(terraform, action, NAMED) == (404, "EntityNotExist.SAMLProvider")


def test_saml_providers_are_listed_by_pages(terraform: Terraform) -> None:
    for name in ("one", "two"):
        terraform.call("CreateSAMLProvider", {"SAMLProviderName": name, "EncodedSAMLMetadataDocument": ""})
    first = terraform.call("ListSAMLProviders", {"MaxItems": "1"})
    second = terraform.call("ListSAMLProviders", {"MaxItems": "1", "Marker": first["Marker"]})
    (one,), (two,) = (page["SAMLProviders"]["SAMLProvider"] for page in (first, second))
    assert (one["SAMLProviderName"], two["SAMLProviderName"]) == ("one", "two")
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)
    assert set(one) == {"SAMLProviderName", "Arn", "Description", "CreateDate", "UpdateDate"}


NEW, NAME = "EncodedSAMLMetadataDocument", "SAMLProviderName"
REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("CreateSAMLProvider", {}, 409, "EntityAlreadyExists.SAMLProvider"),
    ("CreateSAMLProvider", {NAME: "-a"}, 400, f"InvalidParameter.{NAME}.InvalidChars"),
    ("CreateSAMLProvider", {NAME: "a" * 129}, 400, f"InvalidParameter.{NAME}.Length"),
    ("CreateSAMLProvider", {NAME: "b", "Description": "d" * 257}, 400, "InvalidParameter.Description.Length"),
    ("CreateSAMLProvider", {NAME: "b", NEW: "no Base64!"}, 400, f"InvalidParameter.{NEW}"),
    ("CreateSAMLProvider", {NAME: "b", NEW: encoded("no XML")}, 400, f"InvalidParameter.{NEW}"),
    ("CreateSAMLProvider", {NAME: "b", NEW: encoded("<html/>")}, 400, f"InvalidParameter.{NEW}"),
    ("CreateSAMLProvider", {NAME: "b", NEW: encoded("<!DOCTYPE a><a/>")}, 400, f"InvalidParameter.{NEW}"),
    ("CreateSAMLProvider", {NAME: "b", "AuthnSignAlgo": "md5"}, 400, "InvalidParameter.AuthnSignAlgo"),
    ("GetSAMLProvider", {NAME: "b"}, 404, "EntityNotExist.SAMLProvider"),
    ("UpdateSAMLProvider", {NAME: "b", "NewDescription": ""}, 404, "EntityNotExist.SAMLProvider"),
    ("UpdateSAMLProvider", {}, 400, "InvalidParameter.AllEmpty"),
    ("UpdateSAMLProvider", {f"New{NEW}": encoded("<a>"), "NewDescription": "x"}, 400, f"InvalidParameter.New{NEW}"),
    ("UpdateSAMLProvider", {"AuthnSignAlgo": "none", "NewDescription": "x"}, 400, "InvalidParameter.AuthnSignAlgo"),
    ("ListSAMLProviders", {"MaxItems": "0"}, 400, "InvalidParameter.MaxItems"),
]


@pytest.mark.parametrize(("action", "parameters", "status", "code"), REFUSED)
def test_what_the_pages_do_not_allow_is_refused_and_changes_nothing(
    terraform: Terraform, action: str, parameters: dict[str, Any], status: int, code: str
) -> None:
    terraform.call("CreateSAMLProvider", NAMED)
    before = terraform.call("ListSAMLProviders", {})["SAMLProviders"]
    assert refusal(terraform, action, NAMED | parameters) == (status, code)
    assert terraform.call("ListSAMLProviders", {})["SAMLProviders"] == before


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("CreateSAMLProvider", "*"),
        ("GetSAMLProvider", "acs:ram:*:1234567890123456:saml-provider/idp"),
        ("ListSAMLProviders", "*"),
        ("UpdateSAMLProvider", "acs:ram:*:1234567890123456:saml-provider/idp"),
        ("DeleteSAMLProvider", "acs:ram:*:1234567890123456:saml-provider/idp"),
    ],
)
def test_calls_are_authorised_as_the_pages_say(terraform: Terraform, wire: Wire, action: str, resource: str) -> None:
    dev, given = Terraform(wire, Key(*DEV)), NAMED | {"NewDescription": "e"}
    if action != "CreateSAMLProvider":
        terraform.call("CreateSAMLProvider", NAMED)
    assert refusal(dev, action, given) == (403, "NoPermission")
    document = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": f"ram:{action}", "Resource": resource}]}
    terraform.call("CreatePolicy", {"PolicyName": "saml", "PolicyDocument": document})
    terraform.call("AttachPolicyToUser", {"PolicyType": "Custom", "PolicyName": "saml", "UserName": "dev"})
    dev.call(action, given)
