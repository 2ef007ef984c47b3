"""The composition root: `ram-simulator`, or `python -m ram_simulator`, builds here what it serves."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time

from ram_simulator.cloud.clock import Clock
from ram_simulator.cloud.quotas import Quotas
from ram_simulator.cloud.switches import Switches
from ram_simulator.testing.chaos import Chaos
from ram_simulator.testing.command_line import parser
from ram_simulator.testing.errors import CannotServe, InvalidFixture, InvalidState
from ram_simulator.testing.faults import Faults
from ram_simulator.testing.fixtures import build, builtin_text, example_text, read_builtin_fixture, read_fixture
from ram_simulator.testing.journal import Journal
from ram_simulator.testing.persistence import StateFile
from ram_simulator.testing.simulator import Simulator
from ram_simulator.testing.tables import actions_table, control_table, switches_table
from ram_simulator.wire.server import Addresses, Servers
from ram_simulator.wire.tls import server_context

_TABLES = {"switches": switches_table, "actions": actions_table, "control": control_table}


def main() -> None:
    """Run the command line; exit 0 after SIGINT or SIGTERM, 1 with one line on stderr if it cannot start."""
    found = parser()
    options = found.parse_args()
    if options.command == "serve" and options.tls_key and not options.tls_cert:
        found.error("--tls-key goes with --tls-cert")
    if options.command == "serve":
        _run(options)
    elif options.command == "fixture":
        print(builtin_text() if options.built_in else example_text(), end="")
    else:
        table = _TABLES[options.command]()
        print(table.markdown() if options.markdown else table.plain(), end="")


def _run(options: argparse.Namespace) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_serve(options))
    except (InvalidFixture, InvalidState, CannotServe) as error:
        print(f"ram-simulator: {error}", file=sys.stderr)
        sys.exit(1)


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if options.until_eof:
        _stop_at_eof(stopped)
    simulator = _simulator(options)
    tls = server_context(options.tls_cert, options.tls_key) if options.tls_cert else None
    servers = Servers(simulator, tls, options.allow_host)
    state = StateFile(options.state) if options.state else None
    if state is not None:
        state.open(simulator)
    saving = asyncio.create_task(state.keep(simulator)) if state is not None else None
    try:
        host, port = options.listen
        addresses = await servers.start(host, port, options.advertise)
        print(json.dumps(_ready_line(simulator, addresses)), flush=True)
        if sys.stdout.isatty():
            print(f"Open {addresses.control} in a browser to see what there is. Ctrl-C ends it.", file=sys.stderr)
        await stopped.wait()
    finally:
        await servers.stop()
        if saving is not None:
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
        if state is not None:
            state.close()


def _stop_at_eof(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def drain() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin)
            stopped.set()

    try:
        loop.add_reader(sys.stdin, drain)
    except (OSError, ValueError) as error:
        raise CannotServe(
            "--until-eof: standard input is a file, or closed; give it a pipe, or leave it out"
        ) from error


def _simulator(options: argparse.Namespace) -> Simulator:
    clock = Clock(time.time)
    switches = Switches(dict(options.switch))
    try:
        fixture = read_fixture(options.fixture) if options.fixture else read_builtin_fixture()
        cloud = build(fixture, clock, switches)
    except InvalidFixture as error:
        raise InvalidFixture(f"--fixture {options.fixture}: {error}") from error
    return Simulator(
        fixture=fixture,
        clock=clock,
        journal=Journal(),
        faults=Faults(),
        quotas=Quotas(switches) if options.quotas == "documented" else None,
        latency_seconds=options.latency_ms / 1000,
        cloud=cloud,
        switches=switches,
        strict=options.strict,
        chaos=Chaos(options.chaos) if options.chaos else None,
        over_tls=options.tls_cert is not None,
    )


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
        "regions": list(cloud.ecs.regions),
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
