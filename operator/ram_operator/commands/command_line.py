"""The arguments of `ram-operator`, and the commands behind them. Exit codes: 0 nothing found, 1 an error, 2 changes."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import shtab

from ram_operator.cloud import Cloud
from ram_operator.cluster.caches import Caches
from ram_operator.cluster.kube import Kube
from ram_operator.commands.doctor import Examination
from ram_operator.commands.explain import explain, overview
from ram_operator.commands.export import export
from ram_operator.commands.lint import as_json, as_sarif, lint
from ram_operator.commands.manifests import expanded, read
from ram_operator.commands.orphans import described as described_orphans
from ram_operator.commands.orphans import find_orphans, uses
from ram_operator.commands.plan import plan, summary
from ram_operator.commands.remarks import Level, worst
from ram_operator.commands.snapshot import apply_deletion, apply_manifest
from ram_operator.commands.why import why
from ram_operator.engine.reconciler import Reconciler
from ram_operator.errors import StartupError
from ram_operator.kinds import AnyKind
from ram_operator.kinds.ram_policy import RamPolicyKind
from ram_operator.kinds.ram_role import RamRoleKind
from ram_operator.model import Body, ObjectKey, number_of
from ram_operator.settings import described

DESCRIPTION = """Gives ECS nodes their instance RAM roles, declaratively.

Without a command it runs the operator. The commands only read; beside kubectl they work as `kubectl ram ...`, too."""
CHANGES = 2
READS = """It reads the cluster of the kubeconfig and the cloud, and writes to neither. The credentials are the shell's
(ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or what RAM_OPERATOR_CREDENTIALS_SOURCE says); the
rest is judged by the settings of the operator's Deployment. All variables: ram-operator --help."""
SAYS = {
    "lint": (
        "What would be refused or doubted in manifests and RAM documents. It needs no cluster and no cloud.",
        "1 where something would be refused",
    ),
    "explain": ("What the reason of a condition or a row means, and what to do.", "1 for a reason that there is not"),
    "plan": (
        f"What applying or deleting objects would do, object by object. {READS}",
        "2 where something would change, 1 where it cannot be told",
    ),
    "why": (
        f"Which role a node has, which bindings select it, and what each says of it. {READS}",
        "1 where there is no such Node",
    ),
    "orphans": (
        f"Roles and policies with this cluster's marks and without an object. {READS}",
        "2 where there are some",
    ),
    "doctor": (
        f"What of operator, key, nodes, quotas, objects and admission policies wants mending. {READS}",
        "1 where something has to be mended",
    ),
    "export": (
        "Roles and policies of the account as objects that take them over. It needs credentials that may read, and no "
        "cluster.",
        "1 where a role is left out, or there is no such role",
    ),
}
"""What each command does, and which exit code other than 0 it has, in the words of its help."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the arguments ask for; `command` is None where the operator is to run."""

    command: str | None
    files: tuple[str, ...] = ()
    output: str = "text"
    subject: str = ""
    roles: tuple[str, ...] = ()
    log_format: str = ""
    delete: tuple[str, ...] = ()
    delete_all: bool = False


@dataclass(frozen=True, slots=True)
class Planner:
    """What the commands about a cluster read with.

    Args:
        kube: the cluster.
        caches: its objects and nodes.
        reconciler: the pipeline that previews, with the settings of the operator in the cluster.
        lease: namespace and name of the operator's Lease, the namespace empty where it is not known; None for none.
        now: the time of day.
    """

    kube: Kube
    caches: Caches
    reconciler: Reconciler
    lease: tuple[str, str] | None
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Access:
    """Opens what commands read with.

    Args:
        cloud: the ports to the cloud.
        planner: those, the cluster, and the pipeline that previews.
    """

    cloud: Callable[[], AbstractAsyncContextManager[Cloud]]
    planner: Callable[[], AbstractAsyncContextManager[Planner]]


def parse(arguments: Sequence[str], version: str, *, required: bool = False) -> Asked:
    """Read the arguments; prints help and exits where they ask for it or are wrong.

    Args:
        arguments: without the name of the program.
        version: what `--version` prints.
        required: whether a command must be named.
    """
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("ram-operator", description=DESCRIPTION, epilog=described(), formatter_class=shape)
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    parser.add_argument("--log-format", choices=("json", "plain"), default="", help="over RAM_OPERATOR_LOG_FORMAT")
    shtab.add_argument_to(parser, help="print the script that completes these commands in a shell")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=required)
    _add_commands({name: _command(commands, name) for name in SAYS})
    given = parser.parse_args(arguments)
    return Asked(
        given.command,
        tuple(getattr(given, "files", None) or ()),
        getattr(given, "output", "text"),
        getattr(given, "subject", ""),
        tuple(getattr(given, "roles", None) or ()),
        given.log_format,
        tuple(getattr(given, "delete", None) or ()),
        getattr(given, "delete_all", False),
    )


