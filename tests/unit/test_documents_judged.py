"""What compares as the same grants the same: judged by the engine that decides for the simulated cloud."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ram_operator.rules.documents import canonical, check_policy, check_trust, same_meaning
from ram_simulator.policies import TOLERANT, DocumentKind, parse_document
from ram_simulator.policies.engine import AccessRequest, Assumer, evaluate, trust_verdict

relaxed = settings(deadline=None, max_examples=100)

# Few words, so that nearly every change of a document changes what it grants.
ACTIONS = ("oss:GetObject", "oss:PutObject", "oss:ListObjects")
BUCKETS = ("a", "A", "ab")
CONTEXTS: tuple[dict[str, tuple[str, ...]], ...] = (
    {},
    {"acs:SecureTransport": ("true",), "acs:SourceIp": ("192.0.2.7",), "oss:Prefix": ("x/",)},
    {"acs:SecureTransport": ("false",), "acs:SourceIp": ("198.51.100.7",), "oss:Prefix": ("X/",)},
)
SERVICES = ("ecs.aliyuncs.com", "fc.aliyuncs.com")
ROOT = "acs:ram::1234567890123456:root"


def some(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """One text, or a list of some."""
    return texts | st.lists(texts, min_size=1, max_size=3)


actions = some(st.sampled_from([*ACTIONS, "oss:getobject", "oss:*", "oss:?etObject", "oss:G*", "*"]))
resources = some(st.sampled_from(["*", *(f"acs:oss:*:*:{bucket}" for bucket in (*BUCKETS, "a*", "?"))]))
conditions = st.dictionaries(
    st.sampled_from(["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringLike"]),
    st.dictionaries(st.just("oss:Prefix"), some(st.sampled_from(["x/", "X/", "*"])), min_size=1),
    max_size=1,
) | st.sampled_from(
    [
        {"Bool": {"acs:SecureTransport": True}},
        {"Bool": {"acs:SecureTransport": "false"}},
        {"IpAddress": {"acs:SourceIp": "192.0.2.0/24"}},
        {"NotIpAddress": {"acs:SourceIp": ["192.0.2.0/24"]}},
    ]
)
effects = st.sampled_from(["Allow", "Allow", "Deny"])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "Effect": effects,
    "Action": actions,
    "NotAction": actions,
    "Resource": resources,
    "Condition": conditions,
}
services, accounts = some(st.sampled_from(SERVICES)), some(st.sampled_from([ROOT, "acs:ram::1111111111111111:root"]))
principals = (
    st.fixed_dictionaries({"Service": services})
    | st.fixed_dictionaries({"RAM": accounts})
    | st.fixed_dictionaries({"Service": services, "RAM": accounts})
)
TRUST_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "Effect": effects,
    "Action": st.sampled_from(["sts:AssumeRole", "sts:assumerole", "sts:*"]),
    "Principal": principals,
    "Condition": FIELDS["Condition"],
}


def documents(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Documents whose statements have these fields; of NotAction none, which edits bring in."""
    needed = {name: of for name, of in fields.items() if name not in ("Condition", "NotAction")}
    statement = st.fixed_dictionaries(needed, optional={"Condition": fields["Condition"]})
    return st.fixed_dictionaries({"Version": st.just("1"), "Statement": st.lists(statement, min_size=1, max_size=3)})


@st.composite
def edits(draw: st.DrawFn, fields: dict[str, st.SearchStrategy[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A document, and the same with one thing changed or written otherwise."""
    document = draw(documents(fields))
    edited = copy.deepcopy(document)
    statements = edited["Statement"]
    index = draw(st.integers(0, len(statements) - 1))
    match draw(st.sampled_from(["field", "field", "field", "less", "more", "twice", "order", "negated"])):
        case "less" if len(statements) > 1:
            del statements[index]
        case "more":
            statements.append(draw(documents(fields))["Statement"][0])
        case "twice":
            statements.append(copy.deepcopy(statements[index]))
        case "order":
            statements.reverse()
        case "negated" if "NotAction" in fields and "Action" in statements[index]:
            statements[index]["NotAction"] = statements[index].pop("Action")
        case _:
            name = draw(st.sampled_from([name for name in fields if name != "NotAction"]))
            statements[index][name] = draw(fields[name])
    return document, edited


def grants(document: dict[str, Any]) -> Iterator[object]:
    """What the engine decides on every request there can be, for what is sent for a document."""
    read = parse_document(canonical(document), DocumentKind.IDENTITY, TOLERANT)
    for action, bucket, context in product((*ACTIONS, "ecs:RunInstances"), BUCKETS, CONTEXTS):
        yield evaluate([read], AccessRequest(action, f"acs:oss:*:1234567890123456:{bucket}", context))


def lets_in(document: dict[str, Any]) -> Iterator[object]:
    """What the engine decides on everybody who may ask to assume a role, likewise."""
    read = parse_document(canonical(document), DocumentKind.TRUST, TOLERANT)
    askers = (*(Assumer("Service", (name,)) for name in SERVICES), Assumer("RAM", (ROOT,)))
    for asker, context in product(askers, CONTEXTS):
        yield trust_verdict(read, asker, context)


@relaxed
@given(edits(FIELDS))
def test_an_edit_that_changes_what_a_document_grants_is_never_taken_for_the_same(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    before, after = pair
    if not (check_policy(before) or check_policy(after)) and list(grants(before)) != list(grants(after)):
        assert not same_meaning(before, after)
        assert not same_meaning(json.dumps(before), canonical(after))


@relaxed
@given(edits(TRUST_FIELDS))
def test_an_edit_that_changes_whom_a_trust_lets_in_is_never_taken_for_the_same(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    before, after = pair
    if not (check_trust(before) or check_trust(after)) and list(lets_in(before)) != list(lets_in(after)):
        assert not same_meaning(before, after)
        assert not same_meaning(json.dumps(before), canonical(after))
