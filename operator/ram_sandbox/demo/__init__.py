"""The story of the instance RAM role pages, told on a real API server. Called by ``ram-sandbox demo``.

Each step is checked: what it should bring about is looked up in the cluster or asked of the cloud, never assumed.
"""

import shlex
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ram_sandbox.controlplane.binaries import Binaries
from ram_sandbox.demo.steps import KEPT, STEPS
from ram_sandbox.demo.story import StepFailed, Story
from ram_sandbox.errors import SandboxError
from ram_sandbox.progress import Progress
from ram_sandbox.sandbox import Options, Sandbox, keep_logs
from ram_sandbox.serving import Interrupted, keep_running

_NEXT = """next: the same, left running to look around in: make demo ARGS=--keep
      an empty sandbox with three nodes:        .venv/bin/ram-sandbox up --nodes 3
      what the resources can do:                docs/concepts.md"""


def run(binaries: Binaries, environ: Mapping[str, str], progress: Progress, *, keep: bool) -> int:
    """Tell the story and return the exit code: 0 only if every step did what it should.

    Args:
        binaries: the control plane's programs, kubectl and Helm.
        environ: this process's environment.
        progress: where it is told.
        keep: leave everything running before the last step, until interrupted.

    Raises:
        SandboxError: the sandbox does not start.
    """
    began = time.monotonic()
    sandbox = Sandbox(binaries, Options(), environ, progress)
    sandbox.start()
    try:
        if not _tell(Story(sandbox, progress), keep=keep):
            return 1
        progress.say(f"every step did what it should ({time.monotonic() - began:.0f} s in all)")
        if keep:
            _keep(sandbox, progress)
        else:
            progress.say(_NEXT)
        return 0
    finally:
        with progress.step("stopping"):
            sandbox.stop()


def _tell(story: Story, *, keep: bool) -> bool:
    steps = [entry for entry in STEPS if not keep or entry in KEPT]
    for number, (title, step) in enumerate(steps, start=1):
        try:
            with story.progress.step(f"{number}/{len(steps)} {title}"):
                step(story)
        except (StepFailed, SandboxError) as error:
            logs = Path(tempfile.mkdtemp(prefix="ram-sandbox-logs-"))
            keep_logs(story.sandbox, logs)
            story.progress.say(f"step {number} failed: {title}\n{error}\nlogs: {logs}")
            return False
    return True


def _keep(sandbox: Sandbox, progress: Progress) -> None:
    commands = _commands(sandbox)
    width = max(len(command) for command, _ in commands)
    lines = [f"{command:<{width}}  # {comment}" for command, comment in commands]
    text = [
        "everything is left running; in another terminal:",
        f". {shlex.quote(str(sandbox.write_env()))}",
        *lines,
        *sandbox.address_lines(),
    ]
    progress.say("\n  ".join(text) + "\nCtrl-C ends it and leaves nothing behind")
    try:
        keep_running(sandbox.operator, progress.say)
    except Interrupted:
        return


def _commands(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Return what is worth typing next, each with what it shows."""
    return [
        ("kubectl get ram", "the three objects"),
        ("kubectl describe instancerolebinding storage-pool", "its nodes and events"),
        ("kubectl edit rampolicy oss-read", "in force at once, with nothing done on the nodes"),
        ("kubectl label node node-2 pool-", "a node leaves the pool and loses its role; to watch it leave, before:"),
        ("kubectl get instancerolebinding storage-pool --watch", "its column NODES goes from 2/2 to 1/1"),
        ("kubectl get events --field-selector involvedObject.name=node-2", "what the operator did to that node"),
        (f"curl {sandbox.simulator.control}/state", "what the cloud has"),
        (f"curl {sandbox.operator.url}/metrics", "what the operator counts"),
    ]
