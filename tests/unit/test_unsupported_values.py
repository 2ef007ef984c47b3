"""What is not supported yet: the operator, the admission policy and `kubectl explain` name the same fields."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.admission.unsupported import ROWS, spec
from tests.unit.test_validation_layers import KINDS

CRDS = Path(__file__).parents[2] / "crds"


@pytest.mark.parametrize(("kind", "field", "value"), ROWS)
def test_the_operator_obeys_none_of_the_values_that_admission_refuses(kind: str, field: str, value: Any) -> None:
    body = {"kind": kind, "metadata": {"name": "x"}, "spec": spec(kind, field, value)}
    assert [name.partition(" ")[0] for name in KINDS[kind].parse(body).unsupported] == [field]


def test_the_admission_policy_has_a_row_for_each_of_them_and_no_other() -> None:
    policy, *_ = yaml.safe_load_all((CRDS / "admission-values.yaml").read_text())
    (fields,) = (row["expression"] for row in policy["spec"]["variables"] if row["name"] == "fields")
    assert {(kind, field) for kind, field, _ in yaml.safe_load(fields)} == {(kind, field) for kind, field, _ in ROWS}


def test_kubectl_explain_calls_them_not_obeyed_and_no_other() -> None:
    found = set()
    for path in CRDS.glob("*.ram.alicloud.dev.yaml"):
        crd = yaml.safe_load(path.read_text())["spec"]
        fields = crd["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        found |= {
            (crd["names"]["kind"], name) for name, field in fields.items() if "Not obeyed" in field["description"]
        }
    assert found == {(kind, field) for kind, field, _ in ROWS}
