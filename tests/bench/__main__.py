"""Prints the figures: ``make bench``, or ``make bench ARGS=--quick`` for a small one."""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.measurements import Figures, Size, nodes_and_bindings, roles_and_policies

from ram_sandbox.controlplane.build import ensure
from ram_sandbox.progress import Progress
from ram_sandbox.sandbox import Options, Sandbox, keep_logs
from ram_sandbox.simulator import CloudOptions

FULL = Size(pairs=200, edits=20, nodes=300, pools=10)
QUICK = Size(pairs=20, edits=5, nodes=30, pools=3)
LATENCY_MS = 20
# no sweep falls into a measurement, and the sandbox's short interval is not what people run
SETTINGS = {"RAM_OPERATOR_SWEEP_INTERVAL_SECONDS": "600"}


def main() -> int:
    """Measure as often as asked, and print every run with the medians."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the objects, once")
    parser.add_argument("--repeats", type=int, default=0, help="how often (3, with --quick 1)")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    progress = Progress(sys.stderr)
    runs = [one_run(size, progress) for _ in range(options.repeats or (1 if options.quick else 3))]
    print(f"{size.pairs} RamPolicies + {size.pairs} RamRoles, {size.nodes} nodes in {size.pools} bindings,")
    print(
        f"simulated cloud at {LATENCY_MS} ms a call without quotas, {os.cpu_count()} processors, medians of {len(runs)}"
    )
    for name in runs[0]:
        values = [run[name] for run in runs]
        each = "  ".join(f"{value:8.2f}" for value in values)
        print(f"  {name:48}{statistics.median(values):8.2f}   ({each})")
    return 0


def one_run(size: Size, progress: Progress) -> Figures:
    """Measure once, everything on a fresh sandbox."""
    figures: Figures = {}
    options = Options(cloud=CloudOptions(latency_ms=LATENCY_MS), settings=SETTINGS)
    for measure in (roles_and_policies, nodes_and_bindings):
        sandbox = Sandbox(ensure(os.environ, progress), options, os.environ, progress)
        sandbox.start()
        try:
            with progress.step(measure.__name__.replace("_", " ")):
                figures |= measure(sandbox, size)
        except TimeoutError:
            logs = Path(tempfile.mkdtemp(prefix="ram-bench-logs-"))
            keep_logs(sandbox, logs)
            progress.say(f"logs: {logs}")
            raise
        finally:
            sandbox.stop()
    return figures


if __name__ == "__main__":
    sys.exit(main())
