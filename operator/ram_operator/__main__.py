"""The command `ram-operator`: settings -> clients -> parts -> run. The one place where the parts are put together."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import signal
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from ram_operator import metrics
from ram_operator.cloud import Cloud
from ram_operator.cloud.client.signing import own_version
from ram_operator.cloud.configuration import configured, problems
from ram_operator.cloud.connection import connect
from ram_operator.cluster import census
from ram_operator.cluster import kube as cluster
from ram_operator.cluster.admission import AdmissionCheck, shipped
from ram_operator.cluster.caches import Caches
from ram_operator.cluster.election import Alone, Elector, KubeLease
from ram_operator.cluster.events import EventRecorder
from ram_operator.cluster.handlers import Intake, register
from ram_operator.cluster.handover import Handover
from ram_operator.cluster.kopf_settings import kopf_settings
from ram_operator.cluster.node_marks import NodeMarks
from ram_operator.cluster.resync import Resync
from ram_operator.cluster.watching import Watches
from ram_operator.commands import command_line
from ram_operator.commands.deployment import deployed
from ram_operator.commands.snapshot import snapshot
from ram_operator.engine.controller import Controller
from ram_operator.engine.filters.boundary import WithinBoundary
from ram_operator.engine.filters.contention import Contention
from ram_operator.engine.filters.mass_release import MassRelease
from ram_operator.engine.filters.modes import PlanOnly, Retain, Suspend
from ram_operator.engine.filters.rollout import Rollouts
from ram_operator.engine.filters.unconfirmed import Unconfirmed
from ram_operator.engine.reconciler import Cluster, Reconciler, Store
from ram_operator.engine.sweeps import Sweeps
from ram_operator.engine.workqueue import WorkQueue
from ram_operator.errors import CloudError, KubeError, StartupError
from ram_operator.gate import Gate, check, cluster_uid, preflight
from ram_operator.kinds import AnyKind
from ram_operator.kinds.instance_role_binding import InstanceRoleBindingKind
from ram_operator.kinds.instance_role_binding.terms import RequiredTag, RoleRules
from ram_operator.kinds.ram_policy import RamPolicyKind
from ram_operator.kinds.ram_role import RamRoleKind
from ram_operator.kinds.ram_role.swaps import PolicyLimits
from ram_operator.logs import configure
from ram_operator.probes import Probes
from ram_operator.rules.boundary import Boundary
from ram_operator.runtime import Runtime
from ram_operator.settings import Settings, from_environment

log = logging.getLogger("ram_operator")
ENDING = (signal.SIGTERM, signal.SIGINT)
OVERDUE_SECONDS = 900.0
COLLECTOR_THRESHOLDS = (5000, 4, 50)
"""After how many new objects the youngest ones are looked at, after how many times of that the next older ones."""


def main() -> None:
    """Run the command that the arguments name; without one, run the operator until it is told to stop."""
    beside_kubectl = Path(sys.argv[0]).name.startswith("kubectl")
    asked = command_line.parse(sys.argv[1:], own_version(), required=beside_kubectl)
    if asked.command is not None:
        sys.exit(_command(asked))
    configure("INFO", asked.log_format or "json")
    _tune_collector()
    # The first process of a container gets no signal that it has no handler for.
    for number in ENDING:
        signal.signal(number, _leave)
    try:
        settings = from_environment(os.environ, problems)
        configure(settings.log_level, asked.log_format or settings.log_format)
        log.info("starting", extra={"version": own_version()})
        metrics.BUILD.labels(own_version()).set(1)
        code = _serve(settings)
    except StartupError as error:
        log.critical("cannot run: %s", error)
        code = 1
    sys.exit(code)


def _tune_collector() -> None:
    """Keep Python's garbage collector from long pauses: it looks at every object that it is not told to leave alone.

    With its defaults a third of the processor time of a start with 5,000 nodes went there, in pauses of 0.1 s.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def _command(asked: command_line.Asked) -> int:
    """Run a command of people and return its exit code; what keeps it from running is one line on stderr."""
    configure("WARNING", asked.log_format or "plain")
    try:
        settings = from_environment(os.environ)
        kinds = our_kinds(settings, boundary_of(settings))
        access = command_line.Access(partial(_cloud, settings), partial(_planner, kinds))
        return command_line.run(asked, own_version(), kinds, access)
    except (StartupError, KubeError, CloudError, OSError) as error:
        print(f"ram-operator: {error}", file=sys.stderr)
        return 1


