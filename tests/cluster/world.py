"""Everything that a test of the running operator looks at: API server, simulated cloud, process, and another hand.

Objects are named as kubectl names them, `RamRole/oss-reader`. What has to become true is polled for, never slept for.
"""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.cluster.apiserver import ApiServer, Refused
from tests.cluster.forwarder import Forwarder, forwarded, redirected
from tests.conftest import RunningSandbox
from tests.polling import PATIENCE, until

OWN_KINDS = ("InstanceRoleBinding", "RamRole", "RamPolicy")
SETTINGS = {"RAM_OPERATOR_SWEEP_INTERVAL_SECONDS": "0.5"}
# what the chart's Deployment is given to end, terminationGracePeriodSeconds
GRACE_SECONDS = 45
_MANY = 100_000


class World:
    """The session's sandbox as the tests here use it.

    Attributes:
        api: the API server, as an administrator.
        sandbox: everything; `world.kubectl` is the real kubectl.
        cloud: the simulator's control service.
    """

    def __init__(self, sandbox: RunningSandbox, api: ApiServer) -> None:
        self.sandbox = sandbox
        self.api = api
        self.cloud = sandbox.simulator
        self.operator = sandbox.operator
        self.kubectl = sandbox.kubectl

    def instance(self, **facts: str) -> str:
        """Make an instance in the cloud and return its id."""
        body = {"region": "cn-hangzhou", "networkType": "vpc", **facts}
        return str(self.cloud.post("/instances", body)["instanceId"])

    def add_nodes(self, pool: str, *names: str) -> dict[str, str]:
        """Create Nodes of a pool, each with an instance of its own; return the instances by node."""
        made = {name: self.instance() for name in names}
        for name, instance in made.items():
            labels = {"pool": pool}
            metadata = {"name": name, "labels": labels}
            spec = {"providerID": f"cn-hangzhou.{instance}"}
            self.api.create({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec})
        return made

    def body(self, target: str) -> dict[str, Any]:
        """Return an object that must be there."""
        found = self.api.get(target)
        assert found is not None, f"{target} is gone"
        return found

    def status(self, target: str) -> dict[str, Any]:
        """Return the status of an object, empty where it has none yet."""
        found: dict[str, Any] = self.body(target).get("status") or {}
        return found

    def condition(self, target: str, kind: str = "Ready") -> dict[str, Any]:
        """Return a condition of an object, empty where it does not have it."""
        rows = self.status(target).get("conditions") or []
        return next((row for row in rows if row["type"] == kind), {})

    def ready(self, *targets: str, timeout: float = PATIENCE) -> None:
        """Wait until these objects are Ready, each in its present generation and with nothing else to say."""
        deadline = time.monotonic() + timeout
        for target in targets:

            def is_ready(target: str = target) -> bool:
                body = self.body(target)
                status = body.get("status") or {}
                rows = {row["type"]: row for row in status.get("conditions") or []}
                assert set(rows) == {"Ready"}, f"{target}: {rows}"
                assert rows["Ready"]["status"] == "True", f"{target}: {rows}"
                assert rows["Ready"]["observedGeneration"] == body["metadata"]["generation"], f"{target}: {rows}"
                return True

            until(is_ready, max(1.0, deadline - time.monotonic()))

    def says(self, target: str, reason: str, *words: str, kind: str = "Stalled", timeout: float = PATIENCE) -> str:
        """Wait until a condition of the object has this reason and these words; return its message."""

        def said() -> bool:
            body = self.body(target)
            rows: list[dict[str, Any]] = (body.get("status") or {}).get("conditions") or []
            row = next((row for row in rows if row["type"] == kind), {})
            assert row.get("reason") == reason, f"{target}: {rows}"
            assert row["observedGeneration"] == body["metadata"]["generation"], f"{target}: {rows}"
            assert all(word in row["message"] for word in words), f"{target}: {row}"
            return True

        until(said, timeout)
        return str(self.condition(target, kind)["message"])

    def gone(self, *targets: str, timeout: float = PATIENCE) -> None:
        """Wait until these objects are gone."""
        deadline = time.monotonic() + timeout
        for target in targets:

            def is_gone(target: str = target) -> bool:
                body = self.api.get(target)
                assert body is None, f"{target} is still there: {body.get('status') if body else None}"
                return True

            until(is_gone, max(1.0, deadline - time.monotonic()))

    def delete(self, *targets: str, timeout: float = PATIENCE) -> None:
        """Delete objects and wait until they are gone."""
        self.api.delete(*targets)
        self.gone(*targets, timeout=timeout)

    def rows(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the rows of a binding by node."""
        rows = self.status(f"InstanceRoleBinding/{name}").get("instances") or []
        return {row.get("node", row.get("instance")): row for row in rows}

    def row(self, name: str, node: str, state: str, reason: str = "", timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait until a binding's row of a node has this state and reason; return it."""

        def has_it() -> bool:
            rows = self.rows(name)
            row = rows.get(node, {})
            assert (row.get("state"), row.get("reason", "")) == (state, reason), f"{name}: {rows}"
            return True

        until(has_it, timeout)
        return self.rows(name)[node]

    def attached(self, name: str, *nodes: str, timeout: float = PATIENCE) -> None:
        """Wait until a binding has its role on exactly these nodes, and on no other."""

        def is_so() -> bool:
            rows = self.rows(name)
            assert {node for node, row in rows.items() if row["state"] == "Attached"} == set(nodes), f"{name}: {rows}"
            return True

        until(is_so, timeout)

    def state(self) -> dict[str, Any]:
        """Return what there is in the cloud."""
        found: dict[str, Any] = self.cloud.get("/state")
        return found

    def cloud_policy(self, name: str) -> dict[str, Any] | None:
        """Return a custom policy of the cloud, None where there is none."""
        found = (one for one in self.state()["policies"] if (one["policyType"], one["policyName"]) == ("Custom", name))
        return next(found, None)

    def cloud_role(self, name: str) -> dict[str, Any] | None:
        """Return a role of the cloud, None where there is none."""
        return next((one for one in self.state()["roles"] if one["roleName"] == name), None)

    def policies_of(self, role: str) -> set[str]:
        """Return the names of the policies that a role of the cloud has."""
        return {one["policyName"] for one in self.state()["attachments"] if one.get("roleName") == role}

    def role_of(self, instance: str) -> str:
        """Return the role that an instance has, "" for none."""
        found = {one["instanceId"]: one["ramRoleName"] for one in self.state()["instances"]}
        return str(found[instance])

    def has_role(self, instance: str, role: str, timeout: float = PATIENCE) -> None:
        """Wait until an instance has this role, "" for none."""

        def is_so() -> bool:
            assert (has := self.role_of(instance)) == role, f"{instance} has {has!r}, not {role!r}"
            return True

        until(is_so, timeout)

    def mark(self) -> int:
        """Return the number of the newest cloud call, for `writes` and `calls`."""
        return self.cloud.last_call()

    def calls(self, mark: int) -> list[dict[str, Any]]:
        """Return the cloud calls after a mark."""
        return self.cloud.journal(mark)

    def writes(self, mark: int) -> list[dict[str, Any]]:
        """Return the writing cloud calls after a mark, refused ones included."""
        return [call for call in self.calls(mark) if call["write"]]

    def actions(self, mark: int) -> list[str]:
        """Return the actions of the writing cloud calls after a mark."""
        return [call["action"] for call in self.writes(mark)]

    def fault(self, action: str, count: int = 1, **way: Any) -> None:
        """Let the next calls of an action fail."""
        self.cloud.post("/faults", {"action": action, "count": count, **way})

    def hold(self, action: str, **params: str) -> None:
        """Let all calls of an action, or those with these parameters, wait on their way until `let_go`."""
        # many, since the operator calls again when it has waited long enough
        self.fault(action, _MANY, params=params, delaySeconds=3600)

    @contextmanager
    def stopped_operator(self) -> Iterator[None]:
        """Keep the operator from doing anything while another hand changes things, and a test looks at them."""
        os.kill(self.operator.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.operator.pid, signal.SIGCONT)

    def held(self, action: str) -> None:
        """Wait until a call to hold has arrived."""

        def arrived() -> bool:
            counts = [one["count"] for one in self.cloud.get("/faults")["faults"] if one["action"] == action]
            return bool(sum(counts) < _MANY)

        until(arrived, what=f"{action} has arrived")

    def let_go(self) -> None:
        """Take all faults back, and let the calls take effect that are held."""
        self.cloud.delete("/faults")

    def versions(self, *kinds: str) -> dict[str, str]:
        """Return the resource version of every object of these kinds."""
        return {
            f"{kind}/{body['metadata']['name']}": body["metadata"]["resourceVersion"]
            for kind in kinds or (*OWN_KINDS, "Node")
            for body in self.api.objects(kind)
        }

    def probe(self, path: str) -> tuple[int, str]:
        """GET a path of the operator's own port; return status and text, status 0 where nothing answers."""
        try:
            with urllib.request.urlopen(self.operator.url + path, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric of the operator over all its series with these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in self.probe("/metrics")[1].splitlines() if line.split("{")[0].split(" ")[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))

    def sweeps_pass(self, times: int = 2) -> None:
        """Wait until that many more sweeps of every kind with objects have ended."""
        kinds = [kind for kind in OWN_KINDS if self.api.objects(kind)]
        before = {kind: self.metric("ram_operator_sweeps_total", kind=kind, result="done") for kind in kinds}
        for kind, count in before.items():

            def swept(kind: str = kind, count: float = count) -> bool:
                return self.metric("ram_operator_sweeps_total", kind=kind, result="done") >= count + times

            until(swept, what=f"sweeps of {kind}")

    def event(self, target: str, reason: str, *words: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait for an event about an object with this reason ("" for any) and these words; return it."""

        def seen() -> dict[str, Any]:
            events = self.api.events(target)
            notes = [(event["reason"], event["note"]) for event in events]
            told = [event for event in events if reason in ("", event["reason"])]
            found = [event for event in told if all(word in event["note"] for word in words)]
            assert found, f"{target}: {notes}"
            return found[-1]

        return until(seen, timeout)

    @contextmanager
    def environment(self, **variables: str) -> Iterator[None]:
        """Run the operator with other environment variables for a while."""
        self.operator.restart({**SETTINGS, **variables})
        try:
            yield
        finally:
            self.operator.restart(SETTINGS)

    @contextmanager
    def far_apiserver(self, folder: Path) -> Iterator[Forwarder]:
        """Run the operator for a while with a line to the API server that can be cut."""
        with forwarded(int(self.api.address.rpartition(":")[2])) as line:
            kubeconfig = redirected(self.operator.folder / "operator.kubeconfig", line.port, folder / "far.kubeconfig")
            with self.environment(KUBECONFIG=str(kubeconfig)):
                yield line

    @contextmanager
    def environment_without_waiting(self, **variables: str) -> Iterator[None]:
        """The same for an operator that cannot be ready now."""
        self.operator.stop()
        self.operator.launch({**SETTINGS, **variables})
        try:
            yield
        finally:
            self.operator.restart(SETTINGS)

    def settings(self, **values: str) -> AbstractContextManager[None]:
        """Run the operator with other settings for a while: `node_gone_seconds="2"`."""
        return self.environment(**{f"RAM_OPERATOR_{name.upper()}": value for name, value in values.items()})

    def reset(self) -> None:
        """Bring cluster, cloud and operator back to what they were at the start."""
        self.cloud.delete("/faults")
        if not self.operator.child.running:
            self.operator.start(SETTINGS)
        for kind in OWN_KINDS:
            self.api.delete_all(kind)
        with suppress(AssertionError):
            until(lambda: not self.api.objects("InstanceRoleBinding"), 5)
        # what a test has left in the cloud must not keep roles and policies from going
        self.cloud.post("/reset")
        self._await_deletion()
        self.api.delete_all("Node")
        self.api.delete_all("Event")
        self.cloud.post("/reset")

    def _await_deletion(self) -> None:
        """Wait until all our objects are gone; ask again those that wait for something of the cloud as it was."""
        left = [f"{kind}/{body['metadata']['name']}" for kind in OWN_KINDS for body in self.api.objects(kind)]
        for target in left:
            with suppress(Refused):
                self.api.patch(target, {"metadata": {"annotations": {"ram.alicloud.dev/reconcile-at": "reset"}}})
        try:
            until(lambda: not any(self.api.objects(kind) for kind in OWN_KINDS), 20, "all objects are gone")
        except AssertionError:
            self._release()

    def _release(self) -> None:
        """Take the finalizers off what a failed test has left."""
        for kind in OWN_KINDS:
            for body in self.api.objects(kind):
                self.api.patch(f"{kind}/{body['metadata']['name']}", {"metadata": {"finalizers": None}})
        self.operator.restart(SETTINGS)


def log_lines(text: str) -> list[Mapping[str, Any]]:
    """Read the operator's log; a line that is no JSON object is wrong."""
    lines: list[Mapping[str, Any]] = []
    for line in text.splitlines():
        if line.strip():
            assert line.startswith("{"), f"the operator logged a line that is no JSON: {line}"
            lines.append(json.loads(line))
    return lines
