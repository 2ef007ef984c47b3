"""alibabacloud-credentials gets its keys from the simulator: metadata with and without tokens, OIDC, a plain URI."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import oss2
import pytest
from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_credentials.provider import (
    EcsRamRoleCredentialsProvider,
    OIDCRoleArnCredentialsProvider,
    URLCredentialsProvider,
)
from alibabacloud_credentials.utils import auth_util
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.contract.clients.pages import ROLE, SYSTEM_POLICY, TRUST
from tests.contract.clients.raw import Key
from tests.contract.clients.sdks import NewPython
from tests.contract.clients.tls import certificate
from tests.contract.clients.walk import ROOT
from tests.contract.conftest import RunningSimulator, start_simulator, stop_simulator
from tests.contract.test_simulator_oidc import AUDIENCE, ISSUER, PROVIDER, SUBJECT, Issuer, trust
from tests.contract.test_simulator_oidc import ROLE as FEDERATED_ROLE


@pytest.fixture
def root(simulator: RunningSimulator) -> NewPython:
    """The account's own key, and a role that may read OSS."""
    client = NewPython(simulator, Key(*ROOT))
    client.call("CreateRole", {"RoleName": ROLE, "AssumeRolePolicyDocument": TRUST})
    client.call("AttachPolicyToRole", {"PolicyType": "System", "PolicyName": SYSTEM_POLICY, "RoleName": ROLE})
    return client


def run_instance(client: NewPython, tokens: str) -> str:
    asked = {
        "RegionId": "cn-hangzhou",
        "InstanceType": "t",
        "VSwitchId": "v",
        "RamRoleName": ROLE,
        "HttpTokens": tokens,
    }
    made: str = client.call("RunInstances", asked)["InstanceIdSets"]["InstanceIdSet"][0]
    return made


def inside(simulator: RunningSimulator, instance: str, *, only_tokens: bool) -> EcsRamRoleCredentialsProvider:
    """Return the provider of a program inside an instance; its addresses are fixed, so they are put in place here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth_util, "environment_ecs_metadata_disabled", "false")
        found = EcsRamRoleCredentialsProvider(disable_imds_v1=only_tokens, async_update_enabled=False)
    own = "_EcsRamRoleCredentialsProvider_"
    for name, value in {
        "_metadata_service_host": urlsplit(simulator.metadata).netloc,
        "_url_in_ecs_metadata": f"/instances/{instance}/latest/meta-data/ram/security-credentials/",
        "_url_in_ecs_metadata_token": f"/instances/{instance}/latest/api/token",
    }.items():
        assert hasattr(found, own + name), "another version of the library: look for its addresses"
        setattr(found, own + name, value)
    return found


def objects(simulator: RunningSimulator, found: Any) -> list[str]:
    """List the bucket with what a provider found."""
    auth = oss2.StsAuth(found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token())
    return [item.key for item in oss2.ObjectIterator(oss2.Bucket(auth, simulator.oss, "ramroletest"))]


@pytest.mark.parametrize(("tokens", "only_tokens"), [("optional", False), ("optional", True), ("required", True)])
def test_an_instance_reads_oss_with_the_key_of_its_role(
    simulator: RunningSimulator, root: NewPython, tokens: str, only_tokens: bool
) -> None:
    provider = inside(simulator, run_instance(root, tokens), only_tokens=only_tokens)
    assert objects(simulator, provider.get_credentials()) == ["ramroletest.txt", "test.sh"]


def test_an_instance_without_a_role_gets_no_key(simulator: RunningSimulator) -> None:
    with pytest.raises(CredentialException, match="404"):
        inside(simulator, simulator.instance_ids()[0], only_tokens=False).get_credentials()


def test_a_plain_uri_serves_the_same_key(simulator: RunningSimulator, root: NewPython) -> None:
    path = f"instances/{run_instance(root, 'optional')}/latest/meta-data/ram/security-credentials/{ROLE}"
    provider = URLCredentialsProvider(uri=f"{simulator.metadata}/{path}")
    assert objects(simulator, provider.get_credentials()) == ["ramroletest.txt", "test.sh"]


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer(rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def federated(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    """A simulator with TLS, without which the provider does not call, that takes the tokens of an issuer for a role."""
    folder = tmp_path_factory.mktemp("oidc")
    (folder / "jwks.json").write_text(json.dumps(issuer.jwks()))
    provider = {"name": "cluster", "issuer": ISSUER, "clientIds": [AUDIENCE], "jwksFile": "jwks.json"}
    role = {
        "name": "App",
        "trust": trust(aud=AUDIENCE, sub=SUBJECT),
        "policies": [{"system": "AliyunRAMReadOnlyAccess"}],
    }
    fixture = {"account": {"id": PROVIDER.split(":")[3]}, "oidcProviders": [provider], "roles": [role]}
    (folder / "fixture.yaml").write_text(json.dumps(fixture))
    path = certificate(folder)
    options = ("--fixture", str(folder / "fixture.yaml"), "--advertise", "localhost", "--tls-cert", str(path))
    running = start_simulator(*options)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            patch.setenv(name, str(path))
        yield running
    assert stop_simulator(running) == 0


def pod(federated: RunningSimulator, token: str, folder: Path) -> OIDCRoleArnCredentialsProvider:
    (folder / "token").write_text(token)
    return OIDCRoleArnCredentialsProvider(
        role_arn=FEDERATED_ROLE,
        oidc_provider_arn=PROVIDER,
        oidc_token_file_path=str(folder / "token"),
        role_session_name="pod-1",
        sts_endpoint=urlsplit(federated.endpoint).netloc,
    )


def test_a_pod_changes_its_token_for_a_key(federated: RunningSimulator, issuer: Issuer, tmp_path: Path) -> None:
    found = pod(federated, issuer.token(), tmp_path).get_credentials()
    key = Key(found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token())
    session = NewPython(federated, key)
    assert session.call("GetCallerIdentity", {})["Arn"].endswith(":assumed-role/app/pod-1")
    assert [role["RoleName"] for role in session.call("ListRoles", {})["Roles"]["Role"]] == ["App"]


def test_a_pod_of_another_service_account_gets_no_key(
    federated: RunningSimulator, issuer: Issuer, tmp_path: Path
) -> None:
    token = issuer.token(sub="system:serviceaccount:default:other")
    with pytest.raises(CredentialException, match=r"http_code: 40[013]"):
        pod(federated, token, tmp_path).get_credentials()
