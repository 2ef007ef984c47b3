"""OIDC providers by IMS's calls, as the old and the new SDK send them; and tokens of a provider that was made so."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.models import Config as CredentialConfig
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from cryptography.hazmat.primitives.asymmetric import rsa
from darabonba.runtime import RuntimeOptions
from tests.contract.conftest import OldSdk, RunningSimulator, start_simulator, stop_simulator
from tests.contract.test_simulator_oidc import ACCOUNT, AUDIENCE, ISSUER, PROVIDER, SUBJECT, Issuer, trust

Ims = Callable[..., dict[str, Any]]
WANTED = {"OIDCProviderName": "cluster", "IssuerUrl": ISSUER, "ClientIds": AUDIENCE}
NAMED = {"OIDCProviderName": "cluster"}


class Refused(Exception):
    """An error answer, whichever SDK saw it."""


def old_sdk(running: RunningSimulator, key: tuple[str, str]) -> Ims:
    """Return IMS's calls by the old SDK: signature V1."""
    address = urlsplit(running.endpoint)
    client = AcsClient(*key, "cn-hangzhou", port=address.port, timeout=10)

    def call(action: str, **parameters: Any) -> dict[str, Any]:
        request = CommonRequest(domain=address.hostname, version="2019-08-15", action_name=action, product="Ims")
        request.set_method("POST")
        request.set_protocol_type("http")
        for name, value in parameters.items():
            request.add_query_param(name, value)
        try:
            answer: dict[str, Any] = json.loads(client.do_action_with_exception(request))
        except ServerException as error:
            raise Refused(error.get_http_status(), error.get_error_code()) from error
        finally:
            client.session.close()
        return answer

    return call


def new_sdk(running: RunningSimulator, key: tuple[str, str]) -> Ims:
    """Return IMS's calls by the new SDK's core, as its package for IMS makes them: signature V3."""
    credential = CredentialConfig(type="access_key", access_key_id=key[0], access_key_secret=key[1])
    endpoint = urlsplit(running.endpoint).netloc
    client = Client(Config(credential=CredentialClient(credential), endpoint=endpoint, protocol="http"))

    def call(action: str, **parameters: Any) -> dict[str, Any]:
        params = Params(action, "2019-08-15", "HTTP", "/", "POST", "AK", "json", "formData", "RPC")
        query = {name: str(value) for name, value in parameters.items()}
        try:
            answer: dict[str, Any] = client.call_api(params, OpenApiRequest(query=query), RuntimeOptions())["body"]
        except AlibabaCloudException as error:
            raise Refused(error.status_code, error.code) from error
        return answer

    return call


@pytest.fixture(params=[old_sdk, new_sdk])
def ims(request: pytest.FixtureRequest, simulator: RunningSimulator) -> Ims:
    """IMS's calls with the account's own key."""
    made: Ims = request.param(simulator, (simulator.accessKeyId, simulator.accessKeySecret))
    return made


