"""What RAM takes and probably does not mean: placeholders, words that no list knows, actions that cannot match.

A doubt refuses nothing: people are told where it is and what was probably meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from ram_operator.errors import Problem
from ram_operator.model import Json
from ram_operator.rules.documents.catalogue import COMMON_KEYS, PROVIDER_KEYS, SERVICES, VERBS
from ram_operator.rules.documents.checking import is_oversized, undocumented
from ram_operator.rules.wording import capped, child, nearest, quoted, string_items

_PLACEHOLDER = re.compile(r"<[^<>]+>|\$\{[^{}]*\}|\{\{|(?i:\byour[-_])|\*{3}|(?i:x{4})")
_OBJECT_ACTION = re.compile(r"oss:(?:(?:get|put|delete|restore|append|post|head)object|abortmultipartupload|listparts)")
_WHOLE_BUCKET = re.compile(r"acs:oss:[^:]*:[^:]*:[^/*?]+")
_SERVICE_NAMES = ".aliyuncs.com"


def policy_doubts(document: Json, where: str = "spec.document") -> tuple[Problem, ...]:
    """Find what a permission policy says and probably does not mean.

    Args:
        document: parsed JSON of any shape; what `check_policy` refuses is passed over.
        where: the place of the document in the object, for the messages.

    Returns:
        Sentences, at most 20, each with place and, where there is one, fix.
    """
    return _doubts(document, where, trust=False)


def trust_doubts(document: Json, where: str = "spec.trust.document") -> tuple[Problem, ...]:
    """Find what a trust policy says and probably does not mean. Like `policy_doubts`."""
    return _doubts(document, where, trust=True)


def service_doubts(services: Json, where: str = "spec.trust.services") -> tuple[Problem, ...]:
    """Find services that probably do not exist in the short form of a trust policy."""
    return capped(_each(services, where, _service_doubt), where)


def _doubts(document: Json, where: str, *, trust: bool) -> tuple[Problem, ...]:
    if is_oversized(document):
        return ()
    return capped([*undocumented(document, where, trust=trust), *_document_doubts(document, where)], where)


def _document_doubts(document: Json, where: str) -> Iterator[Problem]:
    statements = document.get("Statement") if isinstance(document, Mapping) else None
    for index, statement in enumerate(statements if isinstance(statements, list) else ()):
        if isinstance(statement, Mapping):
            yield from _statement_doubts(statement, child(f"{where}.Statement", index))


def _statement_doubts(statement: Mapping[str, Json], place: str) -> Iterator[Problem]:
    for key in ("Action", "NotAction"):
        yield from _each(statement.get(key), f"{place}.{key}", _action_doubt)
    yield from _each(statement.get("Resource"), f"{place}.Resource", _placeholder)
    yield from _bucket_doubts(statement, place)
    principal = statement.get("Principal")
    for kind, names in sorted(principal.items()) if isinstance(principal, Mapping) else ():
        yield from _each(names, f"{place}.Principal.{kind}", _service_doubt if kind == "Service" else _placeholder)
    yield from _condition_doubts(statement.get("Condition"), f"{place}.Condition")


def _condition_doubts(condition: Json, place: str) -> Iterator[Problem]:
    for operator, keys in sorted(condition.items()) if isinstance(condition, Mapping) else ():
        for key, values in sorted(keys.items()) if isinstance(keys, Mapping) else ():
            if doubt := _key_doubt(key):
                yield Problem(child(place, operator), f"{quoted(key)} {doubt}")
            yield from _each(values, child(child(place, operator), key), _placeholder)


def _each(value: Json, place: str, doubt: Callable[[str], str | None]) -> Iterator[Problem]:
    for where, text in string_items(value, place, "")[1]:
        if found := doubt(text):
            yield Problem(where, f"{quoted(text)} {found}")


def _placeholder(text: str) -> str | None:
    return "looks like a placeholder; write what it stands for" if _PLACEHOLDER.search(text) else None


def _action_doubt(text: str) -> str | None:
    service, colon, operation = text.lower().partition(":")
    if not colon:
        return None
    if not re.search(r"[*?]", service) and service not in SERVICES and not service.startswith("yundun-"):
        return f"names a service that no list knows; {_meant(nearest(service, sorted(SERVICES)))}"
    start = re.split(r"[*?]", operation, maxsplit=1)[0]
    if any(verb.startswith(start) or start.startswith(verb) for verb in VERBS):
        return None
    return "names an operation that no list knows; check its spelling"


def _bucket_doubts(statement: Mapping[str, Json], place: str) -> Iterator[Problem]:
    actions = [text for _, text in string_items(statement.get("Action"), place, "")[1]]
    resources = [text for _, text in string_items(statement.get("Resource"), place, "")[1]]
    about_objects = [action for action in actions if _OBJECT_ACTION.match(action.lower())]
    if about_objects and resources and all(_WHOLE_BUCKET.fullmatch(resource) for resource in resources):
        fix = f"add {quoted(resources[0] + '/*')}"
        yield Problem(place, f"{quoted(about_objects[0])} is about objects, and Resource has buckets only; {fix}")


def _service_doubt(text: str) -> str | None:
    if text.endswith(_SERVICE_NAMES):
        return None
    name = text.rpartition("@")[2].partition(".")[0]
    return f"is probably no service of Alibaba Cloud; meant is perhaps {quoted(name + _SERVICE_NAMES)}"


def _key_doubt(key: str) -> str | None:
    name = key.partition("/")[0]
    service, colon, _ = name.partition(":")
    if not colon:
        return None
    if service.lower() == "acs":
        if name in COMMON_KEYS:
            return None
        guess = nearest(name, COMMON_KEYS)
        return "is no condition key that RAM documents" + (
            f"; meant is probably {quoted(guess)}" if guess else "; check its name"
        )
    if service in SERVICES or service in PROVIDER_KEYS or service.startswith("yundun-"):
        return None
    return "is no condition key that a list knows; check its name"


def _meant(guess: str | None) -> str:
    return f"meant is probably {quoted(guess)}" if guess else "check its name"