@asynccontextmanager
async def _cloud(settings: Settings) -> AsyncIterator[Cloud]:
    """The ports to the cloud."""
    async with AsyncExitStack() as opened:
        connection = connect(configured(settings, time.monotonic), time.monotonic, metrics.observe_call)
        opened.push_async_callback(connection.close)
        await connection.start()
        yield connection.cloud


@asynccontextmanager
async def _planner(ours: Sequence[AnyKind]) -> AsyncIterator[command_line.Planner]:
    """What the commands about a cluster read with: both as they are, and the pipeline that previews.

    It judges by the settings of the operator in the cluster; what this process's environment says comes before those.
    """
    async with AsyncExitStack() as opened:
        kube = await cluster.connect(kind.resource for kind in ours)
        opened.push_async_callback(kube.close)
        await check(kube, rights=False)
        found = await deployed(kube, os.environ)
        if found.unread:
            print(f"judged by the settings of this environment, not the operator's: {found.unread}", file=sys.stderr)
        settings = from_environment(found.under(os.environ))
        boundary = boundary_of(settings)
        kinds = our_kinds(settings, boundary)
        cloud = await opened.enter_async_context(_cloud(settings))
        caches = await snapshot(kube, kinds)
        identity = _identity(settings, await cluster_uid(kube))
        store = cluster.ObjectStore(kube, caches.body, lambda _: None, lambda *_: None)
        reconciler = _reconciler(settings, kinds, boundary, cloud, identity, store)
        known = settings.lease_namespace or found.unread
        lease = (settings.lease_namespace, settings.lease_name) if known else None
        yield command_line.Planner(kube, caches, reconciler, lease, _now)


def _leave(*_: object) -> None:
    sys.exit(0)


def _serve(settings: Settings) -> int:
    """Run the operator and return its exit code: 0 where a signal ends it before the runtime takes the signals."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        boundary = boundary_of(settings)
        operator = loop.create_task(run(settings, our_kinds(settings, boundary), boundary))
        for number in ENDING:
            # An exception out of a signal's handler would end whatever step the loop is at, and be logged as a bug.
            loop.add_signal_handler(number, operator.cancel)
        try:
            return loop.run_until_complete(operator)
        except asyncio.CancelledError:
            if not operator.cancelling():
                # No signal came: a part was cancelled from within, which is a bug.
                raise
            log.info("stopped before the start was complete")
            return 0


async def run(settings: Settings, kinds: Sequence[AnyKind], boundary: Boundary) -> int:
    """Build the parts for these kinds and run them; return the exit code. Raises StartupError.

    Args:
        settings: what the user sets.
        kinds: what is worked on.
        boundary: what objects of these kinds may grant.
    """
    async with AsyncExitStack() as opened:
        cloud_config = configured(settings, boot_time)
        kube = await cluster.connect(kind.resource for kind in kinds)
        opened.push_async_callback(kube.close)
        kube.marks_nodes = settings.mark_nodes
        leadership = _leadership(settings, kube)
        connection = connect(
            cloud_config, boot_time, metrics.observe_call, leadership, observe_wait=metrics.observe_wait
        )
        opened.push_async_callback(connection.close)
        await connection.start()
        identity = _identity(settings, await preflight(kube, time.monotonic))
        reconciler = partial(_reconciler, settings, kinds, boundary, connection.cloud, identity)
        return await _build(settings, kinds, kube, connection.cloud, leadership, reconciler).run()


def _leadership(settings: Settings, kube: cluster.Kube) -> Elector | Alone:
    if not settings.lease_namespace:
        return Alone()
    kube.lease = (settings.lease_namespace, settings.lease_name)
    elector = Elector(KubeLease(kube, *kube.lease), f"{socket.gethostname()}_{uuid.uuid4()}", boot_time, _now)
    kube.leads = lambda: elector.valid_until() > boot_time()
    return elector


def boot_time() -> float:
    """Seconds since the machine started, those of its suspensions included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME if sys.platform == "linux" else time.CLOCK_MONOTONIC)