def refusal(ims: Ims, action: str, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        ims(action, **parameters)
    return caught.value.args[0], caught.value.args[1]


def named(simulator: RunningSimulator) -> list[str]:
    return [provider["name"] for provider in simulator.state()["oidcProviders"]]


def test_a_provider_lives_from_its_creation_to_its_deletion(simulator: RunningSimulator, ims: Ims) -> None:
    print_one, print_two = "902ef2deeb3c5b13ea4c3d5193629309e231ae55", "AB" * 20
    made = ims("CreateOIDCProvider", **WANTED, Description="first", Fingerprints=f"{print_one},{print_two}")
    shown = made["OIDCProvider"]
    assert (shown["Arn"], shown["IssuerUrl"], shown["ClientIds"]) == (PROVIDER, ISSUER, AUDIENCE)
    assert shown["Fingerprints"].split(",") == [print_one, print_two]
    assert (shown["Description"], shown["IssuanceLimitTime"]) == ("first", 12)
    assert int(shown["GmtCreate"]) == int(shown["GmtModified"]) > 10**12
    assert ims("GetOIDCProvider", **NAMED)["OIDCProvider"] == shown
    listed = ims("ListOIDCProviders")
    assert (listed["OIDCProviders"]["OIDCProvider"], listed["IsTruncated"]) == ([shown], False)
    assert named(simulator) == ["cluster"]
    assert set(ims("DeleteOIDCProvider", **NAMED)) == {"RequestId"}
    assert named(simulator) == []
    assert refusal(ims, "GetOIDCProvider", **NAMED) == (404, "EntityNotExist.OIDCProvider")


def test_an_update_replaces_what_it_names(simulator: RunningSimulator, ims: Ims) -> None:
    ims("CreateOIDCProvider", **WANTED, Description="first", IssuanceLimitTime=1)
    simulator.control_call("POST", "/clock", {"advanceSeconds": 100})
    shown = ims("UpdateOIDCProvider", **NAMED, ClientIds="b,c:d/e")["OIDCProvider"]
    assert (shown["ClientIds"], shown["Description"], shown["IssuanceLimitTime"]) == ("b,c:d/e", "first", 1)
    assert shown["UpdateDate"] > shown["CreateDate"]
    shown = ims("UpdateOIDCProvider", **NAMED, NewDescription="second", IssuanceLimitTime=168)["OIDCProvider"]
    assert (shown["ClientIds"], shown["Description"], shown["IssuanceLimitTime"]) == ("b,c:d/e", "second", 168)


@pytest.mark.parametrize(("kind", "field", "most"), [("ClientId", "ClientIds", 50), ("Fingerprint", "Fingerprints", 5)])
def test_client_ids_and_fingerprints_come_and_go_one_by_one(ims: Ims, kind: str, field: str, most: int) -> None:
    ims("CreateOIDCProvider", OIDCProviderName="cluster", IssuerUrl=ISSUER, **{field: "a"})
    added = ims(f"Add{kind}ToOIDCProvider", **NAMED, **{kind: "b"})["OIDCProvider"]
    assert added[field] == "a,b"
    again = (409, f"EntityAlreadyExists.OIDCProvider.{kind}")
    assert refusal(ims, f"Add{kind}ToOIDCProvider", **NAMED, **{kind: "b"}) == again
    removed = ims(f"Remove{kind}FromOIDCProvider", **NAMED, **{kind: "a"})["OIDCProvider"]
    assert removed[field] == "b"
    missing = (404, f"EntityNotExist.OIDCProvider.{kind}")
    assert refusal(ims, f"Remove{kind}FromOIDCProvider", **NAMED, **{kind: "a"}) == missing
    assert refusal(ims, f"Add{kind}ToOIDCProvider", **NAMED, **{kind: "c,d"}) == (400, f"InvalidParameter.{kind}")
    for number in range(most - 1):
        ims(f"Add{kind}ToOIDCProvider", **NAMED, **{kind: f"x{number}"})
    full = (409, f"LimitExceeded.OIDCProvider.{kind}")
    assert refusal(ims, f"Add{kind}ToOIDCProvider", **NAMED, **{kind: "y"}) == full


def test_lists_have_pages(simulator: RunningSimulator) -> None:
    ims = new_sdk(simulator, (simulator.accessKeyId, simulator.accessKeySecret))
    for number in range(100):
        ims("CreateOIDCProvider", OIDCProviderName=f"p{number}", IssuerUrl=f"https://example.com/{number}")
    more = {"OIDCProviderName": "more", "IssuerUrl": "https://example.com/more"}
    assert refusal(ims, "CreateOIDCProvider", **more) == (409, "LimitExceeded.OIDCProvider")
    found: list[str] = []
    marker: dict[str, str] = {}
    while True:
        page = ims("ListOIDCProviders", MaxItems=30, **marker)
        found += [row["OIDCProviderName"] for row in page["OIDCProviders"]["OIDCProvider"]]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    assert found == [f"p{number}" for number in range(100)]


WRONG: list[tuple[str, dict[str, Any], int, str]] = [
    ("CreateOIDCProvider", {}, 400, "MissingParameter.OIDCProviderName"),
    ("CreateOIDCProvider", NAMED, 400, "MissingParameter.IssuerUrl"),
    ("CreateOIDCProvider", WANTED | {"OIDCProviderName": "-a"}, 400, "InvalidParameter.OIDCProviderName.InvalidChars"),
    ("CreateOIDCProvider", WANTED | {"OIDCProviderName": "a_"}, 400, "InvalidParameter.OIDCProviderName.InvalidChars"),
    ("CreateOIDCProvider", WANTED | {"OIDCProviderName": "a" * 129}, 400, "InvalidParameter.OIDCProviderName.Length"),
    ("CreateOIDCProvider", WANTED | {"IssuerUrl": "http://example.com"}, 400, "InvalidParameter.IssuerUrl"),
    ("CreateOIDCProvider", WANTED | {"IssuerUrl": "https://"}, 400, "InvalidParameter.IssuerUrl"),
    ("CreateOIDCProvider", WANTED | {"IssuerUrl": "https://[example"}, 400, "InvalidParameter.IssuerUrl"),
    ("CreateOIDCProvider", WANTED | {"IssuerUrl": "https://example.com/?a=b"}, 400, "InvalidParameter.IssuerUrl"),
    ("CreateOIDCProvider", WANTED | {"IssuerUrl": "https://example.com/#a"}, 400, "InvalidParameter.IssuerUrl"),
    ("CreateOIDCProvider", WANTED | {"IssuerUrl": "https://a@example.com"}, 400, "InvalidParameter.IssuerUrl"),
    ("CreateOIDCProvider", WANTED | {"IssuerUrl": f"{ISSUER}/{'a' * 255}"}, 400, "InvalidParameter.IssuerUrl.Length"),
    ("CreateOIDCProvider", WANTED | {"ClientIds": "a,,b"}, 400, "InvalidParameter.ClientIds"),
    ("CreateOIDCProvider", WANTED | {"ClientIds": ":a"}, 400, "InvalidParameter.ClientIds"),
    ("CreateOIDCProvider", WANTED | {"ClientIds": "a" * 129}, 400, "InvalidParameter.ClientIds"),
    (
        "CreateOIDCProvider",
        WANTED | {"ClientIds": ",".join(f"a{number}" for number in range(51))},
        409,
        "LimitExceeded.OIDCProvider.ClientId",
    ),
    ("CreateOIDCProvider", WANTED | {"Fingerprints": "a:b"}, 400, "InvalidParameter.Fingerprints"),
    (
        "CreateOIDCProvider",
        WANTED | {"Fingerprints": "a,b,c,d,e,f"},
        409,
        "LimitExceeded.OIDCProvider.Fingerprint",
    ),
    ("CreateOIDCProvider", WANTED | {"Description": "a" * 257}, 400, "InvalidParameter.Description.Length"),
    ("CreateOIDCProvider", WANTED | {"IssuanceLimitTime": 0}, 400, "InvalidParameter.IssuanceLimitTime"),
    ("CreateOIDCProvider", WANTED | {"IssuanceLimitTime": 169}, 400, "InvalidParameter.IssuanceLimitTime"),
    ("CreateOIDCProvider", WANTED | {"OIDCProviderName": "TAKEN"}, 409, "EntityAlreadyExists.OIDCProvider"),
    ("CreateOIDCProvider", WANTED | {"IssuerUrl": "https://taken"}, 409, "EntityAlreadyExists.OIDCProvider.Url"),
    ("ListOIDCProviders", {"MaxItems": 101}, 400, "InvalidParameter.MaxItems"),
    ("GetOIDCProvider", {}, 400, "MissingParameter.OIDCProviderName"),
    *(
        (action, NAMED | more, 404, "EntityNotExist.OIDCProvider")
        for action, more in {
            "GetOIDCProvider": {},
            "UpdateOIDCProvider": {},
            "DeleteOIDCProvider": {},
            "AddClientIdToOIDCProvider": {"ClientId": "a"},
            "RemoveClientIdFromOIDCProvider": {"ClientId": "a"},
            "AddFingerprintToOIDCProvider": {"Fingerprint": "a"},
            "RemoveFingerprintFromOIDCProvider": {"Fingerprint": "a"},
        }.items()
    ),
]


def test_what_is_wrong_has_a_code_and_changes_nothing(simulator: RunningSimulator) -> None:
    ims = old_sdk(simulator, (simulator.accessKeyId, simulator.accessKeySecret))
    ims("CreateOIDCProvider", OIDCProviderName="taken", IssuerUrl="https://taken")
    before = simulator.state()
    said = [(action, given, *refusal(ims, action, **given)) for action, given, _, _ in WRONG]
    assert said == WRONG
    assert simulator.state() == before


def test_policies_call_these_actions_rams_and_know_the_issuer(simulator: RunningSimulator, root: OldSdk) -> None:
    dev = new_sdk(simulator, ("simulator-dev", "simulator-dev-secret"))
    assert refusal(dev, "CreateOIDCProvider", **WANTED) == (403, "NoPermission")
    statement = {
        "Effect": "Allow",
        "Action": "ram:*OIDCProvider",
        "Resource": "acs:ram:*:*:oidc-provider/*",
        "Condition": {"StringEquals": {"ram:OidcIssuerUrl": ISSUER}},
    }
    document = json.dumps({"Version": "1", "Statement": [statement]})
    root.call("CreatePolicy", PolicyName="oidc", PolicyDocument=document)
    root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="oidc", UserName="dev")
    elsewhere = {"OIDCProviderName": "other", "IssuerUrl": "https://example.com"}
    assert refusal(dev, "CreateOIDCProvider", **elsewhere) == (403, "NoPermission")
    dev("CreateOIDCProvider", **WANTED)
    account = old_sdk(simulator, (simulator.accessKeyId, simulator.accessKeySecret))
    account("CreateOIDCProvider", **elsewhere)
    assert refusal(dev, "DeleteOIDCProvider", OIDCProviderName="other") == (403, "NoPermission")
    dev("AddClientIdToOIDCProvider", **NAMED, ClientId="b")
    dev("DeleteOIDCProvider", **NAMED)
    assert named(simulator) == ["other"]


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer(rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def known_issuer(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    """A simulator that knows the keys of an issuer, whose tokens its account does not accept yet."""
    folder = tmp_path_factory.mktemp("issuer")
    (folder / "jwks.json").write_text(json.dumps(issuer.jwks()))
    fixture = {"account": {"id": ACCOUNT}, "oidcIssuers": [{"issuer": ISSUER, "jwksFile": "jwks.json"}]}
    (folder / "fixture.yaml").write_text(json.dumps(fixture))
    running = start_simulator("--fixture", str(folder / "fixture.yaml"))
    yield running
    assert stop_simulator(running) == 0


def assume(running: RunningSimulator, token: str) -> Mapping[str, Any]:
    asked = {
        "OIDCProviderArn": PROVIDER,
        "RoleArn": f"acs:ram::{ACCOUNT}:role/App",
        "RoleSessionName": "pod-1",
        "OIDCToken": token,
    }
    key = (running.accessKeyId, running.accessKeySecret)
    return OldSdk(running, key).call("AssumeRoleWithOIDC", **asked)


def code(running: RunningSimulator, token: str) -> str:
    with pytest.raises(ServerException) as caught:
        assume(running, token)
    return str(caught.value.get_error_code()).removeprefix("AuthenticationFail.")


def test_tokens_are_taken_while_there_is_a_provider_for_them(known_issuer: RunningSimulator, issuer: Issuer) -> None:
    known_issuer.reset()
    root = OldSdk(known_issuer, (known_issuer.accessKeyId, known_issuer.accessKeySecret))
    ims = old_sdk(known_issuer, (known_issuer.accessKeyId, known_issuer.accessKeySecret))
    role = {"RoleName": "App", "AssumeRolePolicyDocument": json.dumps(trust(sub=SUBJECT))}
    assert root.refusal("CreateRole", **role) == (400, "MalformedPolicyDocument")
    assert code(known_issuer, issuer.token()) == "NoPermission"
    ims("CreateOIDCProvider", **WANTED | {"ClientIds": "other"})
    root.call("CreateRole", **role)
    assert code(known_issuer, issuer.token()) == "OIDCToken.AudienceNotMatch"
    ims("AddClientIdToOIDCProvider", **NAMED, ClientId=AUDIENCE)
    assert assume(known_issuer, issuer.token())["OIDCTokenInfo"]["Subject"] == SUBJECT
    old = issuer.token(iat=int(time.time()) - 2 * 3600)
    assert assume(known_issuer, old)["Credentials"]
    ims("UpdateOIDCProvider", **NAMED, IssuanceLimitTime=1)
    assert code(known_issuer, old) == "OIDCToken.Invalid"
    ims("RemoveClientIdFromOIDCProvider", **NAMED, ClientId=AUDIENCE)
    assert code(known_issuer, issuer.token()) == "OIDCToken.AudienceNotMatch"
    ims("DeleteOIDCProvider", **NAMED)
    assert code(known_issuer, issuer.token()) == "NoPermission"
    ims("CreateOIDCProvider", **WANTED)
    assert assume(known_issuer, issuer.token())["Credentials"]


def test_the_keys_of_an_unknown_issuer_are_out_of_reach(known_issuer: RunningSimulator, issuer: Issuer) -> None:
    known_issuer.reset()
    ims = old_sdk(known_issuer, (known_issuer.accessKeyId, known_issuer.accessKeySecret))
    ims("CreateOIDCProvider", **WANTED | {"IssuerUrl": "https://example.com"})
    assert code(known_issuer, issuer.token(iss="https://example.com")) == "OIDCToken.HttpsUrlInvalid"


def test_a_provider_and_the_keys_of_issuers_outlive_the_process(issuer: Issuer, tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps(issuer.jwks()))
    fixture = {
        "account": {"id": ACCOUNT, "accessKeyId": "root", "accessKeySecret": "secret"},
        "oidcIssuers": [{"issuer": ISSUER, "jwksFile": "jwks.json"}],
    }
    (tmp_path / "fixture.yaml").write_text(json.dumps(fixture))
    options = ("--fixture", str(tmp_path / "fixture.yaml"), "--state", str(tmp_path / "state"))
    first = start_simulator(*options)
    made = old_sdk(first, ("root", "secret"))("CreateOIDCProvider", **WANTED, Description="kept")
    role = {"RoleName": "App", "AssumeRolePolicyDocument": json.dumps(trust(sub=SUBJECT))}
    OldSdk(first, ("root", "secret")).call("CreateRole", **role)
    assert stop_simulator(first) == 0
    second = start_simulator(*options)
    try:
        ims = old_sdk(second, ("root", "secret"))
        assert ims("GetOIDCProvider", **NAMED)["OIDCProvider"] == made["OIDCProvider"]
        assert assume(second, issuer.token())["Credentials"]
        ims("DeleteOIDCProvider", **NAMED)
        ims("CreateOIDCProvider", **WANTED)
        assert assume(second, issuer.token())["Credentials"]
    finally:
        assert stop_simulator(second) == 0
