"""Documents of a megabyte, which the API server stores: of their many problems only the size is told."""

from typing import Any

import pytest

from ram_operator.rules.documents import POLICY_LIMIT, check_policy, check_trust
from ram_operator.rules.documents.checking import MOST_READ
from ram_operator.rules.documents.doubts import policy_doubts, trust_doubts

MANY = 20_000
STATEMENT = {"Effect": "Allow", "Action": "oss:Get*", "Resource": "*"}


def statement(**changes: Any) -> dict[str, Any]:
    return {"Version": "1", "Statement": [STATEMENT | changes]}


ALIASES: Any = "x" * 9
for _ in range(30):
    ALIASES = [ALIASES] * 9

OVERSIZED: dict[str, Any] = {
    "keys": {f"Statemen{number}": 1 for number in range(MANY)},
    "keys of a statement": statement(**{f"Actio{number}": 1 for number in range(MANY)}),
    "statements": {"Statement": [{} for _ in range(MANY)]},
    "actions": statement(Action=[f"oss Get{number}" for number in range(MANY)]),
    "one action": statement(Action="oss:" + "x" * MANY),
    "operators": statement(Condition={f"StringEqual{number}": {"a:b": "c"} for number in range(MANY)}),
    "condition keys": statement(Condition={"StringEquals": {f"SourceI{number}": "c" for number in range(MANY)}}),
    "numbers": statement(Action=[1] * MANY),
    "what aliases in YAML repeat": statement(Action=ALIASES),
}


@pytest.mark.parametrize("document", OVERSIZED.values(), ids=OVERSIZED)
def test_of_an_oversized_document_nothing_but_its_size_is_told(document: Any) -> None:
    (problem,) = check_policy(document)
    assert str(problem).startswith(f"spec.document: has more than {MOST_READ} characters, at most {POLICY_LIMIT}")
    (problem,) = check_trust(document)
    assert str(problem) == f"spec.trust.document: has more than {MOST_READ} characters; shorten it"
    assert policy_doubts(document) == ()
    assert trust_doubts(document) == ()


def test_all_problems_of_other_documents_are_told() -> None:
    document = statement(Action=["oss Get"] * 500)
    assert len(check_policy(document)) == 20
    assert len(policy_doubts(statement(Action=["oss:Zzz"] * 500))) == 20
