"""The operator checks what the API server checked, for clusters without the admission policy and for older objects.

The tables are those that the real API server answers in ``tests/cluster/test_admission.py``.
"""

from datetime import timedelta
from typing import Any

import pytest
from tests.cluster.admission import CASES, Case
from tests.cluster.admission.documents import DOCUMENTS

from ram_operator.errors import InvalidSpec
from ram_operator.kinds.instance_role_binding import InstanceRoleBindingKind
from ram_operator.kinds.ram_policy import RamPolicyKind
from ram_operator.kinds.ram_role import RamRoleKind

DAY = timedelta(days=1)
KINDS: dict[str, Any] = {
    "RamPolicy": RamPolicyKind(DAY),
    "RamRole": RamRoleKind(DAY),
    "InstanceRoleBinding": InstanceRoleBindingKind(),
}
TAKEN = [case for case in CASES if case.refusal is None]
ONLY_THE_SCHEMA = "document with 101 statements"
REFUSED = [
    case for case in DOCUMENTS if case.refusal and case.kind != "InstanceRoleBinding" and case.title != ONLY_THE_SCHEMA
]


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.title)
def test_the_operator_understands_what_the_api_server_takes(case: Case) -> None:
    KINDS[case.kind].parse(case.body())


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.title)
def test_the_operator_refuses_the_documents_that_the_admission_policy_refuses(case: Case) -> None:
    with pytest.raises(InvalidSpec):
        KINDS[case.kind].parse(case.body())


def test_most_documents_are_refused_in_the_same_words() -> None:
    other = []
    for case in REFUSED:
        with pytest.raises(InvalidSpec) as refusal:
            KINDS[case.kind].parse(case.body())
        if str(case.refusal) not in str(refusal.value):
            other.append(case.title)
    assert len(other) <= len(REFUSED) / 4, other
