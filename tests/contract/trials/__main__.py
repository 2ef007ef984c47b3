"""Tries every action and writes the results beside the page that shows them: `python -m tests.contract.trials`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.contract.clients.target import FAR, fixture_of
from tests.contract.conftest import RunningSimulator, start_simulator, stop_simulator
from tests.contract.test_simulator_oidc import Issuer
from tests.contract.trials.parameters import ParameterTrial
from tests.contract.trials.trying import Trial, tried

RESULTS = Path(__file__).parents[3] / "docs/simulator/trials.yaml"
Tried = TypeVar("Tried", Trial, ParameterTrial)


@contextmanager
def trial_in(folder: Path, kind: Callable[[RunningSimulator, str], Tried]) -> Iterator[Tried]:
    """Return a trial in a simulator of its own."""
    issuer = Issuer(rsa.generate_private_key(65537, 2048))
    running = start_simulator("--fixture", str(fixture_of(issuer, folder)))
    trial = kind(running, issuer.token(exp=FAR))
    try:
        yield trial
    finally:
        trial.close()
        stop_simulator(running)


if __name__ == "__main__":
    with TemporaryDirectory() as folder, trial_in(Path(folder), Trial) as trial:
        results = tried(trial)
    with TemporaryDirectory() as folder, trial_in(Path(folder), ParameterTrial) as parameters:
        for title, effects in parameters.effects().items():
            results[title] |= effects
    RESULTS.write_text(yaml.safe_dump(results, width=10_000))
