"""A client of the API server that costs little, so that measuring does not slow down what is measured."""

import base64
import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

GROUP: Final = "/apis/ram.alicloud.dev/v1alpha1"


class ApiServer:
    """The API server of a sandbox, as its administrator.

    Args:
        kubeconfig: as the sandbox writes it: JSON, with a token.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._url = cluster["server"]
        self._headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        handlers = (
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata=authority)),
        )
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str) -> Any:
        """Return what is at a path."""
        with self.open(path) as answer:
            return json.load(answer)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Merge a body into what is at a path."""
        headers = self._headers | {"Content-Type": "application/merge-patch+json"}
        request = urllib.request.Request(self._url + path, json.dumps(body).encode(), headers, method="PATCH")
        with self._opener.open(request, timeout=60) as answer:
            return json.load(answer)

    def open(self, path: str) -> Any:
        """Return the open answer of a GET."""
        return self._opener.open(urllib.request.Request(self._url + path, headers=self._headers), timeout=600)


class Watch:
    """Follows the objects of one kind, from now on, until its thread is ended by the end of the API server.

    Args:
        apiserver: where.
        plural: of the kind.
        settled: tells whether an object is as wanted.
    """

    def __init__(self, apiserver: ApiServer, plural: str, settled: Callable[[dict[str, Any]], bool]) -> None:
        self._settled = settled
        self._names: set[str] = set()
        self._changed = threading.Condition()
        self._last = 0.0
        listed = apiserver.get(f"{GROUP}/{plural}")
        version = listed["metadata"]["resourceVersion"]
        stream = apiserver.open(f"{GROUP}/{plural}?watch=1&resourceVersion={version}")
        threading.Thread(target=self._follow, args=(stream,), daemon=True).start()

    def wait(self, count: int, timeout_seconds: float) -> float:
        """Wait until as many objects are settled, and return when the last one became so (monotonic seconds)."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._names) >= count, timeout_seconds):
                raise TimeoutError(f"{len(self._names)} of {count} are settled after {timeout_seconds:.0f} s")
            return self._last

    def _follow(self, stream: Any) -> None:
        for line in stream:
            item = json.loads(line)["object"]
            name = item["metadata"]["name"]
            with self._changed:
                if self._settled(item) and name not in self._names:
                    self._names.add(name)
                    self._last = time.monotonic()
                elif not self._settled(item):
                    self._names.discard(name)
                self._changed.notify_all()


def ready(item: dict[str, Any]) -> bool:
    """Tell whether an object is Ready for what its spec says now."""
    status = item.get("status", {})
    if status.get("observedGeneration") != item["metadata"]["generation"]:
        return False
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in status.get("conditions", []))
