"""An API server in memory, as far as the start of the operator, its lease and its events ask it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.unit.tables import answered, table

from ram_operator.cluster.kube import API, NODES
from ram_operator.errors import CloudError
from ram_operator.kinds.names import INSTANCE_ROLE_BINDING, RAM_POLICY, RAM_ROLE

RESOURCES = (RAM_POLICY, RAM_ROLE, INSTANCE_ROLE_BINDING)
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
ADMISSION = "/apis/admissionregistration.k8s.io/"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass
class ApiServer:
    """Stands for the client library: answers what a start asks, and refuses every write but those of lease and events.

    `namespaces` has the HTTP statuses that the next reads of kube-system are answered with.
    """

    lacks: bool = False
    down: bool = False
    namespaces: list[int] = field(default_factory=list)
    names: tuple[str, ...] = ()
    lease: dict[str, Any] | None = None
    events: list[str] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    async def param_serialize(self, method: str, url: str, **more: Any) -> tuple[Any, ...]:
        return method, url, more.get("header_params"), more.get("body"), None

    async def call_api(self, method: str, url: str, headers: Any, body: Any, **_: Any) -> Any:
        self.asked[url] += 1
        if self.down:
            raise OSError("connection refused")
        if url == KUBE_SYSTEM:
            status = self.namespaces.pop(0) if self.namespaces else 200
            return answered(status, {"metadata": {"uid": "u1"}} if status == 200 else {"message": "no"})
        if url.startswith(LEASES):
            return self._kept_lease(method, body)
        if url == API:
            return answered(200, {"resources": [{"name": each.plural} for each in RESOURCES]})
        if url == REVIEWS:
            status = body["spec"]["resourceAttributes"]["subresource"] == "status" and self.lacks
            return answered(201, {"status": {"allowed": not status}})
        if url.startswith(ADMISSION):
            return answered(404, {"message": "not found"})
        if method == "GET":
            return answered(200, table(self.names if url.startswith(NODES) else ()))
        if url.endswith("/events"):
            self.events.append(body["reason"])
            return answered(201, body)
        return answered(403, {"message": "forbidden by a webhook"})

    def _kept_lease(self, method: str, body: Any) -> Any:
        if method == "GET":
            return answered(200, self.lease) if self.lease else answered(404, {"message": "not found"})
        if self.lease and body["metadata"].get("resourceVersion") != self.lease["metadata"]["resourceVersion"]:
            return answered(409, {"message": "changed meanwhile"})
        self.keep_lease(body["spec"], body["metadata"])
        return answered(200, self.lease)

    def keep_lease(self, spec: Any, metadata: Any) -> None:
        """Store the Lease in a new version."""
        version = str(int(self.lease["metadata"]["resourceVersion"]) + 1) if self.lease else "1"
        self.lease = {"spec": spec, "metadata": {**metadata, "uid": "u1", "resourceVersion": version}}

    @property
    def reviews(self) -> int:
        return self.asked[REVIEWS]


@dataclass
class Sts:
    """The port: says whose the credentials are."""

    account: str = "1234567890123456"
    error: CloudError | None = None
    stays_in: str = ""

    def stay_in(self, account_id: str) -> None:
        self.stays_in = account_id

    async def caller_identity(self) -> Any:
        if self.error:
            raise self.error
        return SimpleNamespace(account_id=self.account, arn=f"acs:ram::{self.account}:root")
