"""`kubectl explain` says first thing which fields are not obeyed yet, and of no field that it is when it is not."""

from typing import Any

import pytest
from tests.chart.conftest import ROOT, files

from ram_operator.kinds.instance_role_binding.desiring import NOT_OBEYED as OF_BINDINGS

NOT_YET = "Not obeyed yet: "
NOT_OBEYED = {
    "rampolicies": set(),
    "ramroles": set(),
    "instancerolebindings": set(OF_BINDINGS),
}


def spec_of(plural: str) -> dict[str, Any]:
    """The fields of a kind's spec."""
    name = f"{plural}.ram.alicloud.dev"
    crd = files(ROOT / f"crds/{name}.yaml")["CustomResourceDefinition", name]
    fields: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return fields


@pytest.mark.parametrize("plural", NOT_OBEYED)
def test_exactly_the_fields_that_the_operator_does_not_obey_say_so_first(plural: str) -> None:
    fields = spec_of(plural)
    said = {name for name, field in fields.items() if str(field.get("description")).startswith(NOT_YET)}
    assert said == NOT_OBEYED[plural]


def test_a_refusal_recommends_nothing_that_is_not_obeyed() -> None:
    crd = (ROOT / "crds/instancerolebindings.ram.alicloud.dev.yaml").read_text()
    nothing_selected = next(line for line in crd.splitlines() if "nothing is selected" in line)
    assert "nodeSelector" in nothing_selected
    assert "nodeNames" in nothing_selected


@pytest.mark.parametrize("plural", NOT_OBEYED)
def test_no_text_speaks_of_settings_that_the_chart_does_not_have(plural: str) -> None:
    assert "operator's settings" not in (ROOT / f"crds/{plural}.ram.alicloud.dev.yaml").read_text()
