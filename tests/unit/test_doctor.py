"""What `doctor` finds out of nodes and of the operator, and by whose settings the commands judge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.builders import NOW, cluster, instance, node, ready, role_body
from tests.unit.scene import Instances

from ram_operator.cloud import CallerIdentity, Cloud, RamApi, StsApi
from ram_operator.cluster.kube import Kube
from ram_operator.commands.deployment import DEPLOYMENTS, Deployed, deployed, operator_account
from ram_operator.commands.doctor import Examination
from ram_operator.commands.looks import LEASES, of_nodes, of_the_operator
from ram_operator.commands.remarks import Level
from ram_operator.errors import RegionNotFound, StartupError, Unavailable
from ram_operator.kinds.names import RAM_ROLE
from ram_operator.kinds.ram_role.swaps import PolicyLimits
from ram_operator.rules.nodes import node_facts

LEASE = ("ram-operator", "ram-operator")
ITS_LEASE = f"{LEASES}/namespaces/ram-operator/leases/ram-operator"


class Library:
    """Stands for the client library; answers by path, with 403 to what it has no answer for and 404 to an empty one."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    async def param_serialize(self, method: str, url: str, **_: Any) -> tuple[Any, ...]:
        return method, url, {}, None, None

    async def call_api(self, method: str, url: str, *_: Any, **__: Any) -> Any:
        answer = self._answers.get(url.partition("?")[0], {"message": "not allowed"})
        status = 403 if "message" in answer else 200 if answer else 404

        async def read() -> bytes:
            return json.dumps(answer).encode()

        return SimpleNamespace(status=status, read=read)


def kube(**lists: list[Any]) -> Kube:
    """A cluster that lists these items by `leases` and `deployments`."""
    paths = {"leases": f"{LEASES}/leases", "deployments": DEPLOYMENTS}
    return Kube(cast("Any", Library({paths[name]: {"items": items} for name, items in lists.items()})), ())


def kube_with(its_lease: dict[str, Any]) -> Kube:
    """A cluster whose operator's Lease is this."""
    return Kube(cast("Any", Library({ITS_LEASE: its_lease})), ())


