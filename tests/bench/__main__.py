"""Prints the figures: ``make bench``, or ``make bench ARGS=--quick`` for a small one."""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tests.bench.bindings import NodesSize, many_nodes, replacing
from tests.bench.measurements import SETTINGS, WITH_QUOTAS, Figures, Size, nodes_and_bindings, roles_and_policies
from tests.bench.quotas import within_quotas
from tests.bench.scale import ClusterSize, large_cluster
from tests.bench.simulator import CONNECTIONS, SimulatorSize, calls, cold_start, many_roles, measured

from ram_sandbox.controlplane.build import ensure
from ram_sandbox.progress import Progress
from ram_sandbox.sandbox import Options, Sandbox, keep_logs
from ram_sandbox.simulator import CloudOptions

S = TypeVar("S")
FULL = Size(pairs=200, edits=20, nodes=300, pools=10)
QUICK = Size(pairs=20, edits=5, nodes=30, pools=3)
NODES_FULL, NODES_QUICK = NodesSize(1_000, 5, 200), NodesSize(100, 5, 20)
SIMULATOR_FULL = SimulatorSize(calls=10_000, roles=10_000, listings=50)
SIMULATOR_QUICK = SimulatorSize(calls=1_000, roles=1_000, listings=10)
CLUSTER_FULL = ClusterSize(nodes=5_000, bindings=50, pairs=1_000, heartbeats=2_000)
CLUSTER_LARGEST = ClusterSize(nodes=10_000, bindings=100, pairs=1_000, heartbeats=2_000)
CLUSTER_QUICK = ClusterSize(nodes=300, bindings=10, pairs=20, heartbeats=100)
QUOTAS_LARGEST, QUOTAS_FULL, QUOTAS_QUICK = 1_000, 200, 30
LATENCY_MS = 20
FREE = Options(cloud=CloudOptions(latency_ms=LATENCY_MS), settings=SETTINGS)
METERED = Options(cloud=CloudOptions(latency_ms=LATENCY_MS, quotas="documented"), settings=WITH_QUOTAS)


def main() -> int:
    """Measure as often as asked, and print every run with the medians."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, once")
    parser.add_argument("--repeats", type=int, default=0, help="how often (3, with --quick 1)")
    parser.add_argument(
        "--only", choices=("operator", "bindings", "quotas", "cluster", "simulator"), help="a part of it (all)"
    )
    parser.add_argument(
        "--largest", action="store_true", help="cluster: 10,000 nodes; quotas: 1,000 pairs (5,000; 200)"
    )
    options = parser.parse_args()
    repeats = options.repeats or (1 if options.quick else 3)
    progress = Progress(sys.stderr)
    if options.only in (None, "operator"):
        bench_operator(QUICK if options.quick else FULL, repeats, progress)
    if options.only in (None, "bindings"):
        bench_bindings(NODES_QUICK if options.quick else NODES_FULL, progress)
    if options.only in (None, "quotas"):
        full_pairs = QUOTAS_LARGEST if options.largest else QUOTAS_FULL
        bench_quotas(QUOTAS_QUICK if options.quick else full_pairs, progress)
    if options.only in (None, "cluster"):
        full_size = CLUSTER_LARGEST if options.largest else CLUSTER_FULL
        bench_cluster(CLUSTER_QUICK if options.quick else full_size, progress)
    if options.only in (None, "simulator"):
        bench_simulator(SIMULATOR_QUICK if options.quick else SIMULATOR_FULL, repeats, progress)
    return 0


def bench_operator(size: Size, repeats: int, progress: Progress) -> None:
    """Measure the operator and print its figures."""
    runs = [operator_run(size, progress) for _ in range(repeats)]
    print(f"{size.pairs} RamPolicies + {size.pairs} RamRoles, {size.nodes} nodes in {size.pools} bindings,")
    print(f"simulated cloud at {LATENCY_MS} ms a call without quotas, {os.cpu_count()} processors")
    print_figures(runs)


def bench_bindings(size: NodesSize, progress: Progress) -> None:
    """Measure bindings over many nodes, once, and print the figures."""
    figures = on_sandbox(many_nodes, size, progress) | on_sandbox(replacing, size, progress)
    print(
        f"{size.nodes} nodes in {size.bindings} bindings, and {size.replaced} nodes whose role is replaced by tenths,"
    )
    print(f"simulated cloud at {LATENCY_MS} ms a call without quotas, {os.cpu_count()} processors")
    print_figures([figures])


def bench_quotas(pairs: int, progress: Progress) -> None:
    """Measure the operator on a cloud with the documented quotas, and print its figures."""
    figures = on_sandbox(within_quotas, pairs, progress, METERED)
    print(f"{pairs} RamPolicies + {pairs} RamRoles, simulated cloud at {LATENCY_MS} ms a call with documented quotas")
    print_figures([figures])


def bench_cluster(size: ClusterSize, progress: Progress) -> None:
    """Measure the operator over a large cluster, once since it takes minutes, and print its figures."""
    figures = on_sandbox(large_cluster, size, progress)
    print(
        f"{size.nodes} nodes as large as a kubelet's in {size.bindings} bindings, {size.pairs} RamPolicies and as many"
    )
    print(f"RamRoles, {os.cpu_count()} processors")
    print_figures([figures])


def bench_simulator(size: SimulatorSize, repeats: int, progress: Progress) -> None:
    """Measure the simulator and print its figures."""
    runs = [simulator_run(size, progress) for _ in range(repeats)]
    print(
        f"the simulator: {size.calls} calls of each kind over {CONNECTIONS} connections that stay open, its client in"
    )
    print(f"a process of its own, no latency, no quotas, {size.roles} roles of 3 tags, {os.cpu_count()} processors")
    print_figures(runs)


def print_figures(runs: Sequence[Figures]) -> None:
    """Print the median of each figure, and what each run had."""
    print(f"medians of {len(runs)} (each run):")
    for name in runs[0]:
        values = [run[name] for run in runs]
        each = "  ".join(f"{value:8.2f}" for value in values)
        print(f"  {name:48}{statistics.median(values):8.2f}   ({each})")


def operator_run(size: Size, progress: Progress) -> Figures:
    """Measure the operator once, each half on a fresh sandbox."""
    return on_sandbox(roles_and_policies, size, progress) | on_sandbox(nodes_and_bindings, size, progress)


def on_sandbox(
    measure: Callable[[Sandbox, S], Figures], size: S, progress: Progress, options: Options = FREE
) -> Figures:
    """Measure something on a fresh sandbox."""
    sandbox = Sandbox(ensure(os.environ, progress), options, os.environ, progress)
    sandbox.start()
    try:
        with progress.step(measure.__name__.replace("_", " ")):
            return measure(sandbox, size)
    except TimeoutError:
        logs = Path(tempfile.mkdtemp(prefix="ram-bench-logs-"))
        keep_logs(sandbox, logs)
        progress.say(f"logs: {logs}")
        raise
    finally:
        sandbox.stop()


def simulator_run(size: SimulatorSize, progress: Progress) -> Figures:
    """Measure the simulator once, everything on a fresh one."""
    with progress.step("simulator: cold start"):
        figures = cold_start()
    for measure in (calls, many_roles):
        with progress.step(f"simulator: {measure.__name__.replace('_', ' ')}"):
            figures |= measured(measure, size)
    return figures


if __name__ == "__main__":
    sys.exit(main())
