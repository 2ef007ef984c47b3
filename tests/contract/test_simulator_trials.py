"""What the page of the actions says was tried, tried again: `python -m tests.contract.trials` writes the results."""

from collections.abc import Iterator

import pytest
import yaml
from tests.contract.trials.__main__ import RESULTS, trial_in
from tests.contract.trials.parameters import CHECKED, OBEYED, WITHOUT_EFFECT, ParameterTrial
from tests.contract.trials.trying import Results, Trial, tried

from ram_simulator.cloud.switches import SwitchName
from ram_simulator.oss.operations import operations
from ram_simulator.testing.evidence import GENERAL, SWITCHED
from ram_simulator.testing.simulator import PRODUCTS

BY_CALLS, BY_PARAMETERS = ("allowed by", "codes"), (OBEYED, CHECKED, WITHOUT_EFFECT)


def part_of(found: dict[str, list[str]], names: tuple[str, ...]) -> dict[str, list[str]]:
    return {name: found[name] for name in names if name in found}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    with trial_in(tmp_path_factory.mktemp("trial"), Trial) as found:
        yield found


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParameterTrial]:
    with trial_in(tmp_path_factory.mktemp("parameters"), ParameterTrial) as found:
        yield found


@pytest.fixture(scope="module")
def written() -> Results:
    found: Results = yaml.safe_load(RESULTS.read_text())
    return found


def test_each_action_is_refused_and_taken_as_the_page_says(trial: Trial, written: Results) -> None:
    assert tried(trial) == {action: part_of(found, BY_CALLS) for action, found in written.items()}


@pytest.mark.parametrize("title", ["Ecs StopInstance", "Vpc DescribeVpcs"])
def test_each_parameter_changes_what_the_page_says(parameters: ParameterTrial, written: Results, title: str) -> None:
    assert parameters.effects([title]) == {title: part_of(written[title], BY_PARAMETERS)}


@pytest.mark.soak
def test_each_parameter_of_every_action_changes_what_the_page_says(
    parameters: ParameterTrial, written: Results
) -> None:
    served = {title: found for title, found in written.items() if not title.startswith("Oss ")}
    assert parameters.effects() == {title: part_of(found, BY_PARAMETERS) for title, found in served.items()}


def test_no_parameter_is_untried_and_those_without_effect_are_those_of_the_table(written: Results) -> None:
    for product in PRODUCTS.values():
        for action in product.actions.values():
            found = part_of(written[f"{product.name} {action.name}"], BY_PARAMETERS)
            tried_of_it = [name for names in found.values() for name in names]
            assert sorted(tried_of_it) == sorted((*action.required, *action.optional)), action.name
            assert found.get(WITHOUT_EFFECT, []) == sorted(action.without_effect), action.name


def test_no_action_is_untried(written: Results) -> None:
    served = {f"{product.name} {name}" for product in PRODUCTS.values() for name in product.actions}
    assert set(written) == served | {f"Oss {operation.name}" for operation in operations()}
    free = {action for action, found in written.items() if not found["allowed by"]}
    assert free == {"Sts GetCallerIdentity", "Sts AssumeRoleWithOIDC", "Sts AssumeRoleWithSAML"}


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
