"""Command line of the sandbox: ``ram-sandbox setup | which | up | demo``."""

import argparse
import os
import sys
from collections.abc import Sequence

from ram_sandbox.controlplane.binaries import TOOL_NAMES
from ram_sandbox.controlplane.build import ensure_tools
from ram_sandbox.errors import SandboxError
from ram_sandbox.progress import Progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed with a message on stderr, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ram-sandbox", description="A whole cluster on this computer.")
    commands = parser.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup", help="find kube-apiserver, etcd, kubectl and helm, or build them once")
    setup.set_defaults(run=_setup)
    which = commands.add_parser("which", help="do that for one of them, and print its path")
    which.add_argument("tool", choices=TOOL_NAMES)
    which.set_defaults(run=_which)
    return parser


if __name__ == "__main__":
    sys.exit(main())
