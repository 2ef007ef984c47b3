"""The conditions of documents: what their keys and values look like, and what is sometimes written in their place."""

from typing import Any

from tests.cluster.admission.case import Case, policy, statement

CONDITION = "spec.document.Statement[0].Condition"
IP = {"IpAddress": {"acs:SourceIp": ["203.0.113.0/24", "198.51.100.7"]}}
MANY = {
    "StringLike": {"oss:Prefix": "logs/*"},
    "Bool": {"acs:SecureTransport": True},
    "NumericLessThan": {"oss:MaxKeys": 10},
}


def conditions(title: str, condition: Any, refusal: str | None = None) -> Case:
    """A RamPolicy whose only statement has this condition."""
    return Case(
        f"condition {title}", "RamPolicy", policy(document={"Statement": [statement(Condition=condition)]}), refusal
    )


def keyed(title: str, key: str, refusal: str | None = None) -> Case:
    """A RamPolicy under a condition with this key."""
    return conditions(title, {"StringEquals": {key: "x"}}, refusal)


def valued(title: str, operator: str, value: Any, refusal: str | None = None) -> Case:
    """A RamPolicy under a condition with this value."""
    place = f'{CONDITION}.{operator}["acs:CurrentTime"]'
    return conditions(title, {operator: {"acs:CurrentTime": value}}, None if refusal is None else f"{place}{refusal}")


SHAPES = (
    conditions("on an address", IP),
    conditions("with values of all types", MANY),
    conditions("that is empty", {}),
    conditions("with nothing after it", None, f"{CONDITION}: is empty; write operators"),
    conditions("that is a text", "x", "Condition in body must be of type object"),
    conditions(
        "with an operator in lower case",
        {"ipaddress": {"acs:SourceIp": "1.2.3.4"}},
        f'{CONDITION}: unknown operator "ipaddress"; write "IpAddress"',
    ),
    conditions(
        "with an operator that nobody has",
        {"Resembles": {"a:b": "c"}},
        'unknown operator "Resembles"; the operators are',
    ),
    *(
        conditions(
            f"with the operator {operator}",
            {operator: {"acs:CurrentTime": "c"}},
            f'{CONDITION}: "{operator}" is not in RAM\'s documentation; write an operator that is, or let RAM judge it',
        )
        for operator in ("StringLikeIfExists", "ForAnyValue:StringEquals", "ForAllValues:StringLikeIfExists", "Null")
    ),
    conditions("with nothing after an operator", {**IP, "Bool": None}, f"{CONDITION}.Bool: "),
    conditions("with an operator without keys", {"Bool": {}}, f"{CONDITION}.Bool: "),
    conditions("with a key without values", {"Bool": {"a:b": []}}, f"{CONDITION}.Bool"),
    conditions("with a key with nothing after it", {"Bool": {"a:b": None}}, f"{CONDITION}.Bool"),
    conditions("with a mapping for a value", {"Bool": {"a:b": {"c": "d"}}}, f"{CONDITION}.Bool"),
)
KEYS = (
    keyed("with a tag with blanks and signs", "acs:ResourceTag/cost center: 1"),
    keyed("with a blank in its key", "acs: SourceIp", "has a blank; write"),
    keyed("with a common key without its product", "SourceIp", 'is not a condition key; write "acs:'),
    keyed("with another key without a product", "Action", "is not a condition key of RAM's documentation; write"),
    conditions(
        "with a key twice in other case",
        {"StringEquals": {"acs:SourceIp": "a", "acs:sourceip": "b"}},
        f"{CONDITION}.StringEquals: has ",
    ),
    conditions("with tags that differ in case", {"StringEquals": {"acs:ResourceTag/a": "x", "acs:ResourceTag/A": "x"}}),
    conditions(
        "with a tag twice in other case",
        {"StringEquals": {"acs:ResourceTag/a": "x", "acs:resourcetag/a": "x"}},
        f"{CONDITION}.StringEquals: has ",
    ),
    conditions(
        "with a key under two operators", {"StringLike": {"oss:Prefix": "a"}, "StringNotLike": {"oss:prefix": "b"}}
    ),
)
GOOD_TIMES = ("2030-01-31T00:00:00Z", "2030-01-31T23:59+08:00", "2030-02-28T00:00:00.123-03:30", "2028-02-29T12:00:00Z")
ODD_TIMES = (
    "soon", "2030-01-31", "20300131T000000Z", "2030-W05-4T00:00:00Z", "2030-01-31 00:00:00Z", "2030-01-31T00:00:00",
    "2030-13-01T00:00:00Z", "2030-04-31T00:00:00Z", "2030-02-30T00:00:00Z", "2030-01-31T24:00:00Z",
    "2030-01-31T00:00:00z",     "2030-01-31T00:00:00+25:00", "2030-01-31T00:00:00Z ", "", "1893456000", 1893456000,
)  # fmt: skip
VALUES = (
    *(valued(f"with the good time {n}", "DateLessThan", time) for n, time in enumerate(GOOD_TIMES)),
    *(valued(f"with the odd time {n}", "DateLessThan", [time], "") for n, time in enumerate(ODD_TIMES)),
    *(valued(f"with the good number {n}", "NumericEquals", number) for n, number in enumerate((1, -1.5, "+2", "007"))),
    *(
        valued(f"with the odd number {n}", "NumericEquals", number, "")
        for n, number in enumerate(("ten", "1e3", "0x1", "", " 1", "1,5", "inf", True))
    ),
    *(valued(f"with the good boolean {n}", "Bool", given) for n, given in enumerate((True, False, "true", "FALSE"))),
    *(valued(f"with the odd boolean {n}", "Bool", given, "") for n, given in enumerate(("yes", 1, "", "true "))),
    *(
        valued(f"with the good address {n}", "NotIpAddress", address)
        for n, address in enumerate(("203.0.113.7", "10.0.0.0/8", "::1", "2001:db8::/32", ["::ffff:10.0.0.1"]))
    ),
    *(
        valued(f"with the odd address {n} for {operator}", operator, address, "")
        for operator in ("IpAddress", "NotIpAddress")
        for n, address in enumerate(("example.com", 1, "", "10.0.0/8", "10.0.0.0/8/8", "1e5", ["::1", "x"]))
    ),
)
LONG = (
    conditions("of nearly 6144 characters", {"StringEquals": {"oss:Prefix": ["x" * 100] * 55}}),
    conditions("of many keys", {"StringEquals": {f"oss:Key{number}": "x" for number in range(300)}}),
    conditions("of too many characters", {"StringEquals": {"oss:Prefix": ["x" * 100] * 62}}, "has "),
    conditions("of far too many values", {"StringEquals": {"oss:Prefix": ["x"] * 20000}}, "spec.document"),
)

CONDITIONS = (*SHAPES, *KEYS, *VALUES, *LONG)
