"""No value is left that the schema takes and the operator does not obey: the policy and `kubectl explain` say so."""

from pathlib import Path

import yaml

CRDS = Path(__file__).parents[2] / "crds"


def test_the_admission_policy_refuses_none() -> None:
    policy, *_ = yaml.safe_load_all((CRDS / "admission-values.yaml").read_text())
    (fields,) = (row["expression"] for row in policy["spec"]["variables"] if row["name"] == "fields")
    assert yaml.safe_load(fields) == []


def test_kubectl_explain_calls_none_not_obeyed() -> None:
    paths = list(CRDS.glob("*.ram.alicloud.dev.yaml"))
    assert len(paths) == 3
    for path in paths:
        assert "Not obeyed" not in path.read_text()
