"""`plan`, `why`, `orphans`, `export` and `doctor` against a cluster and a cloud: they read, and write to neither."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.hand import Hand
from tests.cluster.objects import policy, role
from tests.cluster.world import World
from tests.polling import until

from ram_sandbox.installation import environ as environ_of

SAMPLES = Path(__file__).resolve().parents[2] / "deploy/samples"


def run(world: World, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of the operator's program, by default with the operator's own environment."""
    command, env = [sys.executable, "-m", "ram_operator", *arguments], environ or world.operator.environ
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)


def of_an_administrator(world: World) -> dict[str, str]:
    """The environment of somebody who has a kubeconfig and a key, and none of the operator's settings."""
    kept = {key: text for key, text in world.operator.environ.items() if not key.startswith("RAM_OPERATOR_")}
    key = {f"ALIBABA_CLOUD_ACCESS_KEY_{part}": "simulator-root" for part in ("ID", "SECRET")}
    key["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] += "-secret"
    return {**kept, **key, "KUBECONFIG": str(world.sandbox.kubeconfig)}


def test_a_command_judges_by_the_settings_of_the_deployment_and_asks_no_other_cloud(
    world: World, tmp_path: Path
) -> None:
    binding = tmp_path / "binding.yaml"
    spec = {"roleName": "storage", "nodeNames": ["node-1"]}
    head = {"apiVersion": "ram.alicloud.dev/v1alpha1", "kind": "InstanceRoleBinding", "metadata": {"name": "b"}}
    binding.write_text(json.dumps({**head, "spec": spec}))
    mine = of_an_administrator(world)
    stopped = run(world, "plan", "-f", str(binding), environ=mine)
    assert stopped.returncode == 1
    exports = stopped.stderr.partition("export ")[2].partition(";")[0].split()
    assert len(exports) == 3, stopped.stderr
    there = {**mine, **dict(one.split("=", 1) for one in exports)}
    before = run(world, "plan", "-f", str(binding), environ=there)
    assert "  ! Forbidden: " in before.stdout, before.stderr
    chosen = environ_of(world.sandbox.installation.pod_template())["RAM_OPERATOR_ALLOWED_ROLES"]
    deployment = ("-n", world.sandbox.installation.namespace, "set", "env", "deployment/ram-operator")
    assert world.kubectl(*deployment, "RAM_OPERATOR_ALLOWED_ROLES=storage").returncode == 0
    try:
        after = run(world, "plan", "-f", str(binding), environ=there)
    finally:
        assert world.kubectl(*deployment, f"RAM_OPERATOR_ALLOWED_ROLES={chosen}").returncode == 0
    assert "Forbidden" not in after.stdout, after.stdout
    assert (before.stderr, after.stderr) == ("", "")


def test_plan_says_what_applying_would_do_and_afterwards_that_nothing_is_left(world: World) -> None:
    world.add_nodes("storage", "node-1")
    before, mark = world.state(), world.mark()
    planned = run(world, "plan", "-f", str(SAMPLES))
    assert planned.returncode == 2, planned.stderr
    assert "+ create policy EcsRamRoleDocumentTestingPolicy" in planned.stdout
    assert "+ create role EcsRamRoleDocumentTesting" in planned.stdout
    assert "+ attach EcsRamRoleDocumentTesting to " in planned.stdout
    assert "(node-1)" in planned.stdout
    assert planned.stdout.splitlines()[-1] == f"4 steps for 3 of 3 objects; next: kubectl apply -R -f {SAMPLES}"
    assert (world.state(), world.writes(mark)) == (before, [])
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.ready("RamPolicy/oss-read", "RamRole/oss-reader", "InstanceRoleBinding/storage-pool")
    again = run(world, "plan", "-f", str(SAMPLES))
    assert (again.returncode, again.stdout.count("nothing to do")) == (0, 3), again.stdout + again.stderr


def test_plan_of_an_edit_names_the_steps_of_that_object(world: World, tmp_path: Path) -> None:
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.ready("RamPolicy/oss-read", "RamRole/oss-reader")
    edited = tmp_path / "policy.yaml"
    edited.write_text((SAMPLES / "rampolicy.yaml").read_text().replace("oss:List*", "oss:PutObject"))
    planned = run(world, "plan", "-f", str(edited))
    assert planned.returncode == 2, planned.stderr
    assert planned.stdout.startswith("RamPolicy/oss-read: 1 step\n")
    assert "+ create a new default version" in planned.stdout


def test_plan_of_what_would_be_refused_says_so_and_plans_nothing(world: World, tmp_path: Path) -> None:
    wrong = tmp_path / "policy.yaml"
    wrong.write_text((SAMPLES / "rampolicy.yaml").read_text().replace("oss:List*", '"oss: List*"'))
    refused = run(world, "plan", "-f", str(wrong))
    assert (refused.returncode, "error [invalid-spec]" in refused.stdout) == (1, True)


def test_plan_of_a_deletion_says_what_goes_what_waits_and_what_stays(world: World) -> None:
    world.add_nodes("storage", "node-1")
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    kept = {"metadata": {"name": "kept"}, "spec": {"deletionPolicy": "Retain"}}
    world.api.create({"apiVersion": "ram.alicloud.dev/v1alpha1", "kind": "RamRole", **kept})
    world.ready("RamPolicy/oss-read", "RamRole/oss-reader", "RamRole/kept", "InstanceRoleBinding/storage-pool")
    mark = world.mark()
    told = run(world, "plan", "--delete-all")
    assert (told.returncode, world.writes(mark)) == (2, []), told.stderr
    assert "InstanceRoleBinding/storage-pool: 1 step\n  - detach EcsRamRoleDocumentTesting from " in told.stdout
    assert "RamRole/oss-reader: 1 step\n  - delete role EcsRamRoleDocumentTesting, afterwards: " in told.stdout
    assert "RamPolicy/oss-read: 1 step\n  - delete policy EcsRamRoleDocumentTestingPolicy, afterwards: " in told.stdout
    last = "; next: kubectl delete instancerolebindings,ramroles,rampolicies --all"
    assert told.stdout.splitlines()[-1] == f"3 steps for 3 of 4 objects{last}"
    assert "RamRole/kept: nothing to delete; what it has in the cloud stays" in told.stdout
    one = run(world, "plan", "--delete", "ramroles/oss-reader")
    assert "RamRole/oss-reader: nothing can be done\n  ! InUse: " in one.stdout
    assert one.stdout.endswith("next: kubectl delete ramroles/oss-reader\n")
    nobody = run(world, "plan", "--delete", "RamRole/nobody")
    assert (nobody.returncode, "there is no RamRole/nobody" in nobody.stderr) == (1, True)
    assert run(world, "plan", "--all").stdout.count("nothing to do") == 4


def test_why_tells_of_a_node_its_role_its_binding_and_what_to_type_next(world: World) -> None:
    nodes = world.add_nodes("storage", "node-1")
    world.add_nodes("other", "node-2")
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.attached("storage-pool", "node-1")
    told = run(world, "why", "node-1").stdout
    assert f"Node node-1 is the instance cn-hangzhou.{nodes['node-1']}." in told
    assert "It has the role EcsRamRoleDocumentTesting." in told
    assert "InstanceRoleBinding/storage-pool selects this node; it gives RamRole/oss-reader." in told
    assert "Next: kubectl describe irb storage-pool" in told
    assert "No InstanceRoleBinding selects this node." in run(world, "why", "node-2").stdout
    world.api.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-3"}, "spec": {}})
    skipped = run(world, "why", "node-3").stdout.splitlines()
    assert skipped[0].startswith("Node node-3 gets no role: NoProviderID: ")
    assert skipped[1] == "Next: ram-operator explain NoProviderID"
    missing = run(world, "why", "nobody")
    assert (missing.returncode, "there is no Node 'nobody'" in missing.stderr) == (1, True)


def test_what_is_exported_is_applied_with_no_write_but_the_tags(world: World, hand: Hand, tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Action": "oss:GetObject", "Resource": "*"}
    hand.create_policy("Read-Objects", {"Version": "1", "Statement": [statement]})
    hand.create_role("Storage.Role")
    hand.attach_policy("Read-Objects", "Storage.Role")
    hand.attach_policy("AliyunECSReadOnlyAccess", "Storage.Role", "System")
    mark = world.mark()
    written = run(world, "export", "--role", "storage.role")
    assert (written.returncode, written.stderr) == (0, "")
    (tmp_path / "roles.yaml").write_text(written.stdout)
    planned = run(world, "plan", "-f", str(tmp_path))
    assert planned.stdout.startswith("RamPolicy/read-objects: 1 step\n  + tag ")
    assert world.writes(mark) == []
    assert world.kubectl("apply", "-f", str(tmp_path)).returncode == 0
    world.ready("RamPolicy/read-objects", "RamRole/storage.role")
    assert world.actions(mark) == ["TagResources", "TagResources"]


def test_orphans_names_what_has_lost_its_object_and_what_to_type_next(world: World) -> None:
    assert run(world, "orphans").stdout == "There are none.\n"
    world.api.create(role("kept", deletionPolicy="Retain"), policy("used"))
    world.ready("RamRole/kept", "RamPolicy/used")
    world.delete("RamRole/kept")
    mark = world.mark()
    found = run(world, "orphans")
    assert (found.returncode, world.writes(mark)) == (2, []), found.stdout + found.stderr
    assert found.stdout.startswith("role kept, 0 days old: has the marks of RamRole/kept, which does not exist\n")
    assert found.stdout.endswith("aliyun ram DeleteRole --RoleName kept\n")
    assert "used by" not in found.stdout
    assert "used" not in found.stdout
    until(lambda: world.metric("ram_operator_orphans", kind="RamRole") == 1)


def test_doctor_finds_nothing_where_all_is_well_and_writes_nothing(world: World) -> None:
    world.add_nodes("storage", "node-1")
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.ready("RamPolicy/oss-read", "RamRole/oss-reader", "InstanceRoleBinding/storage-pool")
    mark = world.mark()
    told = run(world, "doctor")
    assert (told.returncode, world.writes(mark)) == (0, []), told.stdout + told.stderr
    assert [line.split()[0] for line in told.stdout.splitlines()] == ["ok"] * 7
    assert "1 node; by the role that they have: EcsRamRoleDocumentTesting 1" in told.stdout


def test_doctor_names_what_is_wrong_and_what_to_do(world: World) -> None:
    world.api.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-9"}, "spec": {}})
    world.api.create(
        {
            "apiVersion": "ram.alicloud.dev/v1alpha1",
            "kind": "RamRole",
            "metadata": {"name": "app"},
            "spec": {"policies": [{"custom": f"missing-{number}"} for number in range(11)]},
        }
    )
    world.says("RamRole/app", "InvalidSpec")
    world.fault("DescribeRegions", count=100, code="NoPermission", status=403)
    told = run(world, "doctor")
    lines = told.stdout.splitlines()
    assert told.returncode == 1
    assert "warning  1 node without a role: NoProviderID: node-9" in lines
    assert "         -> ram-operator explain InvalidSpec" in lines
    assert "error    the key lacks ecs:DescribeRegions" in lines
    assert any(
        line.startswith("error    RamRole/app: InvalidSpec: spec.policies: 11 custom policies") for line in lines
    )
    assert len([line for line in lines if line.startswith(("error", "warning"))]) == told.stdout.count("         -> ")
