"""Objects that nobody would write: good ones of our kinds and Nodes with a few changes each, drawn by a seed."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from tests.cluster.objects import binding, node, policy, role

DEPTHS = (3, 60, 70, 900, 2000, 9000)
DEEP = "@deep-{}@"
CONDITION = {"StringLike": {"oss:Prefix": ["a", "b*"]}, "Bool": {"acs:SecureTransport": True}}
STATEMENTS = [
    {"Effect": "Allow", "Action": ["oss:Get*", "ecs:Describe*"], "Resource": ["*"], "Condition": CONDITION},
    {"Effect": "Deny", "NotAction": "oss:*", "Resource": "acs:oss:*:*:b/*"},
]
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"], "RAM": ["*"]}}
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**53, 1.5, "", " ", "\0", "\u202e", "\ud7ff", "x" * 3000, "日志", "*", "null",
    [], {}, [[]], [{}], [None], [1], {"": ""}, {"a b": None}, {"Statement": []}, ["x"] * 300,
)  # fmt: skip
KEYS = (
    "",
    " ",
    "Statement ",
    "statement",
    "__proto__",
    "a.b/c",
    "\u202ekey",
    "x" * 300,
    "Condition",
    "document",
    "NotAction",
)
MARKS = {
    "annotations": {"ram.alicloud.dev/reconcile-at": "\0", "kubectl.kubernetes.io/last-applied-configuration": "{"}
}


def originals(name: str) -> list[dict[str, Any]]:
    """A good object of each sort under this name."""
    by_document = role(name, trust={"document": {"Version": "1", "Statement": [TRUST]}}, tags={"a": "b"})
    by_document["spec"]["policies"] = [{"policyRef": {"name": name}}, {"system": "AliyunOSSReadOnlyAccess"}]
    terms = [{"key": "a", "operator": "In", "values": ["x", "y"]}, {"key": "b", "operator": "Exists"}]
    session = {"Version": "1", "Statement": STATEMENTS}
    return [
        policy(name, document={"Version": "1", "Statement": STATEMENTS}, tags={"a": "b"}, description="d"),
        by_document,
        role(name, trust={"services": ["ecs.aliyuncs.com"]}),
        binding(name, name, nodeSelector={"matchLabels": {"a": "x"}, "matchExpressions": terms}, nodeNames=[name]),
        binding(
            name, name, "pool", sessionPolicy=session, rollout={"maxUnavailable": 3}, instances=["cn-hangzhou.i-1"]
        ),
        node(name, f"cn-hangzhou.i-{name}", "pool", {"a": "x", "alibabacloud.com/nodepool-id": "np"}),
    ]


def mutants(seed: int) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Objects without an end, each with the JSON that is sent, for not all of it is what Python writes."""
    dice = random.Random(seed)
    number = 0
    while True:
        number += 1
        body = dice.choice(originals(f"mutant-{number}"))
        for _ in range(dice.randint(1, 3)):
            _mutate(body["spec"], dice)
        if dice.random() < 0.2:
            body["metadata"] |= MARKS
        text = json.dumps(body)
        for depth in DEPTHS:
            opening, closing = dice.choice((("[", "]"), ('{"a":', "}"), ('[{"Condition":', "}]")))
            times = depth // len([sign for sign in opening if sign in "[{"])
            text = text.replace(f'"{DEEP.format(depth)}"', opening * times + "1" + closing * times)
        yield body, text.encode()


def _mutate(value: Any, dice: random.Random) -> None:
    """Change one place somewhere below."""
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    inner = [key for key in keys if isinstance(value[key], dict | list) and value[key]]
    odd = DEEP.format(dice.choice(DEPTHS)) if dice.random() < 0.25 else copy.deepcopy(dice.choice(VALUES))
    if inner and dice.random() < 0.75:
        _mutate(value[dice.choice(inner)], dice)
    elif isinstance(value, list):
        value[dice.choice([*keys, len(keys)]) :] = [odd]
    elif keys and dice.random() < 0.2:
        del value[dice.choice(keys)]
    else:
        value[dice.choice([*keys, *dice.choices(KEYS, k=2)])] = odd
