"""Tables of objects that the API server takes or refuses, rule by rule. Read by ``tests/cluster/test_admission.py``."""

from tests.cluster.admission.bindings import BINDINGS
from tests.cluster.admission.case import Case
from tests.cluster.admission.documents import DOCUMENTS
from tests.cluster.admission.policies import POLICIES
from tests.cluster.admission.roles import ROLES

CASES: tuple[Case, ...] = (*POLICIES, *ROLES, *BINDINGS, *DOCUMENTS)

__all__ = ["CASES", "Case"]
