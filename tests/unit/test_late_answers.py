"""Answers of the API server that come after the watch told of something later: they change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, cast

import pytest
from tests.unit import virtual_time
from tests.unit.builders import KINDS, node, policy_body, policy_key
from tests.unit.tables import answered, table

from ram_operator.cluster.caches import Caches
from ram_operator.cluster.handlers import Intake
from ram_operator.cluster.kube import Kube, ObjectStore
from ram_operator.cluster.resync import Resync
from ram_operator.engine.workqueue import WorkQueue
from ram_operator.kinds.names import RAM_POLICY

KEY = policy_key("a")
OLD = policy_body("a", uid="old", version=10)
DELETED = policy_body("a", uid="old", version=11, deleting=True)
NEW = policy_body("a", uid="new", version=20)


class Late:
    """Stands for the client library: answers a second after a request, with what was true when it was sent."""

    def __init__(self, answer: Mapping[str, Any] | None, names: tuple[str, ...] = ()) -> None:
        self.answer = answer
        self.names = names

    async def param_serialize(self, method: str, url: str, **_: Any) -> tuple[Any, ...]:
        return method, url, {}, None, None

    async def call_api(self, method: str, url: str, *_: Any, **__: Any) -> Any:
        if "limit=" in url:
            return answered(200, table(self.names if "nodes" in url else ()))
        await asyncio.sleep(1)
        return answered(200, self.answer) if self.answer else answered(404, {"message": "not found"})


class Cluster:
    """The caches with what feeds them, and an API server whose answers are late."""

    def __init__(self, answer: Mapping[str, Any] | None, names: tuple[str, ...] = ()) -> None:
        self.caches = Caches(KINDS)
        self.intake = Intake(self.caches, WorkQueue(asyncio.get_running_loop().time, lambda: 0.0), lambda: 0.0)
        kube = Kube(cast("Any", Late(answer, names)), (RAM_POLICY,))
        self.store = ObjectStore(kube, self.caches.body, self.intake.put, self.intake.remove)
        self.resync = Resync(kube, self.caches, self.intake, self.store.refresh)

    async def meanwhile(self, request: Coroutine[Any, Any, Any], watched: Callable[[], None]) -> None:
        """Let the watch tell of something while the answer to a request is on its way."""
        sent = asyncio.create_task(request)
        await asyncio.sleep(0.5)
        watched()
        await sent

    def uid(self) -> str | None:
        body = self.caches.body(KEY)
        return body["metadata"]["uid"] if body else None


Ask = Callable[[Cluster], Coroutine[Any, Any, Any]]
REQUESTS: dict[str, tuple[Ask, Mapping[str, Any] | None]] = {
    "its finalizer removed": (lambda it: it.store.set_finalizer(DELETED, present=False), DELETED),
    "its status written": (lambda it: it.store.write_status(DELETED, {"policyName": "a"}), DELETED),
    "it was read": (lambda it: it.store.refresh(KEY), DELETED),
    "it was not found": (lambda it: it.store.refresh(KEY), None),
}


@pytest.mark.parametrize(("ask", "answer"), REQUESTS.values(), ids=REQUESTS.keys())
def test_an_answer_about_an_object_changes_nothing_about_a_new_one_of_its_name(
    ask: Ask, answer: Mapping[str, Any] | None
) -> None:
    async def work() -> None:
        cluster = Cluster(answer)
        cluster.intake.put(DELETED)

        def replaced() -> None:
            cluster.intake.remove(KEY, "old")
            cluster.intake.put(NEW)

        await cluster.meanwhile(ask(cluster), replaced)
        assert cluster.uid() == "new"

    virtual_time.run(work())


@pytest.mark.parametrize(("ask", "answer"), REQUESTS.values(), ids=REQUESTS.keys())
def test_an_answer_about_an_object_does_not_bring_it_back_after_its_end(
    ask: Ask, answer: Mapping[str, Any] | None
) -> None:
    async def work() -> None:
        cluster = Cluster(answer)
        cluster.intake.put(DELETED)
        await cluster.meanwhile(ask(cluster), lambda: cluster.intake.remove(KEY, "old"))
        assert cluster.uid() is None

    virtual_time.run(work())


def test_an_answer_that_is_the_first_to_tell_is_believed() -> None:
    async def work() -> None:
        read, written, released = Cluster(NEW), Cluster(DELETED), Cluster(DELETED)
        await read.store.refresh(KEY)
        assert read.uid() == "new"
        read.intake.put(OLD)
        for cluster in (written, released):
            cluster.intake.put(OLD)
        await written.store.write_status(OLD, {"policyName": "a"})
        assert written.caches.body(KEY) == DELETED
        await released.store.set_finalizer(DELETED, present=False)
        assert released.uid() is None

    virtual_time.run(work())


def test_a_resync_removes_no_node_that_came_while_its_predecessor_was_not_found() -> None:
    async def work() -> None:
        cluster = Cluster(None)
        cluster.intake.put_node(node("n"))
        again = node("n")
        again["metadata"]["uid"] = "new"
        await cluster.meanwhile(cluster.resync.compare(), lambda: cluster.intake.put_node(again))
        assert cluster.caches.node_uid("n") == "new"
        await cluster.resync.compare()
        assert cluster.caches.node_uid("n") is None

    virtual_time.run(work())
