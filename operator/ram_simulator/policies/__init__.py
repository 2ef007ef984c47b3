"""RAM's policy documents: how their JSON is read or refused (`grammar`), what they say (`model`) and decide (`engine`).

Pure: no cloud, no clock. `patterns` and `operators` are the two comparisons of the policy language.
"""

from ram_simulator.policies.grammar import parse_document
from ram_simulator.policies.model import (
    DOCUMENTED,
    TOLERANT,
    Condition,
    DocumentKind,
    Effect,
    Grammar,
    MalformedDocument,
    PolicyDocument,
    Statement,
)

__all__ = [
    "DOCUMENTED",
    "TOLERANT",
    "Condition",
    "DocumentKind",
    "Effect",
    "Grammar",
    "MalformedDocument",
    "PolicyDocument",
    "Statement",
    "parse_document",
]
