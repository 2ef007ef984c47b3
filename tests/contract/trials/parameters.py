"""Tries every parameter: which change what a call does or answers, which are only checked, which change nothing.

Each call is made twice in the same state of the cloud, with another value of the one parameter or without it. What is
compared is the answer and everything that can be read afterwards, but for dates and generated ids.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.contract.clients.mutation_tables import ROLE, TOKEN
from tests.contract.clients.raw import Key, RawClient, Wire, name_of, product_of
from tests.contract.clients.walk import DEV, ROOT
from tests.contract.conftest import RunningSimulator
from tests.contract.trials.parameter_tables import ATTACHED, BASES, KNOWN, READS, VALUES, Base
from tests.contract.trials.trying import action_of
from tests.contract.trials.worlds import with_networks

OBEYED, CHECKED, WITHOUT_EFFECT = "obeyed", "checked", "without effect"
Effects = dict[str, dict[str, list[str]]]
_USUAL: Sequence[Any] = ("nobody", "1", "2", "true", "false", {"1": "nobody"}, "x" * 129)
_GENERATED = re.compile(
    r"""[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27} | \b\d{13}\b | \b3\d{15,17}\b | \b(STS\.|CAIS|LTAI)\w+
    | "(\w*Secret|SerialNumber|MacAddress|EncodedDiagnosticMessage|OrderId)":\ "[^"]*"
    | \b(i|d|eni|node|vpc|vsw|sg|vtb|vrt)-[a-z0-9]{20}\b | \bg-[A-Za-z0-9]{16}\b""",
    re.VERBOSE,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z")
_MINUTES, _A_DAY = 5, 24 * 60  # dates of the call are told from now, those of the fixture are what they are


class ParameterTrial:
    """A simulator in which calls are compared, with a token that its provider accepts."""

    def __init__(self, running: RunningSimulator, token: str) -> None:
        self._running = running
        self._wire = Wire(running.endpoint)
        self._clients = {key: RawClient(self._wire, Key(*key)) for key in (ROOT, DEV)}
        self._token = token
        self._known: Mapping[str, str] = {}

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def effects(self, wanted: Sequence[str] = ()) -> Effects:
        """Return for each action (`Ram GetRole`), or those wanted, its parameters by what they change."""
        bases: dict[str, list[Base]] = {}
        for base in BASES:
            bases.setdefault(f"{product_of(base.action)} {name_of(base.action)}", []).append(base)
        return {title: self._parameters(found) for title, found in bases.items() if not wanted or title in wanted}

    def _parameters(self, bases: Sequence[Base]) -> dict[str, list[str]]:
        action, found = action_of(bases[0].action), dict[str, list[str]]()
        before = [(base, self._outcome(base, base.parameters)) for base in bases]
        for base, outcome in before:
            assert outcome == self._outcome(base, base.parameters), f"{base.action} is never the same twice"
        before = [(base, outcome) for base, outcome in before if '"Code"' not in outcome] or before
        for name in (*action.required, *action.optional):
            found.setdefault(self._effect(name, before), []).append(name)
        return {effect: sorted(names) for effect, names in found.items()}

    def _effect(self, name: str, before: Sequence[tuple[Base, str]]) -> str:
        # a value that cannot be one, not one that names nothing
        refusals = re.compile(rf'"Code": "(Malformed|(Invalid|Missing)(?![^"]*NotFound)[^"]*{name})')
        checked = False
        for base, expected in before:
            for parameters in _changed(base, name) if name in (base.about or (name,)) else ():
                outcome = self._outcome(base, parameters)
                if outcome == expected:
                    continue
                if not any(refusals.search(seen) for seen in (outcome, expected)):
                    return OBEYED
                checked = True
        return CHECKED if checked else WITHOUT_EFFECT

    def _outcome(self, base: Base, parameters: Mapping[str, Any]) -> str:
        """Make a call in the state where everything is, and return what came of it."""
        known, writes = self._known or KNOWN.build(self._running, self._clients[ROOT]), action_of(base.action).write
        self._known = {} if writes else known
        filled = {name: self._token if value == TOKEN else value for name, value in parameters.items()}
        reply = self._clients[base.caller].call(base.action, **with_networks(filled, known))
        seen: list[Any] = [reply.status, reply.answer, *self._used(reply.answer)]
        if writes and reply.status == 200:
            reads = [self._clients[ROOT].call(action, **with_networks(asked, known)) for action, asked in READS]
            seen += [self._running.state(), *(read.answer for read in reads)]
        return _readable(seen, known)

    def _used(self, answer: Mapping[str, Any]) -> Iterator[Any]:
        """Use what a call has given: a credential, an instance; return what came of that."""
        if given := answer.get("Credentials"):
            key = Key(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])
            yield RawClient(self._wire, key).call("ListRoles").answer
        if "AttachInstanceRamRoleResults" in answer:
            yield self._called_from(ATTACHED)
        for instance in answer.get("InstanceIdSets", {}).get("InstanceIdSet", [answer.get("InstanceId")]):
            if instance:
                yield self._clients[ROOT].call("DescribeUserData", InstanceId=instance).answer

    def _called_from(self, instance: str) -> int:
        """Call with the credential that an instance has of its role, and return the status of what refuses it."""
        folder = f"{self._running.metadata}/instances/{instance}/latest/meta-data/ram/security-credentials"
        try:
            with urlopen(f"{folder}/{ROLE}", timeout=20) as reply:
                given = json.load(reply)
        except HTTPError as error:
            return error.code
        key = Key(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])
        return RawClient(self._wire, key).call("ListRoles").status


def _changed(base: Base, name: str) -> Iterator[Mapping[str, Any]]:
    """Return the parameters of a call without one of them, and with other values of it."""
    rest = {key: value for key, value in base.parameters.items() if key.partition(".")[0] != name}
    if rest != base.parameters and name != "RegionId":
        yield rest
    for value in VALUES.get(name, _USUAL):
        if isinstance(value, dict):
            yield rest | {f"{name}.{part}": text for part, text in value.items()}
        elif base.parameters.get(name) != value:
            yield rest | {name: value}


def _readable(seen: Any, known: Mapping[str, str]) -> str:
    text = json.dumps(seen)
    for name, found in known.items():
        text = text.replace(found, name)
    text = _DATE.sub(_from_now, _GENERATED.sub(_masked, text))
    return json.dumps(_sorted(json.loads(text)), sort_keys=True)


def _masked(found: re.Match[str]) -> str:
    if "simulator" in found[0]:
        return found[0]
    return '"GENERATED": ""' if found[0].startswith('"') else "GENERATED"


def _from_now(found: re.Match[str]) -> str:
    minutes = (datetime.fromisoformat(found[0]) - datetime.now(UTC)).total_seconds() / 60
    return f"in {round(minutes / _MINUTES) * _MINUTES} minutes" if abs(minutes) < _A_DAY else found[0]


def _sorted(value: Any) -> Any:
    """Return a value with its lists in an order of their own: that of generated ids means nothing."""
    if isinstance(value, dict):
        return {name: _sorted(item) for name, item in value.items()}
    if isinstance(value, list):
        return sorted((_sorted(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value
