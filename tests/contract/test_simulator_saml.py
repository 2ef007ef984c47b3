"""AssumeRoleWithSAML against the process: responses with a real signature, and each way in which one is refused."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from tests.contract.clients.pages import document
from tests.contract.clients.raw import Key, RawClient, Wire
from tests.contract.clients.sdks import NewPython
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import RunningSimulator
from tests.contract.saml import ISSUER, RECIPIENT, Said, SamlIdentityProvider, arn, encoded

IDP, ROLE = arn("saml-provider", "company"), arn("role", "People")
SAID = Said(roles=(f"{ROLE},{IDP}", f"{arn('role', 'Other')},{IDP}"))
Assume = Callable[..., tuple[int, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def idp() -> SamlIdentityProvider:
    return SamlIdentityProvider()


def trust(**conditions: str) -> str:
    conditioned = {"StringEquals": conditions}
    return document(Action="sts:AssumeRole", Principal={"Federated": [IDP]}, Condition=conditioned)


@pytest.fixture
def root(simulator: RunningSimulator, wire: Wire, idp: SamlIdentityProvider) -> RawClient:
    """The account's own key; there are the provider, and roles that trust it."""
    client = RawClient(wire, Key(*ROOT))
    provider = {"SAMLProviderName": "company", "EncodedSAMLMetadataDocument": idp.metadata()}
    assert client.call("CreateSAMLProvider", **provider).status == 200
    for name, text in (("People", trust(**{"saml:recipient": RECIPIENT})), ("Other", trust(**{"saml:recipient": "x"}))):
        assert client.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=text).status == 200
    return client


@pytest.fixture
def assume(root: RawClient, idp: SamlIdentityProvider) -> Assume:
    """Return a call with a right response, but for what is changed."""

    def call(said: Said = SAID, **changed: str) -> tuple[int, Mapping[str, Any]]:
        usual = {"SAMLProviderArn": IDP, "RoleArn": ROLE, "SAMLAssertion": idp.response(said)}
        reply = root.call("AssumeRoleWithSAML", **(usual | changed))
        return reply.status, reply.answer

    return call


