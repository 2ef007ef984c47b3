"""Where all objects are in sync, sweeps, restarts and requested reconciles write nothing to cluster or cloud."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.cluster.objects import binding, policy, role, target
from tests.cluster.world import World
from tests.polling import until

OBJECTS = [
    policy("quiet-a"),
    policy("quiet-b", "ecs:Describe*", description="two", tags={"team": "storage"}),
    role("quiet-one", "quiet-a", "quiet-b", description="one", tags={"team": "storage"}),
    role("quiet-two", "quiet-a", trust={"services": ["ecs.aliyuncs.com", "oss.aliyuncs.com"]}),
    role("quiet-bare", maxSessionDurationSeconds=7200),
    binding("quiet", "quiet-one", pool="quiet"),
    binding("quiet-empty", "quiet-two", pool="nobody"),
]
TARGETS = [target(body) for body in OBJECTS]


@pytest.fixture
def settled(world: World) -> World:
    """A world with all kinds, an instance that cannot be used among them, after the sweeps have nothing to add."""
    world.add_nodes("quiet", "quiet-1", "quiet-2")
    body = {"metadata": {"name": "quiet-3", "labels": {"pool": "quiet"}}, "spec": {"providerID": "aws:///eu/i-0abc"}}
    world.api.create({"apiVersion": "v1", "kind": "Node", **body})
    world.api.create(*OBJECTS)
    world.ready(*TARGETS)
    world.attached("quiet", "quiet-1", "quiet-2")
    world.sweeps_pass()
    return world


def test_sweeps_read_lists_and_write_nothing(settled: World) -> None:
    mark, versions = settled.mark(), settled.versions()
    settled.sweeps_pass(4)
    called = {call["action"] for call in settled.calls(mark)}
    assert called <= {"ListPolicies", "ListRoles", "DescribeInstanceRamRole", "DescribeInstances"}
    assert settled.versions() == versions


def test_a_restart_writes_nothing(settled: World) -> None:
    mark, versions = settled.mark(), settled.versions()
    settled.operator.restart()
    settled.sweeps_pass(2)
    assert settled.actions(mark) == []
    assert settled.versions() == versions


LABELS = {"api", "code", "kind", "lane", "le", "ready", "reason", "result", "state", "version", "why"}


def test_no_metric_has_a_series_for_each_object_node_or_instance(settled: World) -> None:
    families = list(text_string_to_metric_families(settled.probe("/metrics")[1]))
    samples = [sample for one in families if one.name.startswith("ram_operator_") for sample in one.samples]
    assert {label for sample in samples for label in sample.labels} <= LABELS
    assert not [value for sample in samples for value in sample.labels.values() if "quiet" in value or "i-" in value]
    assert settled.metric("ram_operator_objects", ready="True") == len(OBJECTS)
    assert settled.metric("ram_operator_instances", state="Attached") == 2
    assert settled.metric("ram_operator_edit_seconds_count") >= len(OBJECTS)


def test_a_full_check_finds_nothing_to_write_to_the_cloud(settled: World) -> None:
    mark = settled.mark()
    before = {name: settled.status(name).get("verified", {}).get("at") for name in TARGETS[:5]}
    with settled.settings(full_check_interval_seconds="1"):
        for name, at in before.items():

            def moved(name: str = name, at: str | None = at) -> bool:
                return bool(settled.status(name)["verified"]["at"] != at)

            until(moved, what=f"{name} was read in detail")
    assert settled.actions(mark) == []


def request(world: World, value: str) -> None:
    """Ask for a reconcile of every object, and wait for the answers."""
    for name in TARGETS:
        world.api.patch(name, {"metadata": {"annotations": {"ram.alicloud.dev/reconcile-at": value}}})
    for name in TARGETS:

        def handled(name: str = name) -> bool:
            return bool(world.status(name).get("lastHandledReconcileAt") == value)

        until(handled, what=f"{name} answers")


def test_a_requested_reconcile_answers_in_the_status_and_writes_nothing_else(settled: World) -> None:
    # what the roles have attached since is counted when a policy is read the next time
    request(settled, "first")
    mark, before = settled.mark(), {name: settled.body(name) for name in TARGETS}
    request(settled, "now")
    read = {call["action"] for call in settled.calls(mark)}
    assert {"GetRole", "GetPolicy", "DescribeInstanceRamRole"} <= read
    settled.sweeps_pass()
    after = {name: settled.body(name) for name in TARGETS}
    assert settled.actions(mark) == []
    for name, body in after.items():
        assert body["status"] == before[name]["status"] | {"lastHandledReconcileAt": "now"}
        # the annotation and the answer are one write each
        assert body["metadata"]["finalizers"] == before[name]["metadata"]["finalizers"]
    versions = settled.versions()
    settled.sweeps_pass()
    assert settled.versions() == versions


def test_metadata_that_is_none_of_its_business_wakes_nobody(settled: World) -> None:
    mark = settled.mark()
    for name in TARGETS:
        settled.api.patch(name, {"metadata": {"labels": {"team": "storage"}, "annotations": {"note": "x"}}})
    settled.api.patch("Node/quiet-1", {"metadata": {"labels": {"zone": "a"}}})
    versions = settled.versions()
    settled.sweeps_pass()
    assert settled.actions(mark) == []
    assert settled.versions() == versions
