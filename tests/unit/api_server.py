"""A small API server over HTTP, for what kopf does with answers that a real one gives only now and then."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from ram_operator.model import GROUP, VERSION, Resource

OURS = f"{GROUP}/{VERSION}"


class ApiServer:
    """Serves lists and watches of nodes and of our resources.

    Attributes:
        objects: by plural and name.
        refusing: the HTTP status that each watch is answered with, by plural.
        asked: how many requests there were, by plural and `list` or `watch`.
    """

    def __init__(self, *resources: Resource) -> None:
        self.objects: dict[str, dict[str, dict[str, Any]]] = {"nodes": {}, **{one.plural: {} for one in resources}}
        self.refusing: dict[str, int] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self._version = 100
        self._kinds = {"nodes": "Node", **{one.plural: one.kind for one in resources}}
        self._watching: dict[str, list[asyncio.Queue[bytes | None]]] = {plural: [] for plural in self._kinds}
        self._runner: web.AppRunner | None = None

    async def start(self, folder: Path) -> Path:
        """Listen; return a kubeconfig for it."""
        app = web.Application()
        app.router.add_get("/api", self._core)
        app.router.add_get("/apis", self._groups)
        app.router.add_get("/api/v1", self._resources)
        app.router.add_get(f"/apis/{OURS}", self._resources)
        app.router.add_get("/api/v1/{plural}", self._serve)
        app.router.add_get(f"/apis/{OURS}/{{plural}}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        config = {
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{"name": "x", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "x", "user": {"token": "x"}}],
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    async def stop(self) -> None:
        """End all watches and stop listening."""
        self.cut()
        if self._runner:
            await self._runner.cleanup()

    def put(self, plural: str, body: Mapping[str, Any]) -> None:
        """Create or change an object."""
        self._version += 1
        name = body["metadata"]["name"]
        type_ = "MODIFIED" if name in self.objects[plural] else "ADDED"
        stored = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}}
        self.objects[plural][name] = stored
        self._tell(plural, type_, stored)

    def refuse(self, status: int, *plurals: str) -> None:
        """End the watches of these, of all where none is named, and refuse new ones."""
        self.refusing = dict.fromkeys(plurals or self._kinds, status)
        self.cut(*plurals)

    def cut(self, *plurals: str) -> None:
        """End the watches of these, of all where none is named, as a time-out does."""
        for plural in plurals or self._kinds:
            for queue in self._watching[plural]:
                queue.put_nowait(None)

    def _tell(self, plural: str, type_: str, body: Mapping[str, Any]) -> None:
        for queue in self._watching[plural]:
            queue.put_nowait(json.dumps({"type": type_, "object": body}).encode() + b"\n")

    async def _core(self, _: web.Request) -> web.Response:
        return web.json_response({"versions": ["v1"]})

    async def _groups(self, _: web.Request) -> web.Response:
        version = {"groupVersion": OURS, "version": VERSION}
        return web.json_response({"groups": [{"name": GROUP, "versions": [version], "preferredVersion": version}]})

    async def _resources(self, request: web.Request) -> web.Response:
        core = request.path == "/api/v1"
        verbs = ["get", "list", "watch", "patch"]
        rows = [
            {"name": plural, "singularName": "", "kind": kind, "namespaced": False, "verbs": verbs}
            # kopf waits for namespaces to be among them, although it watches none
            for plural, kind in {**self._kinds, "namespaces": "Namespace"}.items()
            if (plural in ("nodes", "namespaces")) == core
        ]
        return web.json_response({"groupVersion": "v1" if core else OURS, "resources": rows})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        watching = "watch" in request.query
        self.asked[plural, "watch" if watching else "list"] += 1
        if not watching:
            return web.json_response(self._page(plural, request.query))
        if status := self.refusing.get(plural):
            return web.json_response({"kind": "Status", "code": status, "message": "no"}, status=status)
        return await self._watch(request, plural)

    def _page(self, plural: str, query: Mapping[str, str]) -> dict[str, Any]:
        items, first = list(self.objects[plural].values()), int(query.get("continue", "0"))
        after = first + int(query.get("limit", len(items)))
        metadata = {"resourceVersion": str(self._version), **({"continue": str(after)} if after < len(items) else {})}
        return {"kind": f"{self._kinds[plural]}List", "items": items[first:after], "metadata": metadata}

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watching[plural].append(queue)
        answer = web.StreamResponse()
        await answer.prepare(request)
        with suppress(ConnectionResetError):
            while line := await queue.get():
                await answer.write(line)
        self._watching[plural].remove(queue)
        return answer
