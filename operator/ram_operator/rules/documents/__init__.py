"""RAM policy documents as parsed JSON: whether RAM will take one, what we send, and when two mean the same.

The grammar is RAM's own ("Policy structure and grammar" in its documentation), so that a document pasted from the
console works as it is. `kinds` check documents when they parse a spec, send the canonical text and compare it by
meaning with what the cloud holds.
"""

from ram_operator.rules.documents.applied import LAST_APPLIED, NOTHING, dropped_values
from ram_operator.rules.documents.checking import POLICY_LIMIT, check_policy, check_services, check_trust
from ram_operator.rules.documents.doubts import policy_doubts, service_doubts, trust_doubts
from ram_operator.rules.documents.meaning import canonical, fingerprint, parsed, same_meaning
from ram_operator.rules.documents.removed import removed_conditions
from ram_operator.rules.documents.trust import only_adds, services_of, trust_for_services, trusts_service

__all__ = [
    "LAST_APPLIED",
    "NOTHING",
    "POLICY_LIMIT",
    "canonical",
    "check_policy",
    "check_services",
    "check_trust",
    "dropped_values",
    "fingerprint",
    "only_adds",
    "parsed",
    "policy_doubts",
    "removed_conditions",
    "same_meaning",
    "service_doubts",
    "services_of",
    "trust_doubts",
    "trust_for_services",
    "trusts_service",
]
