"""The command line: what `ram-simulator` can be asked, with every option's default and meaning."""

import argparse
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import shtab

from ram_simulator.cloud.switches import Switches

_HIGHEST_PORT = 65535 - 3  # the services take four in a row
_DISTRIBUTIONS = ("ram-simulator", "ram-operator")  # installed by itself, or with the operator
_SERVE_EXAMPLES = """\
examples:
  ram-simulator serve                            the built-in world: API at 127.0.0.1:7780, metadata service at :7781,
                                                 OSS at :7782, control service at :7783
  ram-simulator serve --listen 127.0.0.1:0       the same on free ports; the line that it prints has the addresses
  ram-simulator fixture > mine.yaml              a world of your own: an example with every key,
  ram-simulator serve --fixture mine.yaml        to be served after you changed it
  ram-simulator serve --listen 0.0.0.0:7780      in a container whose four ports are published

Open the control service's address in a browser to see what there is.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    found = argparse.ArgumentParser(
        prog="ram-simulator",
        description="Alibaba Cloud's RAM, ECS instances and their roles, STS, instance metadata and some OSS, locally.",
        epilog="`ram-simulator serve --help` has the options and examples.",
    )
    found.add_argument("--version", action="version", version=f"ram-simulator {_version()}")
    shtab.add_argument_to(found, help="print the script that completes these commands in a shell")
    commands = found.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    fixture = commands.add_parser("fixture", help="print an example of what `serve --fixture` takes, with every key")
    fixture.add_argument("--built-in", action="store_true", help="print the world that is served without --fixture")
    for name, about in (
        ("actions", "print the supported actions, as a table"),
        ("switches", "print what `serve --switch` can choose, as a table"),
        ("control", "print what the control service answers, as a table"),
    ):
        table = commands.add_parser(name, help=about, description=about)
        table.add_argument("--markdown", action="store_true", help="in Markdown")
    return found


def _serve_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    return commands.add_parser(
        "serve",
        help="serve until SIGINT or SIGTERM; prints one JSON line when ready",
        description="Serves until SIGINT or SIGTERM. Once it is ready, it prints one line of JSON on stdout: its\n"
        "addresses, the account and its key, instances and buckets. Everything else goes to stderr.",
        epilog=_SERVE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = _serve_parser(commands)
    serve.add_argument(
        "--listen",
        type=_address,
        default="127.0.0.1:7780",
        metavar="HOST:PORT",
        help="address of the API; metadata, OSS and control take the next three ports, and with port 0 all take free "
        "ones (default: %(default)s)",
    )
    serve.add_argument(
        "--advertise",
        type=_host,
        metavar="HOST",
        help="name or address for the printed addresses, where clients are on other machines (default: the HOST of "
        "--listen, loopback for 0.0.0.0)",
    )
    serve.add_argument(
        "--allow-host",
        type=_host,
        action="append",
        default=[],
        metavar="HOST",
        help="one more name that requests may have in their Host header, beside addresses, localhost, the advertised "
        "name and the cloud's own; may be repeated (default: none)",
    )
    serve.add_argument(
        "--tls-cert",
        type=Path,
        metavar="FILE",
        help="serve the API and OSS over TLS, with this certificate in PEM (default: all is plain HTTP)",
    )
    serve.add_argument(
        "--tls-key",
        type=Path,
        metavar="FILE",
        help="its key in PEM, without a password (default: it is in the certificate's file)",
    )
    serve.add_argument(
        "--until-eof",
        action="store_true",
        help="end also when standard input is closed, as it is when the program that started this one dies "
        "(default: only a signal ends it)",
    )
    _add_world(serve)
    _add_behaviour(serve)


def _add_world(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--fixture",
        type=Path,
        metavar="FILE.yaml",
        help="the world at the start; `ram-simulator fixture` prints an example (default: the built-in world)",
    )
    serve.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="go on from this file if it is there, and keep it up to date; it holds keys (default: nothing is kept)",
    )


def _add_behaviour(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--quotas",
        choices=("off", "documented"),
        default="off",
        help="throttle calls as the quota pages say (default: %(default)s)",
    )
    serve.add_argument(
        "--strict",
        action="store_true",
        help="refuse parameters that an action does not know (default: they are noted in the journal)",
    )
    serve.add_argument(
        "--latency-ms",
        type=_latency,
        default=0,
        metavar="N",
        help="how long each API call takes at least, in milliseconds (default: %(default)s)",
    )
    serve.add_argument(
        "--chaos",
        metavar="SEED",
        help="let calls take long, fail or lose their answers at random; the same for the same seed, of any letters "
        "(default: only faults that are set)",
    )
    serve.add_argument(
        "--switch",
        action="append",
        type=_switch,
        default=[],
        metavar="NAME=VALUE",
        help="choose a behaviour that the documentation leaves open; may be repeated; `ram-simulator switches` lists "
        "them (default: each as in that list)",
    )


def _version() -> str:
    for distribution in _DISTRIBUTIONS:
        with suppress(PackageNotFoundError):
            return version(distribution)
    return "of a checkout that is not installed"


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no HOST:PORT, such as 127.0.0.1:7780, or 127.0.0.1:0 for free ports"
        )
    if int(port) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r}: four ports in a row are needed, so {_HIGHEST_PORT} is the highest")
    return host.strip("[]") or "127.0.0.1", int(port)


def _host(text: str) -> str:
    if not re.fullmatch(r"[\w.:-]+|\[[\w:.]+\]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name or address, such as cloud.test")
    return text.strip("[]")


def _switch(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE, such as second-role=error")
    try:
        Switches({name: value})
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return name, value


def _latency(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of milliseconds, such as 200")
    return int(text)
