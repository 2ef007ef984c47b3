"""A client of the API server that costs little, so that measuring does not slow down what is measured."""

import base64
import json
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

GROUP: Final = "/apis/ram.alicloud.dev/v1alpha1"
CLIENTS: Final = 4


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
    """Follows the objects of one kind, from now on, until the API server ends.

    Args:
        apiserver: where.
        plural: of the kind.
        settled: tells whether an object is as wanted.
    """

    def __init__(self, apiserver: ApiServer, plural: str, settled: Callable[[dict[str, Any]], bool]) -> None:
        self._apiserver = apiserver
        self._path = f"{GROUP}/{plural}"
        self._settled = settled
        self._names: set[str] = set()
        self._changed = threading.Condition()
        self._last = 0.0
        self._since = self._list()
        threading.Thread(target=self._follow, daemon=True).start()

    def wait(self, count: int, timeout_seconds: float) -> float:
        """Wait until as many objects are settled, and return when the last one became so (monotonic seconds)."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._names) >= count, timeout_seconds):
                raise TimeoutError(f"{len(self._names)} of {count} are settled after {timeout_seconds:.0f} s")
            return self._last

    def _follow(self) -> None:
        while True:
            # A watcher that is too slow for the API server's buffer is ended, and has to list again.
            with suppress(ValueError):
                for line in self._apiserver.open(f"{self._path}?watch=1&resourceVersion={self._since}"):
                    self._take(json.loads(line)["object"])
            try:
                self._since = self._list()
            except OSError:
                return

    def _list(self) -> str:
        listed = self._apiserver.get(self._path)
        for item in listed["items"]:
            self._take(item)
        return str(listed["metadata"]["resourceVersion"])

    def _take(self, item: dict[str, Any]) -> None:
        if "name" not in item.get("metadata", {}):
            return
        name, settled = item["metadata"]["name"], self._settled(item)
        with self._changed:
            if settled and name not in self._names:
                self._names.add(name)
                self._last = time.monotonic()
            elif not settled:
                self._names.discard(name)
            self._changed.notify_all()


def ready(item: dict[str, Any]) -> bool:
    """Tell whether an object is Ready for what its spec says now."""
    status = item.get("status", {})
    if status.get("observedGeneration") != item["metadata"]["generation"]:
        return False
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in status.get("conditions", []))


def send(kubeconfig: Path, requests: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
    """Make requests of the API server over a few connections that stay open.

    Raises:
        RuntimeError: it refused one.
    """
    left, refused = iter(requests), list[str]()
    lock = threading.Lock()

    def work() -> None:
        connection, headers = connect(kubeconfig)
        while True:
            with lock:
                request = next(left, None)
            if request is None or refused:
                connection.close()
                return
            method, path, body = request
            kind = "application/json" if method == "POST" else "application/strategic-merge-patch+json"
            connection.request(method, path, json.dumps(body), headers | {"Content-Type": kind})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                refused.append(f"{method} {path}: {answer.status} {text[:200]!r}")

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        raise RuntimeError(refused[0])


def connect(kubeconfig: Path) -> tuple[HTTPSConnection, dict[str, str]]:
    """Return a connection to the API server of a kubeconfig, and the headers of its user."""
    config = json.loads(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    connection = HTTPSConnection(urlsplit(cluster["server"]).netloc, timeout=60, context=context)
    return connection, {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