def test_an_assertion_is_changed_for_a_credential_that_can_what_the_role_can(
    root: RawClient, assume: Assume, wire: Wire
) -> None:
    read = {"PolicyType": "System", "PolicyName": "AliyunRAMReadOnlyAccess", "RoleName": "People"}
    assert root.call("AttachPolicyToRole", **read).status == 200
    status, answer = assume(DurationSeconds="900")
    assert status == 200
    assert answer["SAMLAssertionInfo"] == {
        "SubjectType": "persistent",
        "Subject": "ann",
        "Recipient": RECIPIENT,
        "Issuer": ISSUER,
    }
    assert answer["AssumedRoleUser"]["Arn"] == f"{arn('role', 'people')}/ann@example.com"
    given = answer["Credentials"]
    session = RawClient(wire, Key(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"]))
    assert session.call("ListRoles").status == 200
    assert session.call("DeleteRole", RoleName="Other").answer["Code"] == "NoPermission"


def test_the_official_sdk_reads_the_answer(
    root: RawClient, simulator: RunningSimulator, idp: SamlIdentityProvider
) -> None:
    asked = {"SAMLProviderArn": IDP, "RoleArn": ROLE, "SAMLAssertion": idp.response(SAID)}
    answer = NewPython(simulator, Key(*ROOT)).call("AssumeRoleWithSAML", asked)
    assert answer["SAMLAssertionInfo"]["Subject"] == "ann"
    assert answer["Credentials"]["SecurityToken"]


def test_the_journal_keeps_no_assertion(assume: Assume, simulator: RunningSimulator) -> None:
    before = simulator.newest_call()
    assert assume()[0] == 200
    assert [call["params"]["SAMLAssertion"] for call in simulator.calls_since(before) if "SAML" in call["action"]] == [
        "***"
    ]


_INVALID, _EXPIRED = (f"AuthenticationFail.SAMLAssertion.{end}" for end in ("Invalid", "Expired"))
SAYING: Mapping[str, tuple[Said, str]] = {
    "another issuer": (replace(SAID, issuer="https://other.example.com"), _INVALID),
    "another recipient": (replace(SAID, recipient="https://other.example.com"), _INVALID),
    "another audience": (replace(SAID, audience="urn:other"), _INVALID),
    "not this role": (replace(SAID, roles=SAID.roles[1:]), _INVALID),
    "another provider": (replace(SAID, roles=(f"{ROLE},{IDP}2",)), _INVALID),
    "not yet": (replace(SAID, begins_in=10), _INVALID),
    "no more": (replace(SAID, ends_in=-1), _EXPIRED),
    "confirmed too long ago": (replace(SAID, confirmed_until=-1), _EXPIRED),
    "a session name that cannot be one": (replace(SAID, session="a b"), "InvalidParameter.RoleSessionName"),
}


@pytest.mark.parametrize("what", SAYING)
def test_an_assertion_that_says_something_wrong_is_refused(assume: Assume, what: str) -> None:
    said, code = SAYING[what]
    status, answer = assume(said)
    assert (status, answer["Code"]) == (400 if code.startswith("Invalid") else 401, code)


def with_another_name(response: Any) -> None:
    response.find(".//{*}NameID").text = "root"


def without_a_signature(response: Any) -> None:
    signature = response.find(".//{*}Signature")
    signature.getparent().remove(signature)


def with_a_second_assertion(response: Any) -> None:
    response.insert(0, etree.fromstring(etree.tostring(response[0]).replace(b">ann<", b">root<")))


def with_the_signed_one_inside_another(response: Any) -> None:
    outer = etree.fromstring(etree.tostring(response[0]).replace(b">ann<", b">root<").replace(b'"a1"', b'"a2"'))
    without_a_signature(outer)
    outer.append(response[0])
    response.append(outer)


@pytest.mark.parametrize(
    "change",
    [with_another_name, without_a_signature, with_a_second_assertion, with_the_signed_one_inside_another],
)
def test_what_was_changed_after_signing_is_refused(
    assume: Assume, idp: SamlIdentityProvider, change: Callable[[Any], None]
) -> None:
    response = idp.signed(SAID)
    change(response)
    status, answer = assume(SAMLAssertion=encoded(response))
    assert (status, answer["Code"]) == (401, _INVALID)


@pytest.mark.parametrize("text", ["%%%%", "PGE+", "PCFET0NUWVBFIGE+PGEvPg==", "QUFB"])
def test_what_is_no_response_is_refused(assume: Assume, text: str) -> None:
    status, answer = assume(SAMLAssertion=text)
    assert (status, answer["Code"]) == (401, _INVALID)


def test_a_signature_of_somebody_else_is_refused(assume: Assume) -> None:
    status, answer = assume(SAMLAssertion=SamlIdentityProvider().response(SAID))
    assert (status, answer["Code"]) == (401, _INVALID)


@pytest.mark.parametrize("metadata", ["", "for encryption"])
def test_metadata_without_a_certificate_for_signing_is_told(
    root: RawClient, assume: Assume, idp: SamlIdentityProvider, metadata: str
) -> None:
    text = idp.metadata(' use="encryption"') if metadata else ""
    root.call("DeleteSAMLProvider", SAMLProviderName="company")
    root.call("CreateSAMLProvider", SAMLProviderName="company", EncodedSAMLMetadataDocument=text)
    status, answer = assume()
    assert (status, answer["Code"]) == (401, "AuthenticationFail.IDPMetadata.Invalid")


def test_role_and_provider_must_be_there_and_trust_each_other(assume: Assume) -> None:
    for changed, expected in (
        ({"SAMLProviderArn": IDP + "2"}, (404, "EntityNotExist.SAMLProvider")),
        ({"RoleArn": ROLE + "2"}, (404, "EntityNotExist.RoleArn")),
        ({"RoleArn": arn("role", "Other")}, (401, "AuthenticationFail.NoPermission")),
        ({"SAMLAssertion": "abc"}, (400, "InvalidParameter.SAMLAssertion")),
        ({"DurationSeconds": "1"}, (400, "InvalidParameter.DurationSeconds")),
    ):
        status, answer = assume(**changed)
        assert (status, answer["Code"]) == expected


def test_without_the_extra_a_call_says_what_to_install(
    started: Callable[..., RunningSimulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, idp: SamlIdentityProvider
) -> None:
    (tmp_path / "signxml.py").write_text("raise ImportError('not installed')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    running = started()
    client = RawClient(Wire(running.endpoint), Key(running.ready["accessKeyId"], running.ready["accessKeySecret"]))
    client.call("CreateSAMLProvider", SAMLProviderName="company", EncodedSAMLMetadataDocument=idp.metadata())
    reply = client.call("AssumeRoleWithSAML", SAMLProviderArn=IDP, RoleArn=ROLE, SAMLAssertion=idp.response(SAID))
    assert (reply.status, reply.answer["Code"]) == (404, "InvalidApi.NotFound")
    assert "pip install 'ram-simulator[saml]'" in reply.answer["Message"]
    client.wire.close()
