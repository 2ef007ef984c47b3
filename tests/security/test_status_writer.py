"""Somebody whom RBAC lets write the status of our kinds, and who is not the operator."""

import pytest
from tests.cluster.actors import Actor
from tests.cluster.apiserver import ApiServer
from tests.cluster.objects import binding, policy, role
from tests.conftest import RunningControlPlane
from tests.security.conftest import Grant, Store, rule

PLURALS = ("rampolicies", "ramroles", "instancerolebindings")
FORGED = {
    "RamPolicy": (policy("forged"), {"policyName": "theirs", "origin": "Created"}),
    "RamRole": (role("forged"), {"roleName": "theirs", "arn": "acs:ram::1:role/theirs"}),
    "InstanceRoleBinding": (
        binding("forged", "mine", "pool"),
        {
            "instances": [
                {"instance": "cn-hangzhou.i-1", "state": "Attached", "origin": "Attached", "roleName": "theirs"}
            ]
        },
    ),
}


@pytest.fixture(scope="module")
def writer(installed: RunningControlPlane, grant: Grant) -> Actor:
    """Somebody who may write every status."""
    actor = Actor(installed.kubeconfig, "writer")
    rules = [rule(f"{plural}/status", "patch", "update") for plural in PLURALS]
    grant(actor, *rules, *(rule(plural, "get") for plural in PLURALS))
    return actor


@pytest.mark.parametrize("kind", FORGED)
@pytest.mark.parametrize("who", ["writer", "administrator"])
def test_a_status_is_written_by_the_operator_alone(
    kind: str, who: str, writer: Actor, store: Store, installed: RunningControlPlane
) -> None:
    body, status = FORGED[kind]
    actor = writer if who == "writer" else Actor(installed.kubeconfig, "root", "system:masters")
    refused = actor.patch(store(body), {"status": status}, "status")
    assert "status: only the operator writes it (system:serviceaccount:ram-operator:ram-operator)" in refused


@pytest.mark.parametrize("kind", FORGED)
def test_a_status_sent_with_an_object_is_dropped(kind: str, store: Store, root: ApiServer) -> None:
    body, status = FORGED[kind]
    stored = root.get(store({**body, "status": status}))
    assert stored is not None
    assert "status" not in stored
