"""The command line and the composition root: `python -m ram_simulator serve`."""

import argparse
import asyncio
import json
import logging
import signal
import sys
import time
from pathlib import Path

from ram_simulator.clock import Clock
from ram_simulator.ecs.store import REGIONS
from ram_simulator.errors import InvalidFixture, InvalidState
from ram_simulator.faults import Faults
from ram_simulator.fixtures import build, read_default_fixture, read_fixture
from ram_simulator.journal import Journal
from ram_simulator.persistence import StateFile
from ram_simulator.quotas import Quotas
from ram_simulator.server import Addresses, Servers
from ram_simulator.simulator import Simulator
from ram_simulator.switches import Switches
from ram_simulator.tables import actions_table, switches_table

_HIGHEST_PORT = 65535
_TABLES = {"switches": switches_table, "actions": actions_table}


def main() -> None:
    """Run the command line; exit 0 after SIGINT or SIGTERM, 1 with one line on stderr if it cannot start."""
    options = _parser().parse_args()
    if options.command != "serve":
        print(_TABLES[options.command](), end="")
        return
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_serve(options))
    except (InvalidFixture, InvalidState, OSError) as error:
        print(f"ram-simulator: {error}", file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ram-simulator", description="Alibaba Cloud RAM, ECS, STS and OSS on loopback."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    switches = commands.add_parser("switches", help="print what `serve --switch` can choose, as a table")
    actions = commands.add_parser("actions", help="print the supported actions, as a table")
    for table in (switches, actions):
        table.add_argument("--markdown", action="store_true", help="the format, which is the only one")
    serve = commands.add_parser("serve", help="serve until SIGINT or SIGTERM; prints one JSON line when ready")
    serve.add_argument(
        "--listen",
        type=_address,
        default=("127.0.0.1", 7780),
        metavar="HOST:PORT",
        help="address of the API; metadata, OSS and control take the next three ports, port 0 takes free ones",
    )
    serve.add_argument("--fixture", type=Path, metavar="FILE.yaml", help="the world at the start")
    serve.add_argument("--quotas", choices=("off", "documented"), default="off", help="throttle as documented")
    serve.add_argument(
        "--switch",
        action="append",
        type=_switch,
        default=[],
        metavar="NAME=VALUE",
        help="choose a behaviour that the documentation leaves open; `ram-simulator switches` lists them",
    )
    serve.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="go on from this file if it is there, and keep it up to date; it holds keys",
    )
    serve.add_argument("--strict", action="store_true", help="refuse parameters that an action does not know")
    serve.add_argument("--latency-ms", type=_latency, default=0, metavar="N", help="delay of every API call")
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT - 3):
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _switch(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    try:
        Switches({name: value})
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return name, value


def _latency(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of milliseconds")
    return int(text)


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    fixture = read_fixture(options.fixture) if options.fixture else read_default_fixture()
    clock = Clock(time.time)
    switches = Switches(dict(options.switch))
    simulator = Simulator(
        fixture=fixture,
        clock=clock,
        journal=Journal(),
        faults=Faults(),
        quotas=Quotas(switches) if options.quotas == "documented" else None,
        latency_seconds=options.latency_ms / 1000,
        cloud=build(fixture, clock, switches),
        switches=switches,
        strict=options.strict,
    )
    servers = Servers(simulator)
    state = StateFile(options.state) if options.state else None
    if state is not None:
        state.load(simulator)
    saving = asyncio.create_task(state.keep(simulator)) if state is not None else None
    try:
        addresses = await servers.start(*options.listen)
        print(json.dumps(_ready_line(simulator, addresses)), flush=True)
        await stopped.wait()
    finally:
        await servers.stop()
        if saving is not None:
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)


def _ready_line(simulator: Simulator, addresses: Addresses) -> dict[str, object]:
    cloud, root = simulator.cloud, simulator.fixture.root_key
    # a state that was loaded may have another key than this run would have made
    key = next(iter(cloud.account.keys_of(None)), root)
    return {
        "endpoint": addresses.endpoint,
        "metadata": addresses.metadata,
        "oss": addresses.oss,
        "control": addresses.control,
        "account": cloud.account.account_id,
        "accessKeyId": key.access_key_id,
        "accessKeySecret": key.secret,
        "regions": list(REGIONS),
        "instances": [
            {
                "instanceId": instance.instance_id,
                "region": instance.region,
                "networkType": instance.network_type.value,
            }
            for instance in cloud.ecs
        ],
        "buckets": [bucket.name for bucket in cloud.oss],
    }


if __name__ == "__main__":
    main()
