"""`plan` and `why` against a cluster and a cloud: they read, and write to neither."""

import subprocess
import sys
from pathlib import Path

from tests.cluster.world import World

SAMPLES = Path(__file__).resolve().parents[2] / "deploy/samples"


def run(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the operator's program with the operator's own environment."""
    command = [sys.executable, "-m", "ram_operator", *arguments]
    return subprocess.run(command, env=world.operator.environ, capture_output=True, text=True, check=False, timeout=120)


def test_plan_says_what_applying_would_do_and_afterwards_that_nothing_is_left(world: World) -> None:
    world.add_nodes("storage", "node-1")
    before, mark = world.state(), world.mark()
    planned = run(world, "plan", "-f", str(SAMPLES))
    assert planned.returncode == 2, planned.stderr
    assert "+ create policy EcsRamRoleDocumentTestingPolicy" in planned.stdout
    assert "+ create role EcsRamRoleDocumentTesting" in planned.stdout
    assert "RoleNotReady: waits for RamRole/oss-reader" in planned.stdout
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


def test_why_tells_of_a_node_its_role_its_binding_and_what_to_type_next(world: World) -> None:
    nodes = world.add_nodes("storage", "node-1")
    world.add_nodes("other", "node-2")
    assert world.kubectl("apply", "-f", str(SAMPLES)).returncode == 0
    world.attached("storage-pool", "node-1")
    told = run(world, "why", "node-1").stdout
    assert f"Node node-1 is the instance cn-hangzhou.{nodes['node-1']}." in told
    assert "It has the role EcsRamRoleDocumentTesting." in told
    assert "InstanceRoleBinding/storage-pool has it; its role is oss-reader." in told
    assert "Next: kubectl describe irb storage-pool" in told
    assert "No InstanceRoleBinding selects it." in run(world, "why", "node-2").stdout
    missing = run(world, "why", "nobody")
    assert (missing.returncode, "there is no Node 'nobody'" in missing.stderr) == (1, True)
