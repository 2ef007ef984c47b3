"""What keeps a process that was frozen while another one led from overwriting what that one has written."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.builders import policy_body

from ram_operator.cluster.kube import Kube, ObjectStore
from ram_operator.errors import KubeError, StaleObject
from ram_operator.kinds.names import RAM_POLICY

PLANNED = policy_body("a", uid="1", version=10)


class ApiServer:
    """Stands for the client library: patches the one object only where the patch names its version."""

    def __init__(self, version: int) -> None:
        self.stored = policy_body("a", uid="1", version=version)
        self.patches: list[Mapping[str, Any]] = []

    async def param_serialize(self, method: str, url: str, **more: Any) -> tuple[Any, ...]:
        return method, url, {}, more["body"], None

    async def call_api(self, method: str, url: str, headers: Any, body: Mapping[str, Any], **_: Any) -> Any:
        self.patches.append(body)
        named = [body["metadata"].get(name) for name in ("uid", "resourceVersion")]
        same = named == [self.stored["metadata"][name] for name in ("uid", "resourceVersion")]
        answer = json.dumps(self.stored if same else {"message": "the object has been modified"}).encode()

        async def read() -> bytes:
            return answer

        return SimpleNamespace(status=200 if same else 409, read=read)


def store(server: ApiServer, leads: bool = True) -> ObjectStore:
    kube = Kube(cast("Any", server), (RAM_POLICY,), leads=lambda: leads)
    return ObjectStore(kube, lambda _: PLANNED, lambda _: None, lambda *_: None)


WRITES: dict[str, Callable[[ObjectStore], Awaitable[Any]]] = {
    "a status": lambda it: it.write_status(PLANNED, {"policyName": "a"}),
    "a finalizer put": lambda it: it.set_finalizer(policy_body("a", uid="1", version=10, finalizers=()), present=True),
    "a finalizer removed": lambda it: it.set_finalizer(PLANNED, present=False),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_a_write_is_only_for_the_version_that_it_was_planned_from(
    write: Callable[[ObjectStore], Awaitable[Any]],
) -> None:
    await write(store(ApiServer(version=10)))
    with pytest.raises(StaleObject):
        await write(store(ApiServer(version=11)))


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_a_process_without_the_lease_sends_no_write(write: Callable[[ObjectStore], Awaitable[Any]]) -> None:
    server = ApiServer(version=10)
    with pytest.raises(KubeError, match="not sent: this process is not the leader"):
        await write(store(server, leads=False))
    assert server.patches == []
