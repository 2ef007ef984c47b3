"""A pod's own identity: tokens that a real API server gives its service accounts, changed for keys of RAM roles."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_credentials.provider import OIDCRoleArnCredentialsProvider
from aliyunsdkcore.acs_exception.exceptions import ServerException
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.cluster.apiserver import ApiServer
from tests.conftest import RunningControlPlane
from tests.contract.clients.raw import Key
from tests.contract.clients.sdks import NewPython
from tests.contract.clients.tls import certificate, forwarding
from tests.contract.conftest import OldSdk, RunningSimulator, start_simulator, stop_simulator

ACCOUNT = "1234567890123456"
AUDIENCE = "sts.aliyuncs.com"
PROVIDER = f"acs:ram::{ACCOUNT}:oidc-provider/cluster"
ROLE = f"acs:ram::{ACCOUNT}:role/App"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
SUBJECT = "system:serviceaccount:default:app"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The API server as an issuer of tokens; `folder` has its keys."""

    api: ApiServer
    folder: Path

    def token(self, account: str = "app", audience: str = AUDIENCE) -> str:
        """Ask for a token of a service account, as a kubelet does for a projected volume."""
        spec = {"audiences": [audience], "expirationSeconds": 600}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str(self.api.request("POST", f"{ACCOUNTS}/{account}/token", body)["status"]["token"])

    def earlier_token(self, seconds: int) -> str:
        """Return the token that the cluster would have given some time ago: its own claims, signed with its own key."""
        head, said, _ = self.token().split(".")
        claims = json.loads(base64.urlsafe_b64decode(said + "=="))
        claims |= {name: claims[name] - seconds for name in ("iat", "nbf", "exp")}
        signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
        key = load_pem_private_key((self.folder / "sa.key").read_bytes(), None)
        assert isinstance(key, RSAPrivateKey)
        return f"{signed}.{_encoded(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def cluster(controlplane: RunningControlPlane) -> Iterator[Cluster]:
    """The session's control plane with two service accounts."""
    api = ApiServer(controlplane.kubeconfig)
    for name in ("app", "other"):
        api.request("POST", ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    yield Cluster(api, controlplane.kubeconfig.parent)
    for name in ("app", "other"):
        api.request("DELETE", f"{ACCOUNTS}/{name}")
    api.close()


@pytest.fixture(scope="module")
def cloud(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    """A cloud that trusts the cluster as its API server describes itself, and a role for one service account."""
    folder = tmp_path_factory.mktemp("cloud")
    issuer = cluster.api.request("GET", "/.well-known/openid-configuration")["issuer"]
    (folder / "jwks.json").write_text(json.dumps(cluster.api.request("GET", "/openid/v1/jwks")))
    equal = {"oidc:iss": issuer, "oidc:aud": AUDIENCE, "oidc:sub": SUBJECT}
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Federated": [PROVIDER]},
        "Condition": {"StringEquals": equal},
    }
    trust = {"Version": "1", "Statement": [statement]}
    fixture = {
        "account": {"id": ACCOUNT},
        "oidcProviders": [{"name": "cluster", "issuer": issuer, "clientIds": [AUDIENCE], "jwksFile": "jwks.json"}],
        "roles": [{"name": "App", "trust": trust, "policies": [{"system": "AliyunRAMReadOnlyAccess"}]}],
    }
    (folder / "fixture.yaml").write_text(json.dumps(fixture))
    running = start_simulator("--fixture", str(folder / "fixture.yaml"))
    yield running
    assert stop_simulator(running) == 0


def assume(cloud: RunningSimulator, token: str) -> Mapping[str, Any]:
    """Change a token for a key with the old SDK, whose own key does not count here."""
    asked = {"OIDCProviderArn": PROVIDER, "RoleArn": ROLE, "RoleSessionName": "pod-1", "OIDCToken": token}
    return OldSdk(cloud, ("none", "none")).call("AssumeRoleWithOIDC", **asked)


def test_the_token_of_a_service_account_opens_what_its_role_may_do(cluster: Cluster, cloud: RunningSimulator) -> None:
    answer = assume(cloud, cluster.token())
    assert answer["OIDCTokenInfo"]["Subject"] == SUBJECT
    given = answer["Credentials"]
    session = NewPython(cloud, Key(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"]))
    assert session.call("GetCallerIdentity", {})["Arn"] == f"acs:ram::{ACCOUNT}:assumed-role/app/pod-1"
    assert [role["RoleName"] for role in session.call("ListRoles", {})["Roles"]["Role"]] == ["App"]


@pytest.fixture
def sts(cloud: RunningSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an STS that speaks TLS, trusted by this process."""
    path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    address = urlsplit(cloud.endpoint)
    with forwarding(path, (str(address.hostname), int(address.port or 0))) as port:
        yield f"localhost:{port}"


def pod(sts: str, token: str, folder: Path) -> OIDCRoleArnCredentialsProvider:
    """Return where a program in a pod has its keys from: the token is in a file."""
    (folder / "token").write_text(token)
    return OIDCRoleArnCredentialsProvider(
        role_arn=ROLE,
        oidc_provider_arn=PROVIDER,
        oidc_token_file_path=str(folder / "token"),
        role_session_name="pod-1",
        sts_endpoint=sts,
    )


def test_a_program_in_a_pod_finds_its_key_by_itself(
    cluster: Cluster, cloud: RunningSimulator, sts: str, tmp_path: Path
) -> None:
    found = pod(sts, cluster.token(), tmp_path).get_credentials()
    key = Key(found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token())
    assert NewPython(cloud, key).call("GetCallerIdentity", {})["Arn"].endswith(":assumed-role/app/pod-1")
    with pytest.raises(CredentialException, match="401"):
        pod(sts, cluster.token("other"), tmp_path).get_credentials()


def test_tokens_that_are_not_for_this_role_have_their_codes(cluster: Cluster, cloud: RunningSimulator) -> None:
    head, _, signature = cluster.token().split(".")
    tokens = {
        "NoPermission": cluster.token("other"),
        "OIDCToken.AudienceNotMatch": cluster.token(audience="https://kubernetes.default.svc"),
        "OIDCToken.Expired": cluster.earlier_token(seconds=700),
        "OIDCToken.InvalidSignature": f"{head}.{cluster.token('other').split('.')[1]}.{signature}",
        "OIDCToken.Invalid": signature,
    }
    said = {}
    for code, token in tokens.items():
        with pytest.raises(ServerException) as caught:
            assume(cloud, token)
        said[code] = (caught.value.get_http_status(), caught.value.get_error_code())
    assert said == {code: (401, f"AuthenticationFail.{code}") for code in tokens}
    assert assume(cloud, cluster.earlier_token(seconds=30))["Credentials"]
