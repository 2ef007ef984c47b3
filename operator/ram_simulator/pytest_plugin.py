"""The fixture `ram_simulator` for tests of other projects: a simulated cloud of their own, as new for each test.

pytest loads it by the entry point of the package. The simulator runs as a process, as it does for its users; it is
started when the first test asks for it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ram_simulator.running import RunningSimulator


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `ram_simulator_options` in the project's settings be given to `ram-simulator serve`."""
    parser.addini("ram_simulator_options", "options of `ram-simulator serve`, one a line", type="linelist", default=[])


@pytest.fixture(scope="session")
def ram_simulator_process(request: pytest.FixtureRequest) -> "Iterator[RunningSimulator]":
    """One simulator process for the session."""
    # not above: pytest loads plugins in every project that has the package, also where nobody asks for the fixture
    from ram_simulator.running import start

    running = start(*request.config.getini("ram_simulator_options"))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def ram_simulator(ram_simulator_process: "RunningSimulator") -> "RunningSimulator":
    """The simulated cloud, as its fixture describes it."""
    ram_simulator_process.reset()
    return ram_simulator_process
