"""What the page of the actions says was tried, tried again: `python -m tests.contract.trials` writes the results."""

from collections.abc import Iterator

import pytest
import yaml
from tests.contract.trials.__main__ import RESULTS, trial_in
from tests.contract.trials.trying import Results, Trial, tried

from ram_simulator.cloud.switches import SwitchName
from ram_simulator.oss.operations import operations
from ram_simulator.testing.evidence import GENERAL, SWITCHED
from ram_simulator.testing.simulator import PRODUCTS


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with trial_in(tmp_path_factory.mktemp("trial")) as found:
        yield found


@pytest.fixture(scope="module")
def written() -> Results:
    found: Results = yaml.safe_load(RESULTS.read_text())
    return found


def test_each_action_is_refused_and_taken_as_the_page_says(trial: Trial, written: Results) -> None:
    assert tried(trial) == written


def test_no_action_is_untried(written: Results) -> None:
    served = {f"{product.name} {name}" for product in PRODUCTS.values() for name in product.actions}
    assert set(written) == served | {f"Oss {operation.name}" for operation in operations()}
    free = {action for action, found in written.items() if not found["allowed by"]}
    assert free == {"Sts GetCallerIdentity", "Sts AssumeRoleWithOIDC"}


def test_what_is_needed_is_what_the_table_says(written: Results) -> None:
    for product in PRODUCTS.values():
        for action in product.actions.values():
            needed = {text.partition(" on ")[0] for text in written[f"{product.name} {action.name}"]["allowed by"]}
            assert needed - {"ram:PassRole"} <= {product.permission(action)}


def test_every_switch_says_which_actions_it_is_about() -> None:
    known = {f"{product.name} {name}" for product in PRODUCTS.values() for name in product.actions}
    assert {action for actions in SWITCHED.values() for action in actions} <= known
    assert set(SWITCHED) | GENERAL == set(SwitchName)
    assert not set(SWITCHED) & GENERAL