def _identity(settings: Settings, uid: str) -> Cluster:
    """Which cluster this is: two that were given the same id are told from each other by their UIDs."""
    return Cluster(f"{settings.cluster_id}/{uid}" if settings.cluster_id else uid, settings.previous_cluster_ids)


def _build(
    settings: Settings,
    kinds: Sequence[AnyKind],
    kube: cluster.Kube,
    cloud: Cloud,
    leadership: Elector | Alone,
    reconciler_over: Callable[[Store], Reconciler],
) -> Runtime:
    caches = Caches(kinds, dry_run=settings.read_only)
    queue = WorkQueue(time.monotonic, random.random)
    intake = Intake(caches, queue, time.time)
    store = cluster.ObjectStore(kube, caches.body, intake.put, intake.remove)
    recorder = EventRecorder(kube, _now, socket.gethostname(), leadership.reference)
    reconciler = reconciler_over(store)
    full_check = timedelta(seconds=settings.full_check_interval_seconds)
    interval = settings.sweep_interval_seconds
    chance = random.random
    sweeps = Sweeps(cloud, caches, queue, reconciler, interval, full_check, _now, chance, recorder.record_own)
    marks = NodeMarks(kube, caches, intake.changed, intake.put_node)
    controller = Controller(queue, caches, reconciler, recorder, store.refresh, time.monotonic, marks.read)
    gate = Gate(kube, cloud.sts, caches, leadership, time.monotonic, asyncio.Event())
    resync = Resync(kube, caches, intake, store.refresh)
    host, _, port = settings.listen.rpartition(":")
    registry = partial(register, intake, kube.resources, Handover(asyncio.get_running_loop()))
    watches = Watches(registry, kopf_settings, partial(check, kube), time.monotonic)
    listen = (host, int(port))
    admission = AdmissionCheck(kube, shipped())
    probes = Probes(gate, controller, leadership, admission, partial(census.count, caches), listen)
    parts = (gate, watches, resync, controller, sweeps, recorder, marks, leadership, admission, probes)
    return Runtime(*parts, settings.workers)


def _reconciler(
    settings: Settings, kinds: Sequence[AnyKind], boundary: Boundary, cloud: Cloud, identity: Cluster, store: Store
) -> Reconciler:
    by_name = {kind.resource.kind: kind for kind in kinds}
    within, repeated = WithinBoundary(boundary), (Unconfirmed(), Contention())
    at_once = (MassRelease(), PlanOnly(settings.read_only), Rollouts())
    filters = (Retain(by_name), Suspend(settings.read_only), within, *repeated, *at_once)
    overdue = max(OVERDUE_SECONDS, 3 * settings.sweep_interval_seconds)
    return Reconciler(by_name, cloud, store, identity, filters, _now, overdue)


def boundary_of(settings: Settings) -> Boundary:
    """What objects may grant."""
    return Boundary(
        denied_actions=settings.denied_actions,
        allowed_actions=settings.allowed_actions,
        system_policies=settings.allowed_system_policies,
        denied_system_policies=settings.denied_system_policies,
        trust_principals=settings.allowed_trust_principals,
        grantees=settings.allowed_grantees,
    )


def our_kinds(settings: Settings, boundary: Boundary) -> tuple[AnyKind, ...]:
    """The kinds that this operator works on, whose objects grant what lies within a boundary."""
    full_check = timedelta(seconds=settings.full_check_interval_seconds)
    limits = PolicyLimits(settings.system_policies_per_role, settings.custom_policies_per_role)
    return (
        RamPolicyKind(full_check, boundary),
        RamRoleKind(full_check, limits, boundary, settings.protected_roles, settings.protected_policies),
        InstanceRoleBindingKind(
            timedelta(seconds=settings.node_gone_seconds),
            RoleRules(
                settings.protected_roles,
                settings.restorable_roles,
                settings.allowed_roles,
                settings.allow_non_node_instances,
                RequiredTag.of(settings.required_instance_tag),
            ),
        ),
    )


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
