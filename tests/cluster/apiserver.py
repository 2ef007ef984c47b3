"""A plain HTTP client of the API server, for tests that poll it often: kubectl takes a fifth of a second per call."""

import base64
import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

GROUP = "/apis/ram.alicloud.dev/v1alpha1"
COLLECTIONS = {
    "RamPolicy": f"{GROUP}/rampolicies",
    "RamRole": f"{GROUP}/ramroles",
    "InstanceRoleBinding": f"{GROUP}/instancerolebindings",
    "RamGroup": f"{GROUP}/ramgroups",
    "Node": "/api/v1/nodes",
    "Event": "/apis/events.k8s.io/v1/namespaces/default/events",
}


class Refused(Exception):
    """An answer other than 2xx. `status` is the HTTP status, the text what the API server said."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


def path_of(target: str) -> str:
    """The URL path of `Kind/name`."""
    kind, _, name = target.partition("/")
    return f"{COLLECTIONS[kind]}/{name}"


class ApiServer:
    """One kept-alive connection with the rights of a kubeconfig; `headers` go with each request."""

    def __init__(self, kubeconfig: Path, headers: Mapping[str, str] | None = None) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        self.address = urlsplit(cluster["server"]).netloc
        self.token: str = user["token"]
        self._headers = dict(headers or {})
        self._connection = http.client.HTTPSConnection(self.address, context=context, timeout=30)

    def request(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Any:
        """Make a request and return its JSON."""
        text = self.send(method, path, None if body is None else json.dumps(body).encode(), content)
        return json.loads(text) if text else {}

    def send(self, method: str, path: str, data: bytes | None, content: str = "application/json") -> str:
        """Make a request and return its text; one more try where the kept connection was closed meanwhile."""
        headers = {**self._headers, "Authorization": f"Bearer {self.token}", "Content-Type": content}
        try:
            answer, text = self._exchange(method, path, data, headers)
        except (OSError, http.client.HTTPException):
            answer, text = self._exchange(method, path, data, headers)
        if answer.status >= 300:
            raise Refused(answer.status, text)
        return text

    def _exchange(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, str]:
        try:
            self._connection.request(method, path, data, dict(headers))
            answer = self._connection.getresponse()
            return answer, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def get(self, target: str) -> dict[str, Any] | None:
        """Return the object `Kind/name`, None where there is none."""
        try:
            body: dict[str, Any] = self.request("GET", path_of(target))
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise
        return body

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind."""
        items: list[dict[str, Any]] = self.request("GET", COLLECTIONS[kind])["items"]
        return items

    def create(self, *objects: Mapping[str, Any]) -> None:
        """Create objects, in their order."""
        for body in objects:
            self.request("POST", COLLECTIONS[body["kind"]], body)

    def patch(self, target: str, change: Mapping[str, Any]) -> None:
        """Merge-patch `Kind/name`."""
        self.request("PATCH", path_of(target), change, "application/merge-patch+json")

    def delete(self, *targets: str) -> None:
        """Ask for deletion; what is gone already is no error."""
        for target in targets:
            try:
                self.request("DELETE", path_of(target))
            except Refused as refusal:
                if refusal.status != 404:
                    raise

    def delete_all(self, kind: str) -> None:
        """Ask for the deletion of all objects of a kind."""
        self.request("DELETE", COLLECTIONS[kind])

    def events(self, target: str) -> list[dict[str, Any]]:
        """Return the events about `Kind/name`, oldest first."""
        kind, _, name = target.partition("/")
        query = urlencode({"fieldSelector": f"regarding.kind={kind},regarding.name={name}"})
        items: list[dict[str, Any]] = self.request("GET", f"{COLLECTIONS['Event']}?{query}")["items"]
        return sorted(items, key=lambda item: str(item["eventTime"]))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
