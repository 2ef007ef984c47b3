"""How long nobody writes when the leader of two replicas goes, over everything that a cluster has."""

import os
import signal
import time
from collections.abc import Callable

from tests.bench.apiserver import ApiServer, send
from tests.bench.measurements import SETTINGS, Figures, edited_in_force
from tests.lease_rights import LEASES, RBAC, lease_rights, named

from ram_sandbox.operator_process import OperatorProcess
from ram_sandbox.sandbox import Sandbox

LEASE = "bench"
WAIT_SECONDS = 60.0


def hand_over(sandbox: Sandbox, edited: tuple[int, int]) -> Figures:
    """Run two replicas, take the leader away twice, and return how long an edit waited that was made just then.

    Args:
        sandbox: with roles and policies.
        edited: the numbers of two policies that nobody has edited yet.
    """
    rights = lease_rights(LEASE, sandbox.installation.namespace)
    send(sandbox.kubeconfig, (("POST", f"{RBAC}/{plural}", body) for plural, body in rights.items()))
    settings = SETTINGS | named(LEASE)
    folder = sandbox.folder / "standby"
    folder.mkdir(mode=0o700)
    first, second = sandbox.operator, OperatorProcess(sandbox.installation, sandbox.simulator, folder, os.environ)
    first.restart(settings)
    await_leader(sandbox)
    try:
        second.start(settings)
        killed = without_writer(sandbox, edited[0], first.kill)
        first.start()
        told = without_writer(sandbox, edited[1], lambda: second.child.signal(signal.SIGTERM))
    finally:
        second.stop()
    return {"leader killed: s to the next write": killed, "leader told to end: s to the next write": told}


def without_writer(sandbox: Sandbox, number: int, end_leader: Callable[[], object]) -> float:
    """End the leader, edit the policy of a number, and return after how many seconds the edit was in force."""
    began = time.monotonic()
    end_leader()
    edited_in_force(sandbox, ApiServer(sandbox.kubeconfig), number)
    return time.monotonic() - began


def await_leader(sandbox: Sandbox) -> None:
    """Wait until somebody holds the Lease."""
    apiserver, end = ApiServer(sandbox.kubeconfig), time.monotonic() + WAIT_SECONDS
    while not any(item["metadata"]["name"] == LEASE for item in apiserver.get(LEASES)["items"]):
        if time.monotonic() > end:
            raise TimeoutError("nobody takes the Lease")
        time.sleep(0.2)
