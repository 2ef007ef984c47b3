"""Kubernetes label selectors (metav1.LabelSelector): what they match, and what is wrong with one.

Source: the API reference's LabelSelector and "Labels and Selectors" of the Kubernetes documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ram_operator.errors import Problem
from ram_operator.model import Json
from ram_operator.rules.wording import capped, child, nearest, quoted, type_name, unknown_keys

Label = tuple[str, str]
"""A label's key and value."""
OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_WITH_VALUES = ("In", "NotIn")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a selector; all terms must hold."""

    key: str
    operator: str
    values: frozenset[str]

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds for these labels. NotIn holds where the key is absent, as in Kubernetes."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector, read once so that it can be asked for thousands of nodes. Without terms it matches nothing."""

    terms: tuple[Requirement, ...] = ()

    @property
    def labels(self) -> tuple[Label, ...]:
        """Labels of which each selected node has at least one; none where no term asks for a value."""
        first = next((term for term in self.terms if term.operator == "In"), None)
        return tuple((first.key, value) for value in first.values) if first else ()

    @classmethod
    def of(cls, selector: Json) -> Selector:
        """Read a metav1.LabelSelector; one that is absent, empty or malformed matches nothing.

        A selector that is read already is returned as it is.
        """
        if isinstance(selector, Selector):
            return selector
        if not isinstance(selector, Mapping) or check_selector(selector, ""):
            return cls()
        exact = selector.get("matchLabels") or {}
        terms = [Requirement(key, "In", frozenset([value])) for key, value in exact.items()]
        for term in selector.get("matchExpressions") or []:
            terms.append(Requirement(term["key"], term["operator"], frozenset(term.get("values") or [])))
        return cls(tuple(terms))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels is selected."""
        return bool(self.terms) and all(term.holds(labels) for term in self.terms)


def check_selector(selector: Json, where: str = "spec.nodeSelector") -> tuple[Problem, ...]:
    """Check a metav1.LabelSelector of any shape.

    Returns:
        Problems, one sentence each with place and fix; an empty selector is one, since it would select every node.
    """
    return capped(_selector_problems(selector, where), where)


def _selector_problems(selector: Json, where: str) -> Iterator[Problem]:
    if not isinstance(selector, Mapping):
        yield Problem(
            where, f"is {type_name(selector)}; write a label selector, such as matchLabels: {{pool: storage}}"
        )
        return
    problems, meant = unknown_keys(selector, ("matchLabels", "matchExpressions"), where)
    yield from problems
    exact, terms = meant.get("matchLabels"), meant.get("matchExpressions")
    if not (exact or terms or problems):
        yield Problem(where, "is empty and would select every node; write matchLabels or matchExpressions")
    if exact is not None:
        yield from _exact_problems(exact, f"{where}.matchLabels")
    if terms is not None and not isinstance(terms, list):
        place = f"{where}.matchExpressions"
        yield Problem(place, f"is {type_name(terms)}; write a list of {{key, operator, values}}")
    elif terms:
        for index, term in enumerate(terms):
            yield from _term_problems(term, child(f"{where}.matchExpressions", index))


def _exact_problems(exact: Json, place: str) -> Iterator[Problem]:
    if not isinstance(exact, Mapping):
        yield Problem(place, f"is {type_name(exact)}; write labels and their values, such as {{pool: storage}}")
        return
    for key in sorted(exact):
        yield from _key_problems(key, place)
        yield from _value_problems(exact[key], child(place, key))


def _term_problems(term: Json, place: str) -> Iterator[Problem]:
    if not isinstance(term, Mapping):
        yield Problem(place, f"is {type_name(term)}; write {{key, operator, values}}")
        return
    problems, meant = unknown_keys(term, ("key", "operator", "values"), place)
    yield from problems
    key, operator, values = meant.get("key"), meant.get("operator"), meant.get("values")
    if isinstance(key, str):
        yield from _key_problems(key, f"{place}.key")
    else:
        state = "is missing" if key is None else f"is {type_name(key)}"
        yield Problem(f"{place}.key", f"{state}; write a label's name")
    if operator in OPERATORS:
        yield from _values_problems(str(operator), values, f"{place}.values")
    else:
        yield _operator_problem(operator, f"{place}.operator")


def _operator_problem(operator: Json, place: str) -> Problem:
    if not isinstance(operator, str):
        state = "is missing" if operator is None else f"is {type_name(operator)}"
        return Problem(place, f"{state}; write one of {', '.join(OPERATORS)}")
    fix = nearest(operator, OPERATORS)
    return Problem(place, f"unknown operator {quoted(operator)}; write {quoted(fix) if fix else ', '.join(OPERATORS)}")


def _values_problems(operator: str, values: Json, place: str) -> Iterator[Problem]:
    if values is not None and not isinstance(values, list):
        yield Problem(place, f"is {type_name(values)}; write a list of values")
    elif operator in _WITH_VALUES and not values:
        yield Problem(place, f"{operator} needs values; write at least one")
    elif operator not in _WITH_VALUES and values:
        yield Problem(place, f"{operator} takes no values; remove them")
    else:
        for index, value in enumerate(values or []):
            yield from _value_problems(value, child(place, index))


def _key_problems(key: str, place: str) -> Iterator[Problem]:
    prefix, slash, name = key.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and not (len(prefix) <= 253 and _PREFIX.fullmatch(prefix))):
        yield Problem(place, f"{quoted(key)} is no label name; write one such as pool or alibabacloud.com/nodepool-id")


def _value_problems(value: Json, place: str) -> Iterator[Problem]:
    if not isinstance(value, str):
        fix = f"write {quoted(str(value).lower())}" if isinstance(value, bool | int) else "write a text"
        yield Problem(place, f"is {type_name(value)}; {fix}")
    elif value and not _NAME.fullmatch(value):
        yield Problem(place, f"{quoted(value)} is no label value; write letters, digits, '-', '_' and '.', at most 63")
