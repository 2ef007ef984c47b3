"""Install, upgrade from the first chart, rollback, uninstall: the real Helm on a real API server, objects present."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.conftest import CHART, ROOT, Objects, Render
from tests.conftest import RunningControlPlane

from ram_sandbox.controlplane.binaries import Binaries
from ram_sandbox.controlplane.server import ControlPlane

FIRST = Path(__file__).parent / "first"
PLACED = ("--namespace", "ram-operator", "--set", "cloud.credentials.secretName=s", "--set", "replicas=0")
SAMPLES = ("rampolicy/oss-read", "ramrole/oss-reader", "instancerolebinding/storage-pool")
# what the first version stored in a status, with a reason that has another name since
FIRST_STATUS = {
    "observedGeneration": 1,
    "roleName": "EcsRamRoleDocumentTesting",
    "summary": {"selected": 1, "attached": 1, "ready": "1/1"},
    "instances": [
        {
            "instance": "cn-hangzhou.i-bp1simulator00000001",
            "node": "node-1",
            "state": "Attached",
            "roleName": "EcsRamRoleDocumentTesting",
            "origin": "Attached",
            "confirmed": True,
        }
    ],
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Settled",
            "message": "as the spec says",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
}


@pytest.fixture(scope="module")
def cluster(binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningControlPlane]:
    """A control plane of its own with the first chart, the samples, and a status as the first operator wrote it."""
    folder = tmp_path_factory.mktemp("upgrade")
    server = ControlPlane(binaries, folder / "server", os.environ)
    server.start()
    try:
        running = RunningControlPlane(server, folder)
        running.run_kubectl.ok("create", "namespace", "ram-operator")
        running.helm.ok("install", "ram-operator", str(FIRST), *PLACED)
        running.run_kubectl.ok("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
        running.run_kubectl.ok("apply", "-f", str(ROOT / "deploy/samples"))
        patch = json.dumps({"status": FIRST_STATUS})
        running.run_kubectl.ok("patch", SAMPLES[2], "--subresource=status", "--type=merge", "-p", patch)
        yield running
    finally:
        server.stop()


def kept(cluster: RunningControlPlane) -> Objects:
    """What Helm leaves in place when it uninstalls, without what the API server adds."""
    kinds = "crd,validatingadmissionpolicies,validatingadmissionpolicybindings"
    items = cluster.run_kubectl.get(kinds, "-l", "app.kubernetes.io/name=ram-operator")["items"]
    return {(item["kind"], item["metadata"]["name"]): item for item in items}


def fields(cluster: RunningControlPlane) -> str:
    """The schema of a binding's status that the API server has."""
    return status_schema(kept(cluster)["CustomResourceDefinition", "instancerolebindings.ram.alicloud.dev"])


def status_schema(crd: dict[str, Any]) -> str:
    """The schema of the status in a definition, as text."""
    (version,) = crd["spec"]["versions"]
    return json.dumps(version["schema"]["openAPIV3Schema"]["properties"]["status"], sort_keys=True)


def upgrade(cluster: RunningControlPlane) -> None:
    """Upgrade to the present chart as the documentation does: with the values that were given and the new defaults."""
    cluster.helm.ok("upgrade", "ram-operator", str(CHART), "--namespace", "ram-operator", "--reset-then-reuse-values")


def test_an_upgrade_brings_definitions_and_policies_up_to_date_and_keeps_the_objects(
    cluster: RunningControlPlane, render: Render
) -> None:
    upgrade(cluster)
    wanted = {key: body for key, body in render().items() if key[0] in {kind for kind, _ in kept(cluster)}}
    found = kept(cluster)
    assert set(found) == set(wanted), "an admission policy of the first chart is left behind"
    for key, body in wanted.items():
        if key[0] == "ValidatingAdmissionPolicy":
            expressions = [rule["expression"] for rule in found[key]["spec"]["validations"]]
            assert expressions == [rule["expression"] for rule in body["spec"]["validations"]]
    status = cluster.run_kubectl.get(SAMPLES[2])["status"]
    assert status["instances"] == FIRST_STATUS["instances"]
    for sample in SAMPLES:
        cluster.run_kubectl.ok("annotate", sample, "checked=yes", "--overwrite")


def test_a_refused_upgrade_changes_nothing(cluster: RunningControlPlane) -> None:
    before = json.loads(cluster.helm.ok("history", "ram-operator", "--namespace", "ram-operator", "--output", "json"))
    done = cluster.helm("upgrade", "ram-operator", str(CHART), *PLACED, "--set", "settings.workres=3")
    assert done.returncode != 0
    assert "at '/settings': additional properties 'workres' not allowed" in done.stderr
    after = json.loads(cluster.helm.ok("history", "ram-operator", "--namespace", "ram-operator", "--output", "json"))
    assert after == before


def test_a_rollback_brings_the_first_chart_back_and_another_upgrade_the_present_one(
    cluster: RunningControlPlane,
) -> None:
    now = fields(cluster)
    cluster.helm.ok("rollback", "ram-operator", "1", "--namespace", "ram-operator")
    (first,) = (FIRST / "files/crds").glob("instancerolebindings*")
    assert fields(cluster) == status_schema(yaml.safe_load(first.read_text()))
    assert [cluster.run_kubectl.get(sample)["metadata"]["name"] for sample in SAMPLES]
    upgrade(cluster)
    assert fields(cluster) == now


def test_an_uninstall_leaves_definitions_policies_and_objects_and_an_install_takes_them_over(
    cluster: RunningControlPlane,
) -> None:
    before = set(kept(cluster))
    cluster.helm.ok("uninstall", "ram-operator", "--namespace", "ram-operator")
    assert set(kept(cluster)) == before
    assert (
        cluster.run_kubectl.get("all,sa,netpol", "-n", "ram-operator", "-l", "app.kubernetes.io/name=ram-operator")[
            "items"
        ]
        == []
    )
    assert cluster.run_kubectl.get("clusterroles", "-l", "app.kubernetes.io/name=ram-operator")["items"] == []
    cluster.helm.ok("install", "ram-operator", str(CHART), *PLACED)
    assert [cluster.run_kubectl.get(sample)["metadata"]["name"] for sample in SAMPLES]
    done = cluster.helm("install", "other", str(CHART), *PLACED)
    assert "ownership" in done.stderr
