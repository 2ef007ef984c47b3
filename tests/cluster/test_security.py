"""What the operator may do in the cluster, what it shows of secrets, and whom it talks to."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.apiserver import GROUP, ApiServer, Refused
from tests.cluster.objects import binding, document, node, policy, role
from tests.cluster.world import OWN_KINDS, World
from tests.polling import until

TARGETS = ("RamPolicy/safe", "RamRole/safe", "InstanceRoleBinding/safe")


@pytest.fixture
def as_operator(running_world: World) -> Iterator[ApiServer]:
    """The API server with the operator's own token."""
    api = ApiServer(running_world.operator.folder / "operator.kubeconfig")
    yield api
    api.close()


MERGE = "application/merge-patch+json"
FORBIDDEN: dict[str, tuple[str, str, Any]] = {
    "create a role": ("POST", f"{GROUP}/ramroles", role("x")),
    "replace a role": ("PUT", f"{GROUP}/ramroles/x", role("x")),
    "delete a role": ("DELETE", f"{GROUP}/ramroles/x", None),
    "delete all bindings": ("DELETE", f"{GROUP}/instancerolebindings", None),
    "change a node": ("PATCH", "/api/v1/nodes/x", {"metadata": {"labels": {"a": "b"}}}),
    "delete a node": ("DELETE", "/api/v1/nodes/x", None),
    "read secrets": ("GET", "/api/v1/secrets", None),
    "read secrets of its own namespace": ("GET", "/api/v1/namespaces/ram-operator/secrets", None),
    "read a config map": ("GET", "/api/v1/namespaces/ram-operator/configmaps/x", None),
    "list pods": ("GET", "/api/v1/pods", None),
    "list namespaces": ("GET", "/api/v1/namespaces", None),
    "read the namespace default": ("GET", "/api/v1/namespaces/default", None),
    "list CRDs": ("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", None),
    "list events": ("GET", "/apis/events.k8s.io/v1/namespaces/default/events", None),
    "create events elsewhere": ("POST", "/apis/events.k8s.io/v1/namespaces/kube-system/events", {}),
    "create core events": ("POST", "/api/v1/namespaces/default/events", {}),
    "create a token": ("POST", "/api/v1/namespaces/ram-operator/serviceaccounts/ram-operator/token", {}),
    "read cluster roles": ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", None),
    "change the admission policy": (
        "DELETE",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        None,
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_operator_may_not(as_operator: ApiServer, what: str) -> None:
    method, path, body = FORBIDDEN[what]
    with pytest.raises(Refused) as refused:
        as_operator.request(method, path, body, MERGE if method == "PATCH" else "application/json")
    assert refused.value.status == 403, refused.value


def test_its_rights_are_those_of_the_chart_and_no_more(running_world: World) -> None:
    kubeconfig = str(running_world.operator.folder / "operator.kubeconfig")
    shown = running_world.kubectl("--kubeconfig", kubeconfig, "auth", "can-i", "--list", "-n", "default").stdout
    granted = {
        line.split()[0]: line.rpartition("[")[2].rstrip("]").split() for line in shown.splitlines()[1:] if "[" in line
    }
    own = {name: verbs for name, verbs in granted.items() if not name.startswith("[") and "selfsubject" not in name}
    objects = {f"{plural}.ram.alicloud.dev" for plural in ("ramroles", "rampolicies", "instancerolebindings")}
    statuses = {f"{name}/status" for name in objects}
    assert own == {
        **{name: ["get", "list", "watch", "patch"] for name in objects},
        **{name: ["patch"] for name in statuses},
        "nodes": ["get", "list", "watch"],
        "namespaces": ["get"],
        "validatingadmissionpolicybindings.admissionregistration.k8s.io": ["get"],
        "validatingadmissionpolicies.admissionregistration.k8s.io": ["get"],
        "events.events.k8s.io": ["create", "patch"],
    }


def test_no_secret_is_shown_when_calls_fail_in_every_way(world: World) -> None:
    facts = world.cloud.facts
    leaky = f"denied for AccessKeyId={facts['accessKeyId']}&Signature=abc%3D&SecurityToken=CAIStoken&x=1"
    ways: list[dict[str, Any]] = [
        {"code": "NoPermission", "status": 403, "message": leaky},
        {"code": "InternalError", "status": 500, "message": f"secret {facts['accessKeySecret']}"},
        {"code": "SignatureDoesNotMatch", "status": 400, "message": leaky},
        {"code": "InvalidAccessKeyId.NotFound", "status": 404, "message": leaky},
        {"lostReply": True},
        {"emptyBody": True},
    ]
    world.add_nodes("safe", "safe-1")
    for number, way in enumerate(ways):
        for action in ("GetRole", "CreateRole", "CreatePolicy", "AttachInstanceRamRole"):
            world.fault(action, 2, **way)
        name = f"safe-{number}"
        world.api.create(policy(name), role(name, name), binding(name, name, "safe"))
    until(lambda: len([body for body in world.api.objects("RamRole") if body.get("status")]) == len(ways))
    world.fault("ListRoles", 1, code="NoPermission", status=403, message=leaky)
    world.sweeps_pass()
    shown = json.dumps([world.api.objects(kind) for kind in (*OWN_KINDS, "Event")])
    shown += world.operator.child.log.read_text() + world.probe("/metrics")[1] + world.probe("/readyz")[1]
    for secret in (
        facts["accessKeyId"],
        facts["accessKeySecret"],
        "CAIStoken",
        "abc%3D",
        "SignatureNonce",
        world.api.token,
    ):
        assert secret not in shown


def remotes(pid: int) -> set[str]:
    """The remote addresses of a process's TCP and UDP sockets, in hexadecimal as the kernel shows them."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link)):
                inodes.add(match[1])
        except FileNotFoundError:
            continue
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                found.add(fields[2].partition(":")[0])
    return found


def test_it_talks_to_nobody_beyond_loopback(world: World) -> None:
    seen: set[str] = set()

    def watched(check: Any) -> None:
        def both() -> bool:
            seen.update(remotes(world.operator.pid))
            return bool(check())

        until(both)

    world.operator.stop()
    world.operator.launch()
    watched(lambda: world.probe("/readyz")[0] == 200)
    world.add_nodes("safe", "safe-1")
    world.api.create(policy("safe"), role("safe", "safe"), binding("safe", "safe", "safe"))
    watched(lambda: all(world.condition(name).get("status") == "True" for name in TARGETS))
    world.api.patch(TARGETS[0], {"spec": {"document": document("oss:List*")}})
    watched(lambda: world.status(TARGETS[0]).get("defaultVersion") == "v2")
    world.api.delete(*TARGETS)
    watched(lambda: not any(world.api.get(name) for name in TARGETS))
    # 0 is a socket that listens; the others are 127.0.0.1, plainly and as an IPv6 address
    loopback = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
    assert seen & loopback
    assert seen <= {*loopback, "00000000", "0" * 32}


def test_an_evil_node_name_or_provider_id_does_no_harm(world: World) -> None:
    world.api.create(role("safe"), binding("safe", "safe", "safe"))
    world.api.create(
        node("odd-1", 'cn-hangzhou.i-bp1","i-bp2', "safe"),
        node("odd-2", "cn-hangzhou.i-bp1simulator00000001\n", "safe"),
        node("odd-3", "cn-hangzhou." + "i-" + "a" * 5000, "safe"),
        node("odd-4", "../../etc.i-bp1simulator00000001", "safe"),
    )
    for name in ("odd-1", "odd-2", "odd-3", "odd-4"):
        row = world.row("safe", name, "Skipped", "InvalidProviderID")
        assert len(row["message"]) <= 256
    good = world.add_nodes("safe", "good")["good"]
    world.row("safe", "good", "Attached")
    assert world.role_of(good) == "safe"
