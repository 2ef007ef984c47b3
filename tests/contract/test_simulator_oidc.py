"""AssumeRoleWithOIDC against the process: real RS256 tokens, each way in which one is refused, and what it opens."""

import base64
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from tests.contract.conftest import OldSdk, RunningSimulator, start_simulator, stop_simulator

from ram_simulator.cloud.identity_providers import IdentityProvider, TokenRefused, verify
from ram_simulator.testing.errors import InvalidFixture
from ram_simulator.testing.fixtures import read_fixture

ACCOUNT = "1234567890123456"
ISSUER = "https://kubernetes.default.svc"
PROVIDER = f"acs:ram::{ACCOUNT}:oidc-provider/cluster"
SUBJECT = "system:serviceaccount:default:app"
ROLE = f"acs:ram::{ACCOUNT}:role/App"
AUDIENCE = "sts.aliyuncs.com"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer of tokens, such as a cluster's API server."""

    key: rsa.RSAPrivateKey
    key_id: str = "key-1"

    def jwks(self) -> dict[str, Any]:
        numbers = self.key.public_key().public_numbers()
        modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.key_id, "n": encoded(modulus), "e": "AQAB"}
        return {"keys": [key]}

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(time.time())
        usual = {"iss": ISSUER, "sub": SUBJECT, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + 600}
        head = {"alg": "RS256", "kid": self.key_id} | (header or {})
        said = {name: value for name, value in (usual | claims).items() if value is not None}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, said))
        return f"{signed}.{encoded(self.key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer(rsa.generate_private_key(65537, 2048))


def trust(provider: str = "cluster", **conditions: str) -> dict[str, Any]:
    arn = f"acs:ram::{ACCOUNT}:oidc-provider/{provider}"
    statement: dict[str, Any] = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Federated": arn}}
    if conditions:
        statement["Condition"] = {"StringEquals": {f"oidc:{key}": value for key, value in conditions.items()}}
    return {"Version": "1", "Statement": [statement]}


