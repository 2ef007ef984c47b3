"""Whatever the API server stores, without the admission policies and without field validation by the client."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.apiserver import COLLECTIONS, ApiServer, Refused
from tests.cluster.objects import binding, policy, role
from tests.cluster.world import OWN_KINDS, World
from tests.polling import until
from tests.security.mutants import mutants
from tests.security.test_hostile_endpoint import memory

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
MOST_MEMORY = 400_000
REASON = '{range .items[*]}{.metadata.name}{"="}{.status.conditions[?(@.type=="Ready")].reason}{"\\n"}{end}'


@pytest.fixture
def unguarded(world: World) -> Iterator[World]:
    """The sandbox without any admission policy."""
    bindings = world.api.request("GET", POLICIES)["items"]
    for body in bindings:
        world.api.request("DELETE", f"{POLICIES}/{body['metadata']['name']}")
    bad = policy("probe")
    bad["spec"]["document"]["Statement"][0]["Action"] = 1
    until(lambda: takes(world.api, bad), what="the admission policies are off")
    yield world
    remove_all(world)
    for body in bindings:
        metadata = {key: body["metadata"][key] for key in ("name", "labels", "annotations")}
        world.api.request("POST", POLICIES, {**body, "metadata": metadata})
    until(lambda: not takes(world.api, bad), what="the admission policies are on")


def takes(api: ApiServer, body: dict[str, Any]) -> bool:
    """Whether an object would be stored."""
    try:
        api.request("POST", f"{COLLECTIONS[body['kind']]}?dryRun=All", body)
    except Refused:
        return False
    return True


def remove_all(world: World) -> None:
    """Remove all objects with kubectl, which reads what Python's parser does not."""
    for kind in OWN_KINDS:
        done = world.kubectl("delete", kind.lower(), "--all", "--timeout=600s")
        assert done.returncode == 0, done.stderr[-1000:]
    world.kubectl("delete", "nodes", "--all", "--wait=false")


def reasons(world: World, kind: str) -> dict[str, str]:
    """Why each object of a kind is ready or is not, nothing where it was not answered."""
    done = world.kubectl("get", kind.lower(), "-o", f"jsonpath={REASON}")
    assert done.returncode == 0, done.stderr
    return dict(line.split("=") for line in done.stdout.splitlines())


def store(world: World, seed: int, count: int) -> None:
    """Store so many mutants, as many of each kind, which takes more attempts than that."""
    left = dict.fromkeys((*OWN_KINDS, "Node"), count // 4)
    for body, text in mutants(seed):
        if not any(left.values()):
            return
        if left[body["kind"]]:
            try:
                world.api.send("POST", f"{COLLECTIONS[body['kind']]}?fieldValidation=Ignore", text)
                left[body["kind"]] -= 1
            except Refused as refusal:
                assert refusal.status < 500, refusal


@pytest.mark.parametrize(
    ("seed", "count"), [pytest.param(1, 120, id="sample"), pytest.param(2, 2000, id="all", marks=pytest.mark.soak)]
)
def test_each_object_is_answered_or_passed_over_and_the_operator_works_on(
    seed: int, count: int, unguarded: World
) -> None:
    world, pid = unguarded, unguarded.operator.pid
    store(world, seed, count)

    def answered() -> bool:
        for kind in OWN_KINDS:
            found = reasons(world, kind)
            assert len(found) == count // 4
            silent = [name for name, reason in found.items() if not reason]
            assert not silent, f"{kind}: {silent}"
        return True

    until(answered, 60 + count / 5)
    world.add_nodes("good", "good")
    world.api.create(role("good"), binding("good", "good", "good"))
    until(lambda: reasons(world, "InstanceRoleBinding")["good"] == "AllAttached")
    assert world.probe("/readyz")[0] == 200
    assert world.operator.pid == pid
    assert memory(pid) < MOST_MEMORY
