"""Whom a role may be trusted to: ECS by default, everyone else only by name."""

from typing import Any

import pytest
from hypothesis import given, settings
from tests.unit.test_documents import JSON

from ram_operator.rules.documents import trust_for_services
from ram_operator.rules.trust import TrustLimits, trust_outside

ACCOUNT = "acs:ram::1234567890123456:root"
PROVIDER = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1"
PINNED = {
    "StringEquals": {"oidc:iss": "https://issuer.example.com", "oidc:aud": "sts.aliyuncs.com"},
    "StringLike": {"oidc:sub": "system:serviceaccount:apps:*"},
}
OPEN = TrustLimits(frozenset({"ecs.aliyuncs.com", "fc.aliyuncs.com"}), frozenset({ACCOUNT}), frozenset({PROVIDER}))


def trusting(principal: Any, **changes: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **changes}
    return {"Version": "1", "Statement": [statement]}


def pinned(**changes: Any) -> dict[str, Any]:
    """A trust in the provider whose conditions are changed; None takes one out."""
    condition = {operator: dict(keys) for operator, keys in PINNED.items()}
    for operator, keys in changes.items():
        condition[operator] = {**condition.get(operator, {}), **keys}
    kept = {operator: {k: v for k, v in keys.items() if v is not None} for operator, keys in condition.items()}
    return trusting({"Federated": PROVIDER}, Condition=kept)


# the document, what is outside by default, what is outside where ECS, FC, the account and the provider are named
TRUSTS: dict[str, tuple[Any, int, int]] = {
    "ECS": (trust_for_services(["ecs.aliyuncs.com"]), 0, 0),
    "ECS as a text": (trusting({"Service": "ecs.aliyuncs.com"}), 0, 0),
    "another service": (trusting({"Service": ["ecs.aliyuncs.com", "fc.aliyuncs.com"]}), 1, 0),
    "ECS of another account": (trusting({"Service": "1@ecs.aliyuncs.com"}), 1, 1),
    "ECS in capitals": (trusting({"Service": "ECS.aliyuncs.com"}), 1, 1),
    "every account": (trusting({"RAM": ["*"]}), 1, 1),
    "an account": (trusting({"RAM": [ACCOUNT]}), 1, 0),
    "another account": (trusting({"RAM": [ACCOUNT, "acs:ram::6543210987654321:root"]}), 2, 1),
    "every user of an account": (trusting({"RAM": "acs:ram::1234567890123456:user/*"}), 1, 1),
    "several kinds": (trusting({"Service": "ecs.aliyuncs.com", "RAM": ACCOUNT}), 1, 0),
    "a provider, all pinned": (pinned(), 1, 0),
    "a provider without conditions": (trusting({"Federated": PROVIDER}), 4, 3),
    "a provider, any issuer": (pinned(StringEquals={"oidc:iss": None}), 2, 1),
    "a provider, any subject": (pinned(StringLike={"oidc:sub": "*"}), 2, 1),
    "a provider, one subject of which is any": (pinned(StringLike={"oidc:sub": ["a", "**?"]}), 2, 1),
    "a provider, other subjects than one": (
        pinned(StringLike={"oidc:sub": None}, StringNotEquals={"oidc:sub": "a"}),
        2,
        1,
    ),
    "a provider, a subject if there is one": (
        pinned(StringLike={"oidc:sub": None}, StringEqualsIfExists={"oidc:sub": "a"}),
        2,
        1,
    ),
    "another provider": (trusting({"Federated": "acs:ram::1:saml-provider/x"}, Condition=PINNED), 1, 1),
    "an account under a condition": (trusting({"RAM": ACCOUNT}, Condition={"Bool": {"acs:MFAPresent": "true"}}), 1, 0),
    "a denied account": (trusting({"RAM": "*"}, Effect="Deny"), 0, 0),
    "an effect in other case": (trusting({"RAM": "*"}, Effect="deny"), 1, 1),
    "no effect": ({"Statement": [{"Action": "*", "Principal": {"RAM": "*"}}]}, 1, 1),
    "another action": (trusting({"RAM": "*"}, Action="sts:GetCallerIdentity"), 1, 1),
    "everyone but one": (trusting({"Service": "ecs.aliyuncs.com"}, NotPrincipal={"RAM": ACCOUNT}), 1, 1),
    "a star": (trusting("*"), 1, 1),
    "an unknown kind": (trusting({"Service": "ecs.aliyuncs.com", "AWS": "*"}), 1, 1),
    "a number": (trusting({"Service": 1}), 1, 1),
    "no principal": (trusting(None), 1, 1),
    "one statement, no list": ({"Statement": trusting({"RAM": "*"})["Statement"][0]}, 1, 1),
    "a statement of text": ({"Statement": ["*"]}, 1, 1),
    "no document": (None, 1, 1),
    "nobody": ({"Statement": []}, 0, 0),
}


@pytest.mark.parametrize(("document", "by_default", "where_named"), TRUSTS.values(), ids=TRUSTS)
def test_a_role_trusts_whom_the_limits_name_and_nobody_else(document: Any, by_default: int, where_named: int) -> None:
    assert len(trust_outside(document, TrustLimits())) == by_default
    found = trust_outside(document, OPEN)
    assert len(found) == where_named
    assert all(sentence.startswith("spec.trust.document") and "; " in sentence for sentence in found)


@settings(deadline=None, max_examples=200)
@given(JSON)
def test_what_cannot_be_understood_is_outside(principal: Any) -> None:
    trusted = {"Service": "ecs.aliyuncs.com"}, {"Service": ["ecs.aliyuncs.com"]}
    if principal not in (*trusted, {}):
        assert trust_outside(trusting(principal), TrustLimits()) != ()
