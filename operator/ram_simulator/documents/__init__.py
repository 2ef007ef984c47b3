"""RAM's policy documents: what they say (`model`), and how their JSON is read and refused (`grammar`)."""

from ram_simulator.documents.grammar import parse_document
from ram_simulator.documents.model import (
    DOCUMENTED,
    TOLERANT,
    Condition,
    DocumentKind,
    Effect,
    Grammar,
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
    "PolicyDocument",
    "Statement",
    "parse_document",
]
