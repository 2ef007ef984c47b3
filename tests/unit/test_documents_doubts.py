"""What RAM takes and probably does not mean: the operator and the admission policy doubt the same."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from tests.cluster.admission.doubts import DOUBTS, Doubt
from tests.unit.test_documents import JSON

from ram_operator.rules.documents import check_policy, policy_doubts, service_doubts, trust_doubts
from ram_operator.rules.documents.catalogue import COMMON_KEYS, SERVICES, VERBS

POLICY = Path(__file__).parents[2] / "crds/admission-warnings.yaml"


def doubts(doubt: Doubt) -> tuple[str, ...]:
    spec: dict[str, Any] = doubt.case.spec or {}
    trust = spec.get("trust", {})
    return (
        *(policy_doubts(spec["document"]) if "document" in spec else ()),
        *(trust_doubts(trust["document"]) if "document" in trust else ()),
        *(service_doubts(trust["services"]) if "services" in trust else ()),
    )


@pytest.mark.parametrize("doubt", DOUBTS, ids=lambda doubt: doubt.case.title)
def test_what_is_probably_not_meant_is_told_with_its_place_and_nothing_else_is(doubt: Doubt) -> None:
    found = doubts(doubt)
    assert len(found) == (doubt.warning is not None)
    assert all(str(doubt.warning) in sentence and sentence.startswith("spec.") for sentence in found)


def test_a_near_miss_is_told_what_was_meant() -> None:
    condition = {"IpAddress": {"acs:SorceIp": "192.0.2.1"}}
    document = {"Statement": [{"Effect": "Allow", "Action": "osss:Get*", "Resource": "*", "Condition": condition}]}
    service, key = policy_doubts(document)
    assert 'meant is probably "oss"' in service
    assert 'meant is probably "acs:SourceIp"' in key


def test_what_is_left_to_rams_judgement_is_no_problem_but_a_doubt() -> None:
    statement = {"Sid": "x", "Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}
    for condition in ({"ForAnyValue:StringEquals": {"oss:Prefix": "a"}}, {"StringNotLike": {"Action": "x"}}):
        document = {"Statement": [{**statement, "Condition": condition}]}
        assert len(check_policy(document)) == 2
        assert check_policy(document, strict=False) == ()
        assert policy_doubts(document) == check_policy(document)
        assert check_policy({"Statement": [{**statement, "condition": condition}]}, strict=False) != ()


@settings(deadline=None, max_examples=100)
@given(JSON)
def test_any_json_gives_sentences_and_never_an_exception(document: Any) -> None:
    for found in (policy_doubts(document), trust_doubts(document), service_doubts(document)):
        assert all(isinstance(sentence, str) and sentence.isprintable() for sentence in found)
    assert len(policy_doubts({"Statement": [document, document]})) <= 20


def test_the_admission_policy_has_the_same_lists() -> None:
    policy, _ = yaml.safe_load_all(POLICY.read_text())
    variables = {row["name"]: row["expression"] for row in policy["spec"]["variables"]}
    for name, words in {"services": SERVICES, "verbs": VERBS, "keys": COMMON_KEYS}.items():
        (text,) = re.findall(r"^\('(.*)'\)\.split\(' '\)$", variables[name])
        assert json.dumps(text.split(" ")) == json.dumps(sorted(words)), name
