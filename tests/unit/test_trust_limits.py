"""Whom a role may trust: ECS by default, everyone else only by name; and who is shown besides ECS."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from tests.unit.test_documents import JSON

from ram_operator.model import Granted
from ram_operator.rules.boundary import Boundary
from ram_operator.rules.documents import trust_for_services
from ram_operator.rules.trust import beyond_ecs, trusted

ACCOUNT = "acs:ram::1234567890123456:root"
PROVIDER = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1"
PINNED = {
    "StringEquals": {"oidc:iss": "https://issuer.example.com", "oidc:aud": "sts.aliyuncs.com"},
    "StringLike": {"oidc:sub": "system:serviceaccount:apps:*"},
}
DEFAULT, OPEN = Boundary(), Boundary(trust_principals=("ecs.aliyuncs.com", "fc.aliyuncs.com", ACCOUNT, PROVIDER))


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


# the document, whether it is inside by default, whether it is where ECS, FC, the account and the provider are named
TRUSTS: dict[str, tuple[Any, bool, bool]] = {
    "ECS": (trust_for_services(["ecs.aliyuncs.com"]), True, True),
    "ECS as a text": (trusting({"Service": "ecs.aliyuncs.com"}), True, True),
    "another service": (trusting({"Service": ["ecs.aliyuncs.com", "fc.aliyuncs.com"]}), False, True),
    "ECS of another account": (trusting({"Service": "1@ecs.aliyuncs.com"}), False, False),
    "ECS in capitals": (trusting({"Service": "ECS.aliyuncs.com"}), False, False),
    "every account": (trusting({"RAM": ["*"]}), False, False),
    "an account": (trusting({"RAM": [ACCOUNT]}), False, True),
    "another account": (trusting({"RAM": [ACCOUNT, "acs:ram::6543210987654321:root"]}), False, False),
    "every user of an account": (trusting({"RAM": "acs:ram::1234567890123456:user/*"}), False, False),
    "several kinds": (trusting({"Service": "ecs.aliyuncs.com", "RAM": ACCOUNT}), False, True),
    "a provider, all pinned": (pinned(), False, True),
    "a provider without conditions": (trusting({"Federated": PROVIDER}), False, False),
    "a provider, any issuer": (pinned(StringEquals={"oidc:iss": None}), False, False),
    "a provider, any subject": (pinned(StringLike={"oidc:sub": "*"}), False, False),
    "a provider, one subject of which is any": (pinned(StringLike={"oidc:sub": ["a", "**?"]}), False, False),
    "a provider, other subjects than one": (
        pinned(StringLike={"oidc:sub": None}, StringNotEquals={"oidc:sub": "a"}),
        False,
        False,
    ),
    "a provider, a subject if there is one": (
        pinned(StringLike={"oidc:sub": None}, StringEqualsIfExists={"oidc:sub": "a"}),
        False,
        False,
    ),
    "another provider": (trusting({"Federated": "acs:ram::1:saml-provider/x"}, Condition=PINNED), False, False),
    "an account under a condition": (
        trusting({"RAM": ACCOUNT}, Condition={"Bool": {"acs:MFAPresent": "true"}}),
        False,
        True,
    ),
    "a denied account": (trusting({"RAM": "*"}, Effect="Deny"), True, True),
    "an effect in other case": (trusting({"RAM": "*"}, Effect="deny"), False, False),
    "no effect": ({"Statement": [{"Action": "*", "Principal": {"RAM": "*"}}]}, False, False),
    "another action": (trusting({"RAM": "*"}, Action="sts:GetCallerIdentity"), False, False),
    "everyone but one": (trusting({"Service": "ecs.aliyuncs.com"}, NotPrincipal={"RAM": ACCOUNT}), False, False),
    "a star": (trusting("*"), False, False),
    "an unknown kind": (trusting({"Service": "ecs.aliyuncs.com", "AWS": "*"}), False, False),
    "a number": (trusting({"Service": 1}), False, False),
    "no principal": (trusting(None), False, False),
    "one statement, no list": ({"Statement": trusting({"RAM": "*"})["Statement"][0]}, False, False),
    "a statement of text": ({"Statement": ["*"]}, False, False),
    "no document": (None, False, False),
    "nobody": ({"Statement": []}, True, True),
}


@pytest.mark.parametrize(("document", "by_default", "where_named"), TRUSTS.values(), ids=TRUSTS)
def test_a_role_trusts_whom_the_boundary_names_and_nobody_else(
    document: Any, by_default: bool, where_named: bool
) -> None:
    text = Granted(trust=json.dumps(document))
    assert (not DEFAULT.problems(text), not OPEN.problems(text)) == (by_default, where_named)
    assert all("Statement[0] trusts " in problem or "the document" in problem for problem in OPEN.problems(text))


@pytest.mark.parametrize(
    ("document", "claims"),
    [
        (pinned(), ()),
        (trusting({"Federated": PROVIDER}), ("iss", "aud", "sub")),
        (pinned(StringEquals={"oidc:iss": None, "saml:iss": "a"}), ("iss",)),
        (pinned(StringEquals={"oidc:aud": ["sts.aliyuncs.com", "*"]}), ("aud",)),
        (pinned(StringEquals={"oidc:aud": 1}), ("aud",)),
        (pinned(StringEquals={"oidc:aud": []}), ("aud",)),
    ],
)
def test_each_claim_of_a_token_has_to_be_limited(document: Any, claims: tuple[str, ...]) -> None:
    assert [one.open_claims for one in trusted(json.dumps(document))] == [claims]


# a text for a claim, whether it limits the claim
CLAIM_TEXTS: list[tuple[str, str, bool]] = [
    ("sub", "system:serviceaccount:apps:web", True),
    ("sub", "system:serviceaccount:apps:*", True),
    ("sub", "system:serviceaccount:apps:web-?", True),
    ("sub", "a-user", True),
    ("sub", "", False),
    ("sub", "*", False),
    ("sub", "*:*", False),
    ("sub", "*:*:*:*", False),
    ("sub", "s*", False),
    ("sub", "*a*", False),
    ("sub", "a-user-*", False),
    ("sub", "system:*", False),
    ("sub", "system:serviceaccount:*", False),
    ("sub", "system:serviceaccount:*:web", False),
    ("sub", "system:serviceaccount:apps*", False),
    ("sub", "system:serviceaccount:app?:web", False),
    ("iss", "https://issuer.example.com", True),
    ("iss", "https://issuer.example.com/*", False),
    ("iss", "https://a:b:c:d*", False),
    ("iss", "h*", False),
    ("aud", "sts.aliyuncs.com", True),
    ("aud", "sts.aliyuncs.co?", False),
    ("aud", "*.*", False),
]


@pytest.mark.parametrize("among", [[], ["other"]], ids=["alone", "beside an exact one"])
@pytest.mark.parametrize(("claim", "text", "limits"), CLAIM_TEXTS)
def test_a_pattern_that_nearly_any_token_matches_limits_nothing(
    claim: str, text: str, limits: bool, among: list[str]
) -> None:
    condition: dict[str, dict[str, Any]] = {
        operator: {key: value for key, value in keys.items() if key != f"oidc:{claim}"}
        for operator, keys in PINNED.items()
    }
    condition["StringLike"][f"oidc:{claim}"] = [*among, text]
    document = trusting({"Federated": PROVIDER}, Condition=condition)
    assert [one.open_claims for one in trusted(json.dumps(document))] == [() if limits else (claim,)]
    assert bool(OPEN.problems(Granted(trust=json.dumps(document)))) is not limits


@pytest.mark.parametrize("names", [(ACCOUNT,), (PROVIDER,), ("ecs.aliyuncs.com",)])
@pytest.mark.parametrize("kind", ["Service", "RAM", "Federated", "AWS", "service"])
def test_a_name_is_allowed_for_its_own_kind_alone(kind: str, names: tuple[str, ...]) -> None:
    right = {"ecs.aliyuncs.com": "Service", ACCOUNT: "RAM", PROVIDER: "Federated"}[names[0]]
    document = trusting({kind: list(names)}, Condition=PINNED)
    assert bool(OPEN.problems(Granted(trust=json.dumps(document)))) is (kind != right)


BEYOND: dict[str, tuple[Any, tuple[str, ...]]] = {
    "ECS": (trust_for_services(["ecs.aliyuncs.com"]), ()),
    "a service": (trust_for_services(["ecs.aliyuncs.com", "fc.aliyuncs.com"]), ("fc.aliyuncs.com",)),
    "ECS of another account": (trusting({"Service": "1@ecs.aliyuncs.com"}), ("1@ecs.aliyuncs.com",)),
    "an account and a user": (
        trusting({"RAM": [f"{ACCOUNT[:-4]}user/dev", ACCOUNT]}),
        (ACCOUNT, f"{ACCOUNT[:-4]}user/dev"),
    ),
    "a provider with all conditions": (pinned(), (PROVIDER,)),
    "everybody": (trusting({"RAM": "*"}), ("*",)),
    "everybody but one": (trusting({"Service": "ecs.aliyuncs.com"}, NotPrincipal={"RAM": ACCOUNT}), ("*",)),
    "what is not understood": ([], ("*",)),
    "whom a denial takes back": (
        {"Statement": [*trusting({"RAM": ACCOUNT})["Statement"], *trusting({"RAM": "*"}, Effect="Deny")["Statement"]]},
        (ACCOUNT,),
    ),
    "many": (
        trusting({"Service": [f"s{n:02}.aliyuncs.com" for n in range(25)]}),
        (*(f"s{n:02}.aliyuncs.com" for n in range(20)), "and 5 more"),
    ),
}


@pytest.mark.parametrize(("document", "names"), BEYOND.values(), ids=BEYOND)
def test_everybody_besides_ecs_is_shown(document: Any, names: tuple[str, ...]) -> None:
    assert beyond_ecs(json.dumps(document)) == names


@settings(deadline=None, max_examples=200)
@given(JSON)
def test_what_cannot_be_understood_is_outside(principal: Any) -> None:
    if principal not in ({"Service": "ecs.aliyuncs.com"}, {"Service": ["ecs.aliyuncs.com"]}):
        text = json.dumps(trusting(principal))
        assert DEFAULT.problems(Granted(trust=text)) != ()
        assert beyond_ecs(text) != ()
