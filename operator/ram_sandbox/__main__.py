"""Command line of the sandbox: ``ram-sandbox setup | which | up | shell | demo``."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import shtab

from ram_sandbox.controlplane.binaries import TOOL_NAMES
from ram_sandbox.controlplane.build import ensure, ensure_tools
from ram_sandbox.controlplane.server import write_private
from ram_sandbox.errors import SandboxError
from ram_sandbox.processes import private_environ, without_proxy
from ram_sandbox.progress import Progress
from ram_sandbox.sandbox import Options, Sandbox
from ram_sandbox.serving import Interrupted, interruptible, keep_running
from ram_sandbox.shell import ALIASES, running_shell
from ram_sandbox.simulator import CloudOptions


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed with a message on stderr, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        with interruptible():
            code: int = options.run(options)
    except Interrupted:
        return 130
    except SandboxError as error:
        print(f"ram-sandbox: {error}", file=sys.stderr)
        return 1
    return code


def _setup(_options: argparse.Namespace) -> int:
    found = ensure_tools(os.environ, Progress(sys.stderr), TOOL_NAMES)
    for name, hit in found.items():
        print(f"{name:15}{hit.version:10}{hit.path} ({hit.origin})")
    return 0


def _which(options: argparse.Namespace) -> int:
    found = ensure_tools(os.environ, Progress(sys.stderr), (options.tool,))
    print(found[options.tool].path)
    return 0


def _up(options: argparse.Namespace) -> int:
    progress = Progress(sys.stderr)
    sandbox = Sandbox(ensure(os.environ, progress), _sandbox_options(options), os.environ, progress)
    sandbox.start()
    copy = options.kubeconfig
    try:
        # Whoever waits for the copy finds the other file.
        line = f". {shlex.quote(str(sandbox.write_env(copy)))}"
        if copy:
            write_private(copy, sandbox.kubeconfig.read_bytes())
        print(json.dumps(sandbox.ready_line(copy)), flush=True)
        lines = [line, "kubectl get nodes,ram", "ram-operator doctor", *sandbox.address_lines()]
        progress.say("\n  ".join(["ready; next, in another terminal:", *lines]))
        progress.say("Ctrl-C ends it and leaves nothing behind")
        keep_running(None if options.no_operator else sandbox.operator, progress.say)
    except Interrupted:
        return 0
    finally:
        with progress.step("stopping"):
            sandbox.stop()
            if copy:
                copy.unlink(missing_ok=True)
    return 0


def _shell(options: argparse.Namespace) -> int:
    progress = Progress(sys.stderr)
    sandbox = Sandbox(ensure(os.environ, progress), _sandbox_options(options), os.environ, progress)
    sandbox.start()
    try:
        aliases = ", ".join(f"{name} = {text}" for name, text in ALIASES.items())
        lines = ["kubectl get nodes,ram", "ram-operator doctor", f"aliases: {aliases}", *sandbox.address_lines()]
        progress.say("\n  ".join(["ready; next, in this shell:", *lines]))
        progress.say("exit ends it and leaves nothing behind")
        environ = private_environ(os.environ)
        operator = None if options.no_operator else sandbox.operator
        program = os.environ.get("SHELL", "sh")
        with running_shell(program, sandbox.shell_variables(), sandbox.folder, environ) as shell:
            keep_running(operator, progress.say, lambda: shell.poll() is not None)
    finally:
        with progress.step("stopping"):
            sandbox.stop()
    return 0


def _demo(options: argparse.Namespace) -> int:
    # slow to import, since it brings the SDK and oss2, which no other command needs
    from ram_sandbox import demo

    progress = Progress(sys.stdout)
    os.environ.update(without_proxy(os.environ))
    return demo.run(ensure(os.environ, progress), os.environ, progress, keep=options.keep)


def _sandbox_options(options: argparse.Namespace) -> Options:
    return Options(
        nodes=options.nodes,
        operator=not options.no_operator,
        current=options.cluster == "current",
        forced=options.yes_this_cluster,
        cloud=CloudOptions(options.fixture, options.latency_ms, options.quotas),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ram-sandbox", description="A whole cluster on this computer.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('ram-operator')}")
    shtab.add_argument_to(parser, help="print the script that completes these commands in a shell")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    setup = commands.add_parser("setup", help="find kube-apiserver, etcd, kubectl and helm, or build them once")
    setup.set_defaults(run=_setup)
    which = commands.add_parser("which", help="do that for one of them, and print its path")
    which.add_argument("tool", choices=TOOL_NAMES)
    which.set_defaults(run=_which)
    show = commands.add_parser("demo", help="tell the whole story, each step checked")
    show.add_argument("--keep", action="store_true", help="leave everything running at the end")
    show.set_defaults(run=_demo)
    up = commands.add_parser("up", help="start everything, print one JSON line, and run until Ctrl-C")
    up.add_argument(
        "--kubeconfig",
        type=_new_file,
        metavar="FILE",
        help="a file that does not exist yet: the kubeconfig of an administrator; both it and FILE.env, which a shell "
        "reads with `. FILE.env`, are removed at the end",
    )
    up.set_defaults(run=_up)
    shell = commands.add_parser("shell", help="start everything, and a shell with KUBECONFIG and aliases set")
    shell.set_defaults(run=_shell)
    for command in (up, shell):
        _add_options(command)
    return parser


def _add_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--cluster",
        choices=["local", "current"],
        default="local",
        help="local: one of its own; current: that of your kubeconfig (default: %(default)s)",
    )
    command.add_argument("--yes-this-cluster", action="store_true", help="use it although it looks like one in use")
    command.add_argument(
        "--nodes",
        type=_count,
        default=0,
        metavar="N",
        help="how many Node objects with simulated instances (default: %(default)s)",
    )
    command.add_argument("--no-operator", action="store_true", help="you start the operator yourself")
    command.add_argument(
        "--fixture",
        type=Path,
        metavar="FILE",
        help="what is in the simulated account (default: what the documentation's walk needs)",
    )
    command.add_argument(
        "--latency-ms",
        type=_count,
        default=0,
        metavar="N",
        help="milliseconds that each cloud call takes longer (default: %(default)s)",
    )
    command.add_argument(
        "--quotas",
        choices=["off", "documented"],
        default="off",
        help="whether the cloud throttles as documented (default: %(default)s)",
    )


def _new_file(text: str) -> Path:
    path = Path(text).absolute()
    for each in (path, path.with_name(f"{path.name}.env")):
        if each.exists():
            raise argparse.ArgumentTypeError(f"{each} exists already: name a file that does not, or remove it")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no folder {path.parent}")
    return path


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


if __name__ == "__main__":
    sys.exit(main())