@pytest.fixture(scope="module")
def federated(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    """A simulator whose account accepts the tokens of one issuer."""
    folder = tmp_path_factory.mktemp("oidc")
    (folder / "jwks.json").write_text(json.dumps(issuer.jwks()))
    fixture = {
        "account": {"id": ACCOUNT},
        "oidcProviders": [{"name": "cluster", "issuer": ISSUER, "clientIds": [AUDIENCE], "jwksFile": "jwks.json"}],
        "roles": [
            {
                "name": "App",
                "trust": trust(aud=AUDIENCE, iss=ISSUER, sub=SUBJECT),
                "policies": [{"system": "AliyunRAMReadOnlyAccess"}],
            },
            {"name": "Other", "trust": trust(sub="system:serviceaccount:default:other")},
            {"name": "Node"},
        ],
    }
    (folder / "fixture.yaml").write_text(json.dumps(fixture))
    running = start_simulator("--fixture", str(folder / "fixture.yaml"))
    yield running
    assert stop_simulator(running) == 0


@pytest.fixture
def assume(federated: RunningSimulator, issuer: Issuer) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Return a call by POST with a form, as `curl` sends it: no key, no signature."""

    def call(**changed: str) -> tuple[int, dict[str, Any]]:
        params = {
            "Action": "AssumeRoleWithOIDC",
            "Version": "2015-04-01",
            "Format": "JSON",
            "OIDCProviderArn": PROVIDER,
            "RoleArn": ROLE,
            "RoleSessionName": "pod-1",
            "OIDCToken": issuer.token(),
        } | changed
        form = urllib.parse.urlencode(params).encode()
        try:
            with urllib.request.urlopen(federated.endpoint, form, timeout=10) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return call


def test_a_token_of_the_cluster_gives_a_credential(assume: Callable[..., tuple[int, dict[str, Any]]]) -> None:
    status, answer = assume()
    assert status == 200
    assert answer["Credentials"]["AccessKeyId"].startswith("STS.")
    assert answer["AssumedRoleUser"]["Arn"] == f"acs:ram::{ACCOUNT}:role/app/pod-1"
    info = answer["OIDCTokenInfo"]
    assert (info["Issuer"], info["Subject"], info["ClientIds"]) == (ISSUER, SUBJECT, AUDIENCE)
    assert info["VerificationInfo"] == "Success"


def test_the_credential_works(federated: RunningSimulator, assume: Callable[..., tuple[int, dict[str, Any]]]) -> None:
    given = assume(DurationSeconds="900")[1]["Credentials"]
    credential = StsTokenCredential(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])
    pod = OldSdk(federated, ("unused", "unused"))
    port = pod._client.get_port()
    pod._client = AcsClient(region_id="cn-hangzhou", credential=credential, port=port)
    pod._client.add_endpoint("cn-hangzhou", "Ram", "127.0.0.1")
    assert pod.call("GetCallerIdentity")["Arn"] == f"acs:ram::{ACCOUNT}:assumed-role/app/pod-1"
    assert pod.call("GetRole", RoleName="App")["Role"]["RoleName"] == "App"
    assert pod.refusal("DeleteRole", RoleName="App") == (403, "NoPermission")


def test_parameters_may_come_in_the_query_of_a_get(federated: RunningSimulator, issuer: Issuer) -> None:
    query = urllib.parse.urlencode(
        {
            "Action": "AssumeRoleWithOIDC",
            "Version": "2015-04-01",
            "Format": "JSON",
            "OIDCProviderArn": PROVIDER,
            "RoleArn": ROLE,
            "RoleSessionName": "pod-1",
            "OIDCToken": issuer.token(aud=AUDIENCE),
            "Timestamp": "2026-01-01T00:00:00Z",
            "SignatureNonce": "1",
        }
    )
    with urllib.request.urlopen(f"{federated.endpoint}/?{query}", timeout=10) as reply:
        assert json.load(reply)["Credentials"]["SecurityToken"]


PAST = int(time.time()) - 10
FUTURE = int(time.time()) + 7200
REFUSED_CLAIMS: list[tuple[str, dict[str, Any], str]] = [
    ("expired", {"exp": PAST}, "OIDCToken.Expired"),
    ("another audience", {"aud": ["kubernetes"]}, "OIDCToken.AudienceNotMatch"),
    ("no audience", {"aud": None}, "OIDCToken.AudienceNotMatch"),
    ("another issuer", {"iss": "https://example.com"}, "OIDCToken.Invalid"),
    ("no issuer", {"iss": None}, "OIDCToken.Invalid"),
    ("no subject", {"sub": None}, "OIDCToken.Invalid"),
    ("a subject that is a number", {"sub": 1}, "OIDCToken.Invalid"),
    ("no end", {"exp": None}, "OIDCToken.Invalid"),
    ("an end beyond all time", {"exp": 10**18}, "OIDCToken.Invalid"),
    ("not valid yet", {"nbf": FUTURE, "exp": FUTURE + 600}, "OIDCToken.Invalid"),
    ("issued tomorrow", {"iat": FUTURE, "exp": FUTURE + 600}, "OIDCToken.Invalid"),
    ("another service account", {"sub": "system:serviceaccount:default:other"}, "NoPermission"),
]


@pytest.mark.parametrize(("why", "claims", "code"), REFUSED_CLAIMS, ids=[row[0] for row in REFUSED_CLAIMS])
def test_claims_that_are_not_right_are_refused(
    assume: Callable[..., tuple[int, dict[str, Any]]], issuer: Issuer, why: str, claims: dict[str, Any], code: str
) -> None:
    status, answer = assume(OIDCToken=issuer.token(**claims))
    assert (status, answer["Code"]) == (401, f"AuthenticationFail.{code}"), why


def test_a_token_that_somebody_else_signed_is_refused(
    assume: Callable[..., tuple[int, dict[str, Any]]], issuer: Issuer
) -> None:
    stranger = Issuer(rsa.generate_private_key(65537, 2048))
    status, answer = assume(OIDCToken=stranger.token())
    assert (status, answer["Code"]) == (401, "AuthenticationFail.OIDCToken.InvalidSignature")
    head, _, signature = issuer.token().split(".")
    claims = issuer.token(sub="system:serviceaccount:kube-system:admin").split(".")[1]
    status, answer = assume(OIDCToken=f"{head}.{claims}.{signature}")
    assert (status, answer["Code"]) == (401, "AuthenticationFail.OIDCToken.InvalidSignature")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", None, 1])
def test_an_algorithm_other_than_rs256_is_refused(
    assume: Callable[..., tuple[int, dict[str, Any]]], issuer: Issuer, algorithm: object
) -> None:
    status, answer = assume(OIDCToken=issuer.token(header={"alg": algorithm}))
    assert (status, answer["Code"]) == (401, "AuthenticationFail.OIDCToken.Invalid")


@pytest.mark.parametrize(
    "token", ["abcd", "a.b.c", "....", "eyJ9.eyJ9.x", "é.é.é", f"{encoded(b'[]')}.{encoded(b'1')}.x"]
)
def test_what_is_no_token_is_refused(assume: Callable[..., tuple[int, dict[str, Any]]], token: str) -> None:
    status, answer = assume(OIDCToken=token)
    assert (status, answer["Code"]) == (401, "AuthenticationFail.OIDCToken.Invalid")


WRONG_PARAMETERS: list[tuple[dict[str, str], int, str]] = [
    ({"OIDCToken": "abc"}, 400, "InvalidParameter.OIDCToken"),
    ({"OIDCToken": "a" * 20001}, 400, "InvalidParameter.OIDCToken"),
    ({"OIDCProviderArn": f"acs:ram::{ACCOUNT}:oidc-provider/nobody"}, 401, "AuthenticationFail.NoPermission"),
    ({"RoleArn": "App"}, 400, "InvalidParameter.RoleArn"),
    ({"RoleArn": f"acs:ram::{ACCOUNT}:role/Nobody"}, 404, "EntityNotExist.Role"),
    ({"RoleArn": f"acs:ram::{ACCOUNT}:role/Node"}, 401, "AuthenticationFail.NoPermission"),
    ({"RoleArn": f"acs:ram::{ACCOUNT}:role/Other"}, 401, "AuthenticationFail.NoPermission"),
    ({"RoleSessionName": "a"}, 400, "InvalidParameter.RoleSessionName"),
    ({"DurationSeconds": "899"}, 400, "InvalidParameter.DurationSeconds"),
    ({"DurationSeconds": "3601"}, 400, "InvalidParameter.DurationSeconds"),
    ({"Policy": "{}"}, 400, "InvalidParameter.PolicyGrammar"),
    ({"Policy": " " * 2049}, 400, "InvalidParameter.PolicySize"),
]


@pytest.mark.parametrize(("changed", "status", "code"), WRONG_PARAMETERS)
def test_wrong_parameters_have_their_codes(
    assume: Callable[..., tuple[int, dict[str, Any]]], changed: dict[str, str], status: int, code: str
) -> None:
    told, answer = assume(**changed)
    assert (told, answer["Code"]) == (status, code)


def test_what_is_wrong_with_a_token_may_have_another_status(
    federated: RunningSimulator, assume: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    federated.switch(oidc_error_status="400")
    status, answer = assume(OIDCToken="a.b.c")
    assert (status, answer["Code"]) == (400, "AuthenticationFail.OIDCToken.Invalid")
    federated.reset()
    assert assume(OIDCToken="a.b.c")[0] == 401


def test_a_refusal_by_the_trust_policy_says_so_in_its_detail(
    assume: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    _, answer = assume(RoleArn=f"acs:ram::{ACCOUNT}:role/Other")
    detail = answer["AccessDeniedDetail"]
    assert (detail["PolicyType"], detail["AuthPrincipalType"]) == ("AssumeRolePolicy", "Federated")


def test_neither_answers_nor_the_journal_tell_the_token(
    federated: RunningSimulator, assume: Callable[..., tuple[int, dict[str, Any]]], issuer: Issuer
) -> None:
    token = issuer.token()
    _, answer = assume(OIDCToken=token, RoleArn=f"acs:ram::{ACCOUNT}:role/Other")
    signature = token.rpartition(".")[2]
    assert signature not in json.dumps(answer)
    assert signature not in json.dumps(federated.control_call("GET", "/journal"))


def test_a_role_may_only_trust_a_provider_that_exists(federated: RunningSimulator) -> None:
    root = OldSdk(federated, (federated.accessKeyId, federated.accessKeySecret))
    document = json.dumps(trust()).replace("oidc-provider/cluster", "oidc-provider/nobody")
    assert root.refusal("CreateRole", RoleName="Mine", AssumeRolePolicyDocument=document) == (
        400,
        "MalformedPolicyDocument",
    )
    assert root.call("CreateRole", RoleName="Mine", AssumeRolePolicyDocument=json.dumps(trust()))
    root.call("DeleteRole", RoleName="Mine")


def test_a_rotated_key_counts_at_once(issuer: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(issuer.jwks()))
    provider = IdentityProvider("cluster", ISSUER, (AUDIENCE,), path)
    assert verify(issuer.token(), provider, time.time()).subject == SUBJECT
    newer = Issuer(rsa.generate_private_key(65537, 2048), "key-2")
    path.write_text(json.dumps(newer.jwks()))
    assert verify(newer.token(), provider, time.time()).subject == SUBJECT
    with pytest.raises(TokenRefused, match="invalid signature"):
        verify(issuer.token(), provider, time.time())


WRONG_KEY_SETS = ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kty": "EC"}]}', '{"keys": [{"kty": "RSA", "n": "?"}]}']


@pytest.mark.parametrize("text", WRONG_KEY_SETS)
def test_a_key_set_that_is_none_is_said_at_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "jwks.json").write_text(text)
    provider = {"name": "cluster", "issuer": ISSUER, "jwksFile": "jwks.json"}
    (tmp_path / "fixture.yaml").write_text(json.dumps({"oidcProviders": [provider]}))
    with pytest.raises(InvalidFixture, match=r"oidcProviders\[0\].jwksFile"):
        read_fixture(tmp_path / "fixture.yaml")
