"""`ram-operator lint FILE...`: what the operator or RAM would refuse or doubt, without a cluster and without a cloud.

It takes our resources and bare RAM documents; other resources are passed over, so that whole folders can be named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from ram_operator.commands.manifests import Manifest, expanded
from ram_operator.commands.schema import created, refused
from ram_operator.errors import InvalidSpec, Problem
from ram_operator.kinds import AnyKind
from ram_operator.model import Json
from ram_operator.rules.documents import check_policy, check_trust, policy_doubts, trust_doubts

BARE = "document"
"""What a document by itself is called in the places of its problems."""
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Rule(StrEnum):
    """What a finding is about: the id that tools sort and suppress by."""

    UNREADABLE = "unreadable"
    INVALID_SPEC = "invalid-spec"
    INVALID_DOCUMENT = "invalid-document"
    DOUBTFUL = "doubtful"


RULES: Mapping[Rule, str] = {
    Rule.UNREADABLE: "The file is not YAML or JSON, or has a key twice.",
    Rule.INVALID_SPEC: "The API server would refuse the object, or the operator would: it would be InvalidSpec.",
    Rule.INVALID_DOCUMENT: "RAM's documentation does not have what the policy document says.",
    Rule.DOUBTFUL: "It is legal, and probably does not mean what was meant.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: where it is, which rule it breaks, and a sentence with the fix."""

    file: str
    line: int
    rule: Rule
    place: str
    message: str

    @property
    def severity(self) -> str:
        """`error` for what would be refused, `warning` for the rest."""
        return "warning" if self.rule is Rule.DOUBTFUL else "error"

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{self.file}:{self.line}: {self.severity} [{self.rule}] {where}{self.message}"


def lint(manifests: Iterable[Manifest], kinds: Mapping[str, AnyKind]) -> list[Finding]:
    """Find what is wrong or doubtful in some documents.

    Args:
        manifests: the documents.
        kinds: the verbs of our kinds, by name.
    """
    return [finding for manifest in expanded(manifests) for finding in _of(manifest, kinds)]


def _of(manifest: Manifest, kinds: Mapping[str, AnyKind]) -> Iterator[Finding]:
    if manifest.problem:
        yield Finding(manifest.file, manifest.line, Rule.UNREADABLE, "", manifest.problem)
    value = manifest.value
    if not isinstance(value, Mapping):
        return
    if manifest.ours:
        check = _object(manifest, value, kinds)
    elif "Statement" in value and "apiVersion" not in value:
        check = _document(manifest, value)
    else:
        return
    for key, line in manifest.doubled_keys():
        message = f"the key {key} is written twice in one mapping; remove one of the two"
        yield Finding(manifest.file, line, Rule.UNREADABLE, "", message)
    yield from check


def _object(manifest: Manifest, body: Mapping[str, Json], kinds: Mapping[str, AnyKind]) -> Iterator[Finding]:
    kind = kinds.get(str(body.get("kind")))
    if kind is None:
        message = f"there is no such kind; the kinds are {', '.join(sorted(kinds))}"
        yield Finding(manifest.file, manifest.line_of("kind"), Rule.INVALID_SPEC, "kind", message)
        return
    body = created(body)
    problems, parsable = refused(body, kind.resource)
    if not parsable:
        yield from _findings(manifest, Rule.INVALID_SPEC, problems, ())
        return
    try:
        kind.parse(body)
    except InvalidSpec as invalid:
        places = {problem.place for problem in problems}
        problems += [problem for problem in invalid.problems if problem.place not in places]
    yield from _findings(manifest, Rule.INVALID_SPEC, problems, kind.doubts(body))


def _document(manifest: Manifest, document: Mapping[str, Json]) -> Iterator[Finding]:
    """A bare document: with a Principal it is a trust policy."""
    statements = document.get("Statement")
    trust = isinstance(statements, list) and any(isinstance(one, Mapping) and "Principal" in one for one in statements)
    check, doubts = (check_trust, trust_doubts) if trust else (check_policy, policy_doubts)
    problems = check(document, BARE)
    yield from _findings(manifest, Rule.INVALID_DOCUMENT, problems, doubts(document, BARE))


def _findings(
    manifest: Manifest, rule: Rule, problems: Iterable[Problem], doubts: Iterable[Problem]
) -> Iterator[Finding]:
    """What is refused, and what is doubted elsewhere."""
    refused = [_finding(manifest, rule, problem) for problem in problems]
    yield from refused
    places = {one.place for one in refused}
    doubtful = (_finding(manifest, Rule.DOUBTFUL, doubt) for doubt in doubts)
    yield from (one for one in doubtful if one.place not in places)


def _finding(manifest: Manifest, rule: Rule, problem: Problem) -> Finding:
    place = problem.place.removeprefix(BARE).removeprefix(".")
    return Finding(manifest.file, manifest.line_of(place), rule, place, problem.sentence)


def as_json(findings: Iterable[Finding]) -> str:
    """The findings as a JSON list."""
    rows = [
        {
            "file": one.file,
            "line": one.line,
            "id": one.rule.value,
            "severity": one.severity,
            "place": one.place,
            "message": one.message,
        }
        for one in findings
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def as_sarif(findings: Iterable[Finding], version: str) -> str:
    """The findings in SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), as code scanners take them."""
    rules = [{"id": rule.value, "shortDescription": {"text": text}} for rule, text in RULES.items()]
    results = [
        {
            "ruleId": one.rule.value,
            "level": one.severity,
            "message": {"text": f"{one.place}: {one.message}" if one.place else one.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(one.file)},
                        "region": {"startLine": one.line},
                    }
                }
            ],
        }
        for one in findings
    ]
    driver = {"name": "ram-operator", "version": version, "rules": rules}
    log = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return json.dumps(log, indent=2, ensure_ascii=False)
