"""The few Kubernetes calls of this operator, over `kubernetes.aio`. Only this module imports that client.

Plain JSON goes in and out: the typed client would cost memory for hundreds of models and knows nothing of our kinds.
"""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.exceptions import ApiException

from ram_operator.cluster.nesting import shallow
from ram_operator.errors import KubeError, StaleObject, StartupError
from ram_operator.model import FINALIZER, GROUP, VERSION, Body, Json, ObjectKey, Resource, StatusFields

TIMEOUT_SECONDS = 30.0
PAGE = 1000
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
"""A list as kubectl prints it: of a Node some 100 bytes, while its metadata alone have thousands."""
API = f"/apis/{GROUP}/{VERSION}"
NODES = "/api/v1/nodes"

Permission = tuple[str, str, tuple[str, ...], str, str]
"""API group, resource, verbs, namespace, and the name of the one object that it is for, where there is one."""


def permissions(
    resources: Iterable[Resource], lease: tuple[str, str] | None = None, *, marks_nodes: bool = False
) -> list[Permission]:
    """What the operator needs. The chart's roles grant exactly this.

    Args:
        resources: the custom resources.
        lease: namespace and name of the Lease, None without one.
        marks_nodes: whether it changes a label and a taint of Nodes.
    """
    space, name = lease or ("", "")
    leases = (
        ("coordination.k8s.io", "leases", ("create",), space, ""),
        ("coordination.k8s.io", "leases", ("get", "update"), space, name),
        ("events.k8s.io", "events", ("create", "patch"), space, ""),
    )
    names = [resource.plural for resource in resources]
    return [
        *((GROUP, name, ("get", "list", "watch", "patch"), "", "") for name in names),
        *((GROUP, f"{name}/status", ("patch",), "", "") for name in names),
        ("", "nodes", ("get", "list", "watch", *(("patch",) if marks_nodes else ())), "", ""),
        ("", "namespaces", ("get",), "", "kube-system"),
        ("events.k8s.io", "events", ("create", "patch"), "default", ""),
        *(leases if lease else ()),
    ]


async def connect(resources: Iterable[Resource]) -> Kube:
    """Find the cluster: the Pod's own account, else KUBECONFIG; work there on `resources`. Raises StartupError."""
    settings = Configuration()
    try:
        config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]
    except config.ConfigException:
        try:
            await config.load_kube_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError) as error:
            raise StartupError(
                f"no cluster: not in a Pod, and no usable kubeconfig ({error}); set KUBECONFIG"
            ) from None
    return Kube(ApiClient(configuration=settings), tuple(resources))


