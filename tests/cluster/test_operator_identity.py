"""The operator without an AccessKey: STS changes its ServiceAccount's token for credentials of a role (RRSA)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cluster.objects import document, policy, role
from tests.cluster.world import World
from tests.contract.clients.tls import certificate
from tests.contract.conftest import RunningSimulator, start_simulator, stop_simulator
from tests.polling import until

CHECKOUT = Path(__file__).parents[2]
ACCOUNT = "1234567890123456"
AUDIENCE = "sts.aliyuncs.com"
PROVIDER = f"acs:ram::{ACCOUNT}:oidc-provider/cluster"
ROLE = f"acs:ram::{ACCOUNT}:role/Operator"


@dataclass(frozen=True, slots=True)
class Federation:
    """A cloud by TLS that trusts the cluster's tokens for one role.

    Attributes:
        cloud: knows no key but the sessions' of that role.
        bundle: the certificate of its authority.
        token: a real token of the operator's ServiceAccount.
    """

    cloud: RunningSimulator
    bundle: Path
    token: Path

    def environment(self, **changed: str) -> dict[str, str]:
        """What the operator is told."""
        endpoint = self.cloud.endpoint
        return {
            "RAM_OPERATOR_CREDENTIALS_SOURCE": "oidc",
            "RAM_OPERATOR_ROLE_ARN": ROLE,
            "RAM_OPERATOR_OIDC_PROVIDER_ARN": PROVIDER,
            "RAM_OPERATOR_OIDC_TOKEN_FILE": str(self.token),
            "RAM_OPERATOR_CA_BUNDLE": str(self.bundle),
            **{f"RAM_OPERATOR_ENDPOINT_{product}": endpoint for product in ("RAM", "ECS", "STS")},
            **changed,
        }


@pytest.fixture
def federation(world: World, tmp_path: Path) -> Iterator[Federation]:
    namespace = world.sandbox.installation.namespace
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/ram-operator/token"
    spec = {"audiences": [AUDIENCE], "expirationSeconds": 600}
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    token = tmp_path / "token"
    token.write_text(str(world.api.request("POST", path, asked)["status"]["token"]))
    issuer = world.api.request("GET", "/.well-known/openid-configuration")["issuer"]
    (tmp_path / "jwks.json").write_text(json.dumps(world.api.request("GET", "/openid/v1/jwks")))
    text = (CHECKOUT / "deploy/ram-policies/rrsa-trust.json").read_text()
    trust = text.replace("acs:ram::UID:oidc-provider/PROVIDER", PROVIDER).replace("ISSUER", issuer)
    access = {"name": "operator", "document": document("ram:*", "ecs:*")}
    fixture = {
        "account": {"id": ACCOUNT},
        "oidcProviders": [{"name": "cluster", "issuer": issuer, "clientIds": [AUDIENCE], "jwksFile": "jwks.json"}],
        "policies": [access],
        "roles": [
            {
                "name": "Operator",
                "trust": json.loads(trust),
                "policies": [{"custom": "operator"}],
            }
        ],
    }
    (tmp_path / "fixture.yaml").write_text(json.dumps(fixture))
    bundle = certificate(tmp_path)
    options = ("--fixture", str(tmp_path / "fixture.yaml"), "--advertise", "localhost", "--tls-cert", str(bundle))
    running = start_simulator(*options)
    yield Federation(running, bundle, token)
    assert stop_simulator(running) == 0


def test_the_token_of_its_service_account_is_all_that_the_operator_needs(world: World, federation: Federation) -> None:
    with world.environment(**federation.environment()):
        world.api.create(policy("lent"), role("lent", "lent"))
        world.ready("RamPolicy/lent", "RamRole/lent")
        log = world.operator.child.log.read_text()
        world.delete("RamRole/lent", "RamPolicy/lent")
    callers = {(call["action"], call["principal"]) for call in federation.cloud.calls_since(0)}
    session = f"acs:ram::{ACCOUNT}:assumed-role/operator/ram-operator"
    assert {caller for action, caller in callers if action != "AssumeRoleWithOIDC"} == {session}
    assert federation.token.read_text() not in log


def test_a_token_that_is_refused_is_told_and_nothing_else_is_tried(world: World, federation: Federation) -> None:
    federation.token.write_text("e30.e30.e30")
    with world.environment_without_waiting(**federation.environment()):
        log = world.operator.child.log
        until(lambda: "AuthenticationFail" in log.read_text())
    actions = {call["action"] for call in federation.cloud.calls_since(0)}
    assert actions == {"AssumeRoleWithOIDC"}
