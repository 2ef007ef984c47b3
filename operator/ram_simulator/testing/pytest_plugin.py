"""The fixture `ram_simulator` for tests of other projects: a simulated cloud of their own, as new for each test.

pytest loads it by the entry point of the package. The simulator runs as a process, as it does for its users; it is
started when the first test asks for it. A test that fails shows the calls that it made.
"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ram_simulator.testing.running import RunningSimulator

_CALLS_SHOWN = 30


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `ram_simulator_options` in the project's settings be given to `ram-simulator serve`."""
    parser.addini(
        "ram_simulator_options",
        "options of `ram-simulator serve`, one a line; files are looked for beside this configuration",
        type="linelist",
        default=[],
    )


@pytest.fixture(scope="session")
def ram_simulator_process(request: pytest.FixtureRequest) -> "Iterator[RunningSimulator]":
    """One simulator process for the session."""
    # not above: pytest loads plugins in every project that has the package, also where nobody asks for the fixture
    from ram_simulator.testing.running import NotStarted, start

    config = request.config
    options = [part for line in config.getini("ram_simulator_options") for part in _parts(line)]
    refusal = ""
    try:
        with start(*options, folder=config.inipath.parent if config.inipath else config.rootpath) as running:
            yield running
    except NotStarted as error:
        refusal = str(error)
    if refusal:  # not above, or the report would have the text twice
        pytest.fail(f"{refusal}\n(ram_simulator_options: {' '.join(options) or 'none'})", pytrace=False)


@pytest.fixture
def ram_simulator(ram_simulator_process: "RunningSimulator") -> "RunningSimulator":
    """A simulated Alibaba Cloud: the fixture as at the start, no faults, real time, no calls yet."""
    ram_simulator_process.reset()
    return ram_simulator_process


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the calls of a test that fails, and what the simulator wrote to stderr, to its report."""
    report = yield
    running: RunningSimulator | None = getattr(item, "funcargs", {}).get("ram_simulator")
    if report.when == "call" and report.failed and running is not None and running.process.poll() is None:
        report.sections.append(("calls of ram_simulator", _calls(running)))
        if stderr := running.log():
            report.sections.append(("stderr of ram_simulator", stderr))
    return report


def _parts(line: str) -> list[str]:
    """Return an option of a line, and its value if that stands on the same line."""
    return line.split(maxsplit=1) if line.startswith("--") else [line]


def _calls(running: "RunningSimulator") -> str:
    calls = running.calls()
    lines = [
        f"{call['seq']:>6} {call['product']} {call['action']} by {call['principal'].rpartition(':')[2] or 'nobody'}: "
        f"{call['status']} {call['code']}".rstrip()
        for call in calls[-_CALLS_SHOWN:]
    ]
    left_out = [f"({len(calls) - _CALLS_SHOWN} more before these)"] if len(calls) > _CALLS_SHOWN else []
    return "\n".join([*left_out, *lines]) or "none"