@dataclass(slots=True)
class Kube:
    """The connection to the API server.

    Attributes:
        client: the client.
        resources: the custom resources that are worked on.
        refused: set with each request that our account was not allowed to make.
        lease: namespace and name of the Lease that the leader holds, None without one.
        leads: whether this process may change objects now.
        marks_nodes: whether it changes a label and a taint of Nodes.
    """

    client: ApiClient
    resources: tuple[Resource, ...]
    lease: tuple[str, str] | None = None
    leads: Callable[[], bool] = lambda: True
    marks_nodes: bool = False
    refused: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
    ) -> Json:
        """Make one request and return its JSON. Raises KubeError."""
        request = f"{method} {path}"
        url = path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        try:
            method, url, sent, sent_body, _ = await self.client.param_serialize(
                method, url, header_params=sent, body=body, auth_settings=["BearerToken"]
            )
            response = await self.client.call_api(method, url, sent, sent_body, _request_timeout=TIMEOUT_SECONDS)
            data: bytes = await response.read()  # type: ignore[no-untyped-call]
        except ApiException as error:
            raise self._failed(request, error.status or 0, _message(error.body)) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KubeError(request, 0, f"{type(error).__name__}: {error}") from None
        if response.status >= 300:
            raise self._failed(request, response.status, _message(data))
        try:
            return json.loads(shallow(data)) if data else {}
        except ValueError:
            raise KubeError(request, response.status, "the answer cannot be read") from None

    def _failed(self, request: str, status: int, message: str) -> KubeError:
        if status in (401, 403):
            self.refused.set()
        return KubeError(request, status, message)

    async def patch(self, path: str, body: Json, kind: str = "merge-patch") -> Body:
        """Patch an object. Raises StaleObject when it is gone or has changed, KubeError otherwise.

        `kind` is merge-patch (RFC 7386) or json-patch (RFC 6902): a test in it that fails is a change as well. A
        process that was frozen while another became the leader must not write what it meant to write before.
        """
        if not self.leads():
            raise KubeError(f"PATCH {path}", 0, "not sent: this process is not the leader")
        try:
            patched: Body = await self.request(
                "PATCH",
                path,
                query={"fieldManager": "ram-operator"},
                body=body,
                headers={"Content-Type": f"application/{kind}+json"},
            )
        except KubeError as error:
            if error.status in (404, 409) or (kind == "json-patch" and error.status == 422):
                raise StaleObject(str(error)) from None
            raise
        return patched

    def path_of(self, key: ObjectKey) -> str:
        """The URL path of one of our objects."""
        [plural] = [each.plural for each in self.resources if each.kind == key.kind]
        return f"{API}/{plural}/{key.name}"

    async def names(self, path: str) -> set[str]:
        """List the names of a cluster-scoped resource, in pages and without the objects themselves."""
        names: set[str] = set()
        query = {"limit": str(PAGE), "includeObject": "None"}
        while True:
            page = await self.request("GET", path, query=query, headers={"Accept": TABLE})
            column = [each["format"] for each in page["columnDefinitions"]].index("name")
            names |= {row["cells"][column] for row in page["rows"] or ()}
            if not (more := page["metadata"].get("continue")):
                return names
            query["continue"] = more

    async def objects(self, path: str) -> AsyncIterator[Body]:
        """List a cluster-scoped resource, in pages. Raises KubeError."""
        query = {"limit": str(PAGE)}
        while True:
            page = await self.request("GET", path, query=query)
            for body in page.get("items") or ():
                yield body
            if not (more := page["metadata"].get("continue")):
                return
            query["continue"] = more

    async def read(self, key: ObjectKey) -> Body | None:
        """Read one of our objects; None where it is gone."""
        return await self._get(self.path_of(key))

    async def read_node(self, name: str) -> Body | None:
        """Read a Node; None where it is gone."""
        return await self._get(f"{NODES}/{name}")

    async def _get(self, path: str) -> Body | None:
        try:
            body: Body = await self.request("GET", path)
        except KubeError as error:
            if error.status == 404:
                return None
            raise
        return body

    async def cluster_uid(self) -> str:
        """The UID of kube-system, which lives as long as the cluster does."""
        namespace = await self.request("GET", "/api/v1/namespaces/kube-system")
        return str(namespace["metadata"]["uid"])

    async def service_account(self) -> str:
        """The user name of the ServiceAccount that this connection has; empty where it has another user."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await self.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body)
        name = str(answer["status"]["userInfo"]["username"])
        return name if name.startswith("system:serviceaccount:") else ""

    async def missing_kinds(self) -> list[str]:
        """Which of our resources the API server does not serve."""
        try:
            served = await self.request("GET", API)
        except KubeError as error:
            if error.status == 404:
                return [f"{each.plural}.{GROUP}" for each in self.resources]
            raise
        names = {resource["name"] for resource in served.get("resources") or ()}
        return [f"{each.plural}.{GROUP}" for each in self.resources if each.plural not in names]

    async def missing_permissions(self) -> list[str]:
        """Which of `permissions` our account lacks, in words."""
        needed = permissions(self.resources, self.lease, marks_nodes=self.marks_nodes)
        wanted = [(group, what, verb, *where) for group, what, verbs, *where in needed for verb in verbs]
        granted = await asyncio.gather(*(self._may(*right) for right in wanted))
        return [
            f"{verb} {what}{group and '.'}{group}{name and ' '}{name}" + (f" in namespace {space}" if space else "")
            for (group, what, verb, space, name), allowed in zip(wanted, granted, strict=True)
            if not allowed
        ]

    async def _may(self, group: str, what: str, verb: str, namespace: str, name: str) -> bool:
        resource, _, part = what.partition("/")
        asked = {"group": group, "resource": resource, "subresource": part, "verb": verb}
        asked |= {"namespace": namespace, "name": name}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        answer = await self.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
        return bool(answer["status"].get("allowed"))

    async def close(self) -> None:
        """Close the connection."""
        await self.client.close()  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class ObjectStore:
    """Writes finalizers and status; implements `engine.reconciler.Store`.

    Args:
        kube: the connection.
        known: the cached version of an object.
        stored: is called with each object as the API server stored it, before the watch has it.
        gone: is called with the key and the uid of each object that is gone.
    """

    kube: Kube
    known: Callable[[ObjectKey], Body | None]
    stored: Callable[[Body], None]
    gone: Callable[[ObjectKey, str], None]

    async def set_finalizer(self, body: Body, present: bool) -> Body:
        """Add or remove our finalizer, if and only if nobody changed the object since it was read."""
        metadata = body["metadata"]
        others = [name for name in metadata.get("finalizers") or () if name != FINALIZER]
        wanted = [*others, FINALIZER] if present else others
        if wanted == (metadata.get("finalizers") or []):
            return body
        patch = {"metadata": {"finalizers": wanted, **_exactly(body, "uid", "resourceVersion")}}
        result = await self.kube.patch(self.kube.path_of(key_of(body)), patch)
        self._take(key_of(body), metadata["uid"], result if present or others else None)
        return result

    async def write_status(self, body: Body, status: StatusFields) -> Body:
        """Make `status` the object's status, if and only if nobody changed the object since it was read.

        A leader that was frozen thus overwrites nothing of the next one's. Writes nothing where it is that already.
        """
        change = merge_patch(body.get("status") or {}, status)
        if not change:
            return body
        patch = {"metadata": _exactly(body, "uid", "resourceVersion"), "status": change}
        result = await self.kube.patch(f"{self.kube.path_of(key_of(body))}/status", patch)
        self._take(key_of(body), body["metadata"]["uid"], result)
        return result

    async def refresh(self, key: ObjectKey) -> None:
        """Read an object again, and update or remove it in the cache."""
        before = _uid(self.known(key))
        self._take(key, before, await self.kube.read(key))

    def _take(self, key: ObjectKey, before: str, answer: Body | None) -> None:
        """Take an answer of the API server, unless the watch brought a later object, or a deletion, meanwhile.

        `before` is the uid that was cached when the request was sent, empty where there was none.
        """
        now = _uid(self.known(key))
        if answer is None and before:
            self.gone(key, before)
        elif answer is not None and now in (before, _uid(answer)):
            self.stored(answer)


def _uid(body: Body | None) -> str:
    return str(body["metadata"]["uid"]) if body else ""


def key_of(body: Body) -> ObjectKey:
    """The key of an object."""
    return ObjectKey(body["kind"], body["metadata"]["name"])


def merge_patch(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, Json]:
    """The JSON merge patch (RFC 7386) that makes `after` of `before`; empty where they are equal."""
    patch: dict[str, Json] = dict.fromkeys(before.keys() - after.keys())
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if inner := merge_patch(old, value):
                patch[key] = inner
        elif key not in before or old != value:
            patch[key] = value
    return patch


def _exactly(body: Body, *fields: str) -> dict[str, Json]:
    return {field: body["metadata"][field] for field in fields}


def _message(data: object) -> str:
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data or "")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]


def path_of_all(resource: Resource) -> str:
    """The URL path of all objects of one of our resources."""
    return f"{API}/{resource.plural}"
