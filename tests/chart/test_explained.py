"""What `kubectl explain` and refusals recommend exists."""

import pytest
from tests.chart.conftest import ROOT

PLURALS = ("rampolicies", "ramroles", "instancerolebindings")


def test_a_refusal_recommends_nothing_that_is_not_obeyed() -> None:
    crd = (ROOT / "crds/instancerolebindings.ram.alicloud.dev.yaml").read_text()
    nothing_selected = next(line for line in crd.splitlines() if "nothing is selected" in line)
    assert "nodeSelector" in nothing_selected
    assert "nodeNames" in nothing_selected


@pytest.mark.parametrize("plural", PLURALS)
def test_no_text_speaks_of_settings_that_the_chart_does_not_have(plural: str) -> None:
    assert "operator's settings" not in (ROOT / f"crds/{plural}.ram.alicloud.dev.yaml").read_text()
