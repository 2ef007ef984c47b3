"""Strategies for what no parameter should hold: any text, any JSON, and documents that are nearly policies.

Mutations change right requests at random; these say what to put in, and a failure shrinks to the least of it.
"""

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from tests.contract.clients.mutation_tables import CALLS, NASTY
from tests.contract.clients.raw import Pairs, text_of

_TESTS = (
    "StringEquals",
    "StringLike",
    "NumericLessThan",
    "DateLessThan",
    "Bool",
    "IpAddress",
    "ForAnyValue:StringLike",
)
_KEYS = ("acs:SourceIp", "acs:CurrentTime", "acs:SecureTransport", "oss:Prefix", "ram:ServiceNames", "")
_WORDS = (
    *(
        "*",
        "oss:Get*",
        "sts:AssumeRole",
        "ecs.aliyuncs.com",
        "acs:oss:*:*:ramroletest",
        "acs:ram::1234567890123456:root",
    ),
    *("10.0.0.0/33", "2026-13-01T00:00:00Z", "1e400", "true", "acs:ram::1234567890123456:oidc-provider/mutants", "a:b"),
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(_WORDS)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_STRINGS = st.sampled_from(_WORDS) | st.lists(st.sampled_from(_WORDS), max_size=3)
_CONDITIONS = st.dictionaries(
    st.sampled_from(_TESTS), st.dictionaries(st.sampled_from(_KEYS), _STRINGS | _JSON, max_size=2) | _JSON, max_size=2
)
_PRINCIPALS = st.dictionaries(st.sampled_from(("Service", "RAM", "Federated", "AWS")), _STRINGS | _JSON, max_size=2)
_STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Allow", "Deny", "allow"]), "Action": _STRINGS},
    optional={
        "Resource": _STRINGS | _JSON,
        "Principal": _PRINCIPALS | _JSON,
        "Condition": _CONDITIONS | _JSON,
        "NotAction": _STRINGS,
    },
)
_DOCUMENTS = st.fixed_dictionaries(
    {"Version": st.sampled_from(["1", "1", "1", 1, "2"]), "Statement": st.lists(_STATEMENTS, max_size=2) | _JSON},
    optional={"Id": _JSON},
)
_VALUES = st.one_of(
    st.text(max_size=70),
    st.sampled_from(NASTY),
    _JSON.map(json.dumps),
    _DOCUMENTS.map(json.dumps),
    _DOCUMENTS.map(lambda document: json.dumps(document, ensure_ascii=False)),
)


@dataclass(frozen=True, slots=True)
class OddCall:
    """A call with an odd value in one of its parameters, or in one that it does not take."""

    action: str
    pairs: Pairs
    is_v3: bool


@st.composite
def odd_calls(draw: st.DrawFn) -> OddCall:
    """Draw a call of any action."""
    action, given = draw(st.sampled_from(CALLS))
    documents = [name for name in given if name.endswith(("Document", "Policy"))]
    name = draw(st.sampled_from([*given, *documents * 2, "RegionId", "Marker", "Tag.1.Key"]))
    changed: dict[str, Any] = {**given, name: draw(_DOCUMENTS.map(json.dumps) if name in documents else _VALUES)}
    return OddCall(action, [(parameter, text_of(value)) for parameter, value in changed.items()], draw(st.booleans()))
