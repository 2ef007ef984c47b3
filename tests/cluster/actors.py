"""People and programs with few rights, and what the API server says to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.apiserver import COLLECTIONS, ApiServer, Refused, path_of

MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who sends requests under a name of their own: an administrator impersonates them.

    Each request returns what the API server said against it, nothing if it did what was asked.

    Attributes:
        kubeconfig: of an administrator.
        name: of the user.
        group: of the user, beside `system:authenticated`.
    """

    kubeconfig: Path
    name: str
    group: str = ""

    def create(self, body: Mapping[str, Any], dry: bool = True) -> str:
        """Create an object, by default without storing it."""
        return self.ask("POST", COLLECTIONS[body["kind"]] + ("?dryRun=All" if dry else ""), body)

    def patch(self, name: str, change: Mapping[str, Any], subresource: str = "") -> str:
        """Merge a patch into the object `Kind/name`, or into a subresource of it."""
        return self.ask("PATCH", path_of(name) + (f"/{subresource}" if subresource else ""), change)

    def delete(self, name: str) -> str:
        """Ask for the deletion of the object `Kind/name`."""
        return self.ask("DELETE", path_of(name))

    def see(self, kind: str) -> str:
        """List the objects of a kind."""
        return self.ask("GET", COLLECTIONS[kind])

    def may(self, verb: str, group: str, resource: str, name: str = "") -> bool:
        """Ask whether RBAC lets them do something to a resource, everywhere or to one object."""
        resource, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource, "name": name}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        body = {**review, "spec": {"resourceAttributes": attributes}}
        answer = self._request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
        return bool(answer["status"]["allowed"])

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
        """Make any request."""
        try:
            self._request(method, path, body)
        except Refused as refusal:
            return str(refusal)
        return ""

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        group = {"Impersonate-Group": self.group} if self.group else {}
        api = ApiServer(self.kubeconfig, {"Impersonate-User": self.name, **group})
        try:
            return api.request(method, path, body, MERGE if method == "PATCH" else "application/json")
        finally:
            api.close()
