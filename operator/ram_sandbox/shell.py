"""``ram-sandbox shell``: the person's own shell, in which kubectl and ram-operator talk to the sandbox."""

import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ram_sandbox.processes import FOREIGN_SETTINGS

ALIASES: Final = {"k": "kubectl", "ram": "kubectl get ram -o wide"}
_GRACE_SECONDS: Final = 5.0


@contextmanager
def running_shell(
    program: str, variables: Mapping[str, str], folder: Path, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run an interactive shell for the block, which gets its process.

    Args:
        program: the shell; what is neither bash nor zsh is replaced by sh.
        variables: what is set in it, also where the person's own start-up file sets it otherwise.
        folder: for its start-up file.
        environ: the environment that it starts from.
    """
    name = Path(program).name
    startup = folder / (".zshrc" if name == "zsh" else "shellrc")
    startup.write_text(_startup_text(f"~/.{name}rc" if name in ("bash", "zsh") else "", variables))
    match name:
        case "bash":
            command, extra = [program, "--rcfile", str(startup), "-i"], {}
        case "zsh":
            command, extra = [program, "-i"], {"ZDOTDIR": str(folder)}
        case _:
            command, extra = ["sh", "-i"], {"ENV": str(startup)}
    process = subprocess.Popen(command, env={**environ, **extra})
    try:
        yield process
    finally:
        _end(process)


def exports(variables: Mapping[str, str]) -> list[str]:
    """Return the lines by which a shell forgets the person's settings of clouds and operators, and sets variables."""
    foreign = rf"^(({'|'.join(FOREIGN_SETTINGS)})[A-Za-z0-9_]*)=.*"
    forget = f"eval \"$(env | sed -nE 's/{foreign}/unset \\1/p')\""
    return [forget, *(f"export {name}={shlex.quote(value)}" for name, value in variables.items())]


def _end(process: subprocess.Popen[bytes]) -> None:
    # Interactive shells ignore SIGTERM; SIGHUP is what the end of a terminal sends them.
    process.send_signal(signal.SIGHUP)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _startup_text(own: str, variables: Mapping[str, str]) -> str:
    """The start-up file: the person's own first, so that it cannot lead kubectl to another cluster."""
    lines = [f"[ ! -f {own} ] || . {own}"] if own else []
    lines += exports(variables)
    lines += (f"alias {name}={shlex.quote(text)}" for name, text in ALIASES.items())
    return "\n".join([*lines, 'PS1="(ram-sandbox) $PS1"', ""])
