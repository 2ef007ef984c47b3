"""One row of the tables: an object, and what the API server says to it."""

from dataclasses import dataclass
from typing import Any

PLURALS = {"RamPolicy": "rampolicies", "RamRole": "ramroles", "InstanceRoleBinding": "instancerolebindings"}

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """An object that is taken, or refused with a message.

    Attributes:
        title: what is special about it; also the test's id.
        kind: of the object.
        spec: of the object; None leaves it out.
        refusal: part of the message, or None if the object is taken.
        name: metadata.name; made from the title by default.
        strict: what kubectl is told instead, where its field validation finds fault first.
    """

    title: str
    kind: str
    spec: Spec | None
    refusal: str | None = None
    name: str = ""
    strict: str = ""

    def body(self) -> dict[str, Any]:
        """The object as a client sends it."""
        made = "".join(letter if letter.isalnum() else "-" for letter in self.title.lower()).strip("-")
        metadata = {"name": self.name or made}
        head = {"apiVersion": "ram.alicloud.dev/v1alpha1", "kind": self.kind, "metadata": metadata}
        return head if self.spec is None else {**head, "spec": self.spec}


def statement(**changes: Any) -> Spec:
    """A good statement of a policy with some keys changed; a key that becomes Ellipsis is left out."""
    return without({"Effect": "Allow", "Action": "oss:Get*", "Resource": "*", **changes})


def trust_statement(**changes: Any) -> Spec:
    """A good statement of a trust policy with some keys changed; a key that becomes Ellipsis is left out."""
    good = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}
    return without({**good, **changes})


def without(given: Spec) -> Spec:
    """What is not Ellipsis."""
    return {key: value for key, value in given.items() if value is not ...}


def policy(**changes: Any) -> Spec:
    """The spec of a good RamPolicy with some fields changed."""
    return without({"document": {"Statement": [statement()]}, **changes})


def binding(**changes: Any) -> Spec:
    """The spec of a good InstanceRoleBinding with some fields changed."""
    return without({"roleRef": {"name": "oss-reader"}, "nodeSelector": {"matchLabels": {"pool": "storage"}}, **changes})