def _command(commands: Any, name: str) -> argparse.ArgumentParser:  # noqa: ANN401
    """A command with the help that it prints."""
    does, exits = SAYS[name]
    summary = does.partition(".")[0]
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=f"{summary[0].lower()}{summary[1:]}", description=does, epilog=f"Exit codes: 0, or {exits}."
    )
    return made


def _add_commands(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Give each command its arguments."""
    files = "YAML or JSON files, folders, or - for stdin"
    _of_files(parsers["lint"].add_argument("files", nargs="+", metavar="FILE", help=files))
    parsers["lint"].add_argument(
        "--output", choices=("text", "json", "sarif"), default="text", help="json or sarif: for tools"
    )
    reason = "such as NotOwned; without one, all, a line each"
    parsers["explain"].add_argument("subject", nargs="?", default="", metavar="REASON", help=reason)
    what = parsers["plan"].add_mutually_exclusive_group(required=True)
    named = "what applying these would do: a YAML or JSON file, a folder, or - for stdin; may be repeated"
    _of_files(what.add_argument("-f", "--filename", dest="files", action="append", metavar="FILE|DIR", help=named))
    what.add_argument("--all", action="store_true", help="every object of the cluster, as it is")
    one = "what deleting an object would do, such as RamRole/reader; may be repeated"
    what.add_argument("--delete", action="append", metavar="KIND/NAME", help=one)
    what.add_argument("--delete-all", action="store_true", help="what deleting every object would do, and what stays")
    parsers["why"].add_argument("subject", metavar="NODE", help="the name of a Node")
    which = parsers["export"].add_mutually_exclusive_group(required=True)
    role = "a role, with its custom policies; may be repeated"
    which.add_argument("--role", dest="roles", action="append", metavar="NAME", help=role)
    which.add_argument("--all", action="store_true", help="all roles and all custom policies")


def _of_files(argument: argparse.Action) -> None:
    """Let shells complete an argument with names of files."""
    argument.complete = shtab.FILE  # type: ignore[attr-defined]


def run(asked: Asked, version: str, kinds: Sequence[AnyKind], access: Access) -> int:
    """Run a command and return its exit code.

    Args:
        asked: the command with its arguments.
        version: of this program.
        kinds: the verbs of our kinds.
        access: opens what commands read with.

    Raises:
        StartupError, KubeError, CloudError, OSError: what keeps the command from running.
    """
    match asked.command:
        case "lint":
            return _lint(asked, version, {kind.resource.kind: kind for kind in kinds})
        case "explain":
            return _explain(asked.subject)
        case "plan":
            return asyncio.run(_plan(asked, {kind.resource.kind: kind for kind in kinds}, access))
        case "orphans":
            return asyncio.run(_orphans(access))
        case "doctor":
            return asyncio.run(_doctor(access))
        case "export":
            return asyncio.run(_export(asked.roles, kinds, access))
        case _:
            return asyncio.run(_why(asked.subject, access))


def _lint(asked: Asked, version: str, kinds: Mapping[str, AnyKind]) -> int:
    findings = lint(read(asked.files), kinds)
    errors = sum(one.severity == "error" for one in findings)
    match asked.output:
        case "json":
            print(as_json(findings))
        case "sarif":
            print(as_sarif(findings, version))
        case _:
            for one in findings:
                print(one)
            print(f"{number_of(errors, 'error')}, {number_of(len(findings) - errors, 'warning')}")
    return 1 if errors else 0


def _explain(reason: str) -> int:
    if not reason:
        print("\n".join(overview()))
        return 0
    try:
        print(explain(reason))
    except KeyError as error:
        raise StartupError(str(error.args[0])) from None
    return 0


async def _plan(asked: Asked, kinds: Mapping[str, AnyKind], access: Access) -> int:
    manifests = list(expanded(read(asked.files)))
    if errors := [one for one in lint(manifests, kinds) if one.severity == "error"]:
        print("\n".join(map(str, errors)))
        return 1
    ours = [one for one in manifests if one.ours]
    if unnamed := [f"{one.file}:{one.line}" for one in ours if not one.value["metadata"].get("name")]:
        raise StartupError(
            f"cannot plan {', '.join(unnamed)}: the API server makes its name of generateName when it creates it; "
            "write metadata.name"
        )
    bodies = [one.value for one in ours]
    if asked.files and not bodies:
        raise StartupError(
            f"no {', '.join(kinds)} in {', '.join(asked.files)}; `ram-operator lint` takes bare documents"
        )
    async with access.planner() as planner:
        keys = _keys(asked, bodies, planner, kinds)
        if asked.delete or asked.delete_all:
            apply_deletion(planner.caches, keys, planner.now())
        planned = await plan(keys, planner.caches, planner.reconciler)
    for one in planned:
        print("\n".join(one.lines))
    print(summary(planned, _next(asked)))
    if any(one.failed for one in planned):
        return 1
    return CHANGES if any(one.steps for one in planned) else 0


def _keys(asked: Asked, bodies: Sequence[Body], planner: Planner, kinds: Mapping[str, AnyKind]) -> Sequence[ObjectKey]:
    """The objects to plan: those of the manifests, those that are named, or all; what is deleted in its order."""
    if asked.files:
        return [apply_manifest(planner.caches, body, planner.now()) for body in bodies]
    deleting = bool(asked.delete or asked.delete_all)
    there = [key for kind in (reversed([*kinds]) if deleting else kinds) for key in planner.caches.keys(kind)]
    if asked.delete:
        words = {word.lower(): kind for kind in kinds for word in (kind, kinds[kind].resource.plural)}
        named = [
            (words.get(kind.lower(), kind), name) for kind, _, name in (one.partition("/") for one in asked.delete)
        ]
        if missing := [f"{kind}/{name}" for kind, name in named if ObjectKey(kind, name) not in there]:
            raise StartupError(f"there is no {', '.join(missing)}; `kubectl get ram` lists what there is")
        there = [key for key in there if (key.kind, key.name) in named]
    return there


def _next(asked: Asked) -> str:
    """The command that does what was planned; without files it is done already, and seen in the objects."""
    if asked.files:
        folders = ("-R",) if any(Path(name).is_dir() for name in asked.files) else ()
        return shlex.join(["kubectl", "apply", *folders, *(part for name in asked.files for part in ("-f", name))])
    if asked.delete:
        return shlex.join(["kubectl", "delete", *asked.delete])
    return (
        "kubectl delete instancerolebindings,ramroles,rampolicies --all"
        if asked.delete_all
        else "kubectl get ram -o wide"
    )


async def _why(name: str, access: Access) -> int:
    async with access.planner() as planner:
        node = await planner.kube.read_node(name)
        if node is None:
            raise StartupError(f"there is no Node {name!r}; `kubectl get nodes` lists them")
        print("\n".join(await why(node, planner.caches, planner.reconciler.cloud.ecs)))
    return 0


async def _orphans(access: Access) -> int:
    async with access.planner() as planner:
        found = await find_orphans(planner.caches, planner.reconciler)
        used = await uses(found, planner.caches, planner.reconciler.cloud)
        print("\n".join(described_orphans(found, used, planner.now())))
    return CHANGES if found else 0


async def _doctor(access: Access) -> int:
    async with access.planner() as planner:
        [role_kind] = (kind for kind in planner.reconciler.kinds.values() if isinstance(kind, RamRoleKind))
        cloud, now = planner.reconciler.cloud, planner.now()
        examination = Examination(planner.kube, planner.caches, cloud, role_kind.limits, planner.lease, now)
        remarks = await examination.remarks()
    print("\n".join(map(str, remarks)))
    return 1 if worst(remarks) is Level.ERROR else 0


async def _export(roles: Sequence[str], kinds: Sequence[AnyKind], access: Access) -> int:
    [role_kind] = (kind for kind in kinds if isinstance(kind, RamRoleKind))
    [policy_kind] = (kind for kind in kinds if isinstance(kind, RamPolicyKind))
    async with access.cloud() as cloud:
        exported = await export(cloud.ram, roles, role_kind, policy_kind)
    print(exported.as_yaml(), end="")
    for line in exported.left_out:
        print(f"left out: {line}", file=sys.stderr)
    return 0 if exported.complete else 1