def lease(holder: str = "pod-1", seconds_ago: float = 1, namespace: str = "ram-operator") -> dict[str, Any]:
    renewed = (NOW - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    metadata = {"name": "ram-operator", "namespace": namespace}
    return {"metadata": metadata, "spec": {"holderIdentity": holder, "renewTime": renewed}}


@pytest.mark.parametrize(
    ("stored", "level", "words"),
    [
        (lease(), Level.OK, "the operator pod-1 runs"),
        (
            lease(seconds_ago=600),
            Level.ERROR,
            "no operator runs: the Lease ram-operator/ram-operator was renewed last",
        ),
        (lease(holder=""), Level.ERROR, "no operator runs"),
        ({**lease(), "spec": {}}, Level.ERROR, "was never renewed"),
        ({}, Level.ERROR, "no operator runs: there is no Lease ram-operator/ram-operator"),
    ],
    ids=["held", "stale", "released", "never held", "none"],
)
async def test_the_lease_tells_whether_an_operator_runs(stored: dict[str, Any], level: Level, words: str) -> None:
    remark = await of_the_operator(kube_with(stored), LEASE, NOW)
    assert (remark.level, words in remark.text) == (level, True), remark.text
    assert bool(remark.remedy) == (level is Level.ERROR)


async def test_a_lease_that_may_not_be_read_tells_nothing() -> None:
    remark = await of_the_operator(kube(), LEASE, NOW)
    assert (remark.level, "403" in remark.text, bool(remark.remedy)) == (Level.WARNING, True, True)


async def test_an_operator_without_leader_election_has_no_lease_to_look_at() -> None:
    assert (await of_the_operator(kube(), None, NOW)).level is Level.OK


async def test_a_lease_is_looked_for_in_all_namespaces_where_its_own_is_not_known() -> None:
    anywhere = ("", "ram-operator")
    both = kube(leases=[lease(seconds_ago=600), lease(namespace="other")])
    assert "holds the Lease other/ram-operator" in (await of_the_operator(both, anywhere, NOW)).text
    assert (await of_the_operator(kube(leases=[]), anywhere, NOW)).level is Level.OK
    assert (await of_the_operator(kube(), anywhere, NOW)).level is Level.WARNING


async def test_nodes_without_a_role_are_named_with_the_reason() -> None:
    ecs = Instances({instance(1): "reader", instance(2): ""})
    ecs.out["cn-nowhere"] = RegionNotFound("DescribeInstanceRamRole", "InvalidRegionId.NotFound")
    nodes = [
        node("a", 1),
        node("b", 2),
        node("twin", 2),
        node("gone", 3),
        node("lost", 4, "cn-nowhere"),
        node("new", None),
        node("virtual", None, type="virtual-kubelet"),
        node("wordy", 5, **{f"label-{number}": "x" for number in range(501)}),
    ]
    remarks, errors = await of_nodes(map(node_facts, nodes), ecs)
    assert [(str(one.level), one.text) for one in remarks] == [
        ("ok", "8 nodes; by the role that they have: reader 1, no role 1"),
        ("warning", "2 nodes without a role: DuplicateProviderID: b, twin"),
        ("warning", "1 node without a role: InstanceGone: gone"),
        ("warning", "1 node without a role: NoProviderID: new"),
        ("warning", "1 node without a role: RegionNotFound: lost"),
        ("warning", "1 node without a role: TooManyLabels: wordy"),
        ("ok", "1 node without a role: VirtualNode: virtual"),
    ]
    assert errors == []


async def test_a_region_that_cannot_be_read_is_no_fault_of_its_nodes() -> None:
    ecs = Instances({instance(1): "reader"})
    ecs.out["cn-hangzhou"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable")
    remarks, errors = await of_nodes([node_facts(node("a", 1))], ecs)
    assert ([one.level for one in remarks], len(errors)) == ([Level.OK], 1)


class Silent:
    """An STS that does not answer."""

    async def caller_identity(self) -> None:
        raise Unavailable("GetCallerIdentity", "SDK.HttpError")


@pytest.mark.parametrize("looked_at", [True, False])
async def test_an_object_that_no_operator_has_said_anything_of_is_named(looked_at: bool) -> None:
    status = {"conditions": ready()} if looked_at else None
    cloud = Cloud(cast("RamApi", None), Instances({}), cast("StsApi", Silent()))
    cluster_of_one = Kube(kube_with(lease()).client, (RAM_ROLE,))
    examination = Examination(cluster_of_one, cluster(role_body("app", status)), cloud, PolicyLimits(), LEASE, NOW)
    told = [remark.text for remark in await examination.remarks()]
    unseen = "1 object that no operator has said anything of: RamRole/app"
    assert (unseen in told, "no object needs a person" in told) == (not looked_at, looked_at)
    assert any(text.startswith("the operator pod-1 runs") for text in told), "a cloud that is silent hides nothing else"


class Answering:
    """An STS that answers, and a RAM with nothing in it."""

    async def caller_identity(self) -> CallerIdentity:
        return CallerIdentity("1234567890123456", "acs:ram::1234567890123456:user/dev", "RAMUser")

    async def list_roles(self) -> tuple[()]:
        return ()

    async def list_policies(self, _: object) -> tuple[()]:
        return ()


async def test_a_call_that_fails_is_named_with_its_region() -> None:
    ecs = Instances({instance(1): ""})
    ecs.out["cn-hangzhou"] = Unavailable("DescribeInstanceRamRole", "ServiceUnavailable").with_region("cn-hangzhou")
    cloud = Cloud(cast("RamApi", Answering()), ecs, cast("StsApi", Answering()))
    examination = Examination(kube(), cluster(nodes=(node("a"),)), cloud, PolicyLimits(), None, NOW)
    texts = [remark.text for remark in await examination.remarks()]
    assert "a call failed: DescribeInstanceRamRole: ServiceUnavailable in cn-hangzhou" in texts


def deployment(*variables: tuple[str, str]) -> dict[str, Any]:
    env = [{"name": name, "value": value} for name, value in variables]
    secret = {"name": "RAM_OPERATOR_HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}
    pod = {"containers": [{"env": [*env, secret]}], "serviceAccountName": "its-account"}
    return {"metadata": {"namespace": "its-namespace"}, "spec": {"template": {"spec": pod}}}


async def test_the_account_that_the_policies_have_to_name_is_that_of_the_one_deployment() -> None:
    assert await operator_account(kube(deployments=[deployment()])) == "system:serviceaccount:its-namespace:its-account"
    for unknown in (kube(), kube(deployments=[]), kube(deployments=[deployment()] * 2)):
        assert await operator_account(unknown) == ""


async def test_commands_judge_by_the_settings_of_the_operator_in_the_cluster() -> None:
    one = deployment(
        ("RAM_OPERATOR_ALLOWED_ROLES", "storage"),
        ("RAM_OPERATOR_LISTEN", "0.0.0.0:8080"),
        ("RAM_OPERATOR_READ_ONLY", ""),
    )
    assert await deployed(kube(deployments=[one]), {}) == Deployed({"RAM_OPERATOR_ALLOWED_ROLES": "storage"})
    assert await deployed(kube(deployments=[one]), {"RAM_OPERATOR_LISTEN": ""}) != Deployed(), "it counts as unset"
    own = {"RAM_OPERATOR_LISTEN": "127.0.0.1:0"}
    assert await deployed(kube(), own) == Deployed(), "the operator's own environment needs no other"


def test_a_variable_of_the_shell_comes_before_the_operators_setting_and_an_empty_one_does_not() -> None:
    found = Deployed({"RAM_OPERATOR_ALLOWED_ROLES": "a", "RAM_OPERATOR_REGION": "b"})
    shell = {"RAM_OPERATOR_ALLOWED_ROLES": "", "RAM_OPERATOR_REGION": "c", "KUBECONFIG": "d"}
    there = {"RAM_OPERATOR_ALLOWED_ROLES": "a", "RAM_OPERATOR_REGION": "c", "KUBECONFIG": "d"}
    assert found.under(shell) == there


@pytest.mark.parametrize(
    ("cluster", "words"),
    [(kube(), "403"), (kube(deployments=[]), "0 Deployments"), (kube(deployments=[deployment()] * 2), "2 Deployments")],
    ids=["not allowed", "none", "two"],
)
async def test_settings_that_cannot_be_read_are_said_to_be_assumed(cluster: Kube, words: str) -> None:
    found = await deployed(cluster, {})
    assert (found.variables, words in found.unread) == ({}, True)


async def test_where_signed_requests_go_is_never_read_from_the_cluster() -> None:
    one = deployment(("RAM_OPERATOR_ENDPOINT_RAM", "http://127.0.0.1:1"))
    with pytest.raises(StartupError, match=r"export RAM_OPERATOR_ENDPOINT_RAM=http://127\.0\.0\.1:1"):
        await deployed(kube(deployments=[one]), {})
    with pytest.raises(StartupError, match="RAM_OPERATOR_ENDPOINT_RAM"):
        await deployed(kube(deployments=[one]), {"RAM_OPERATOR_ENDPOINT_RAM": ""})
    there = await deployed(kube(deployments=[one]), {"RAM_OPERATOR_ENDPOINT_RAM": "ram.aliyuncs.com"})
    assert there == Deployed()
