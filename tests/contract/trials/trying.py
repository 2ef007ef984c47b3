"""Tries every action: who may call it, and with which codes it can be refused. The actions' page shows the results."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tests.contract.clients.mutation_tables import CALLS, TOKEN
from tests.contract.clients.raw import Key, RawClient, Wire, name_of, product_of
from tests.contract.clients.walk import DEV, ROOT
from tests.contract.conftest import RunningSimulator
from tests.contract.trials.objects import OPERATIONS, Request, sent
from tests.contract.trials.worlds import VARIANTS, WORLDS, World, with_networks

from ram_simulator.cloud.calls import Action
from ram_simulator.testing.simulator import PRODUCTS

ACCOUNT = "1234567890123456"
_ODD = ("", "-", "x" * 129, "é中", "99999999", '["x"]', "nobody", "v9", "x" * 7000, '[{"Key": "acs:x"}]', "x" * 33_000)
Results = dict[str, dict[str, list[str]]]


class Trial:
    """A simulator in which calls are tried, with a token that its provider accepts."""

    def __init__(self, running: RunningSimulator, token: str) -> None:
        self._running = running
        self._wire = Wire(running.endpoint)
        self._root, self._dev = (RawClient(self._wire, Key(*key)) for key in (ROOT, DEV))
        self._token = token
        self._codes: dict[str, set[str]] = defaultdict(set)
        self._known: Mapping[str, str] = {}

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def permissions(self) -> Results:
        """Return for each action what a caller must be allowed: each was refused without and was taken with it."""
        found: Results = {}
        for action, parameters in CALLS:
            found.setdefault(_titled(action), {})["allowed by"] = self._granted(action, self._filled(parameters))
        return found

    def _granted(self, action: str, parameters: Mapping[str, Any]) -> list[str]:
        return self._least(action, lambda: self._refusal(action, parameters))

    def _least(self, action: str, call: Callable[[], tuple[str, str] | None]) -> list[str]:
        """Allow one permission after the other until a call is taken, and return them; nothing else is allowed."""
        WORLDS["plain"].build(self._running, self._root)
        granted: list[tuple[str, str]] = []
        while (refused := call()) is not None:
            assert refused not in granted, f"{action} is refused although {refused} is allowed"
            granted.append(refused)
            self._allow(granted)
        return [f"{permission} on {resource.replace(ACCOUNT, 'ACCOUNT')}" for permission, resource in granted]

    def _refusal(self, action: str, parameters: Mapping[str, Any]) -> tuple[str, str] | None:
        """Call as a user, and return the permission that was missing, None if policies did not refuse it."""
        answer = self._dev.call(action, **parameters).answer
        detail = answer.get("AccessDeniedDetail", {})
        if not detail.get("EncodedDiagnosticMessage"):
            return None
        self._codes[_titled(action)].add(answer["Code"])
        return self._decoded(detail["EncodedDiagnosticMessage"])

    def _decoded(self, message: str) -> tuple[str, str] | None:
        answer = self._root.call("DecodeDiagnosticMessage", EncodedDiagnosticMessage=message).answer
        decoded = answer["DecodedDiagnosticMessage"]
        # a trust policy that refuses is none that the caller could be given
        own = decoded["NoPermissionPolicyType"] == "AccountLevelIdentityBasedPolicy"
        return (decoded["AuthAction"], decoded["AuthResource"]) if own else None

    def objects(self) -> Results:
        """Return the same for the operations of OSS."""
        found: Results = {}
        for name, requests in OPERATIONS.items():
            codes: set[str] = set()
            allowed = self._least(name, partial(self._refused_object, requests[0], codes))
            WORLDS["plain"].build(self._running, self._root)
            for request in requests:
                _, error = sent(self._running.oss, Key(*ROOT), request)
                codes |= set() if error is None else {error.findtext("Code") or ""}
            found[f"Oss {name}"] = {"allowed by": allowed, "codes": sorted(codes)}
        return found

    def _refused_object(self, request: Request, codes: set[str]) -> tuple[str, str] | None:
        status, error = sent(self._running.oss, Key(*DEV), request)
        if status == 403 and error is None:
            # HEAD tells no reason: the permission is that of reading
            _, error = sent(self._running.oss, Key(*DEV), replace(request, method="GET", query={}))
        elif error is not None:
            codes.add(error.findtext("Code") or "")
        message = None if error is None else error.findtext("EncodedDiagnosticMessage")
        return self._decoded(message) if message else None

    def _allow(self, granted: list[tuple[str, str]]) -> None:
        statements = [
            {"Effect": "Allow", "Action": permission, "Resource": resource} for permission, resource in granted
        ]
        document = json.dumps({"Version": "1", "Statement": statements})
        WORLDS["plain"].build(self._running, self._root)
        self._root.call("CreatePolicy", PolicyName="exactly", PolicyDocument=document)
        self._root.call("AttachPolicyToUser", PolicyType="Custom", PolicyName="exactly", UserName="dev")

    def codes(self) -> Results:
        """Return for each action the codes that it was refused with by now, in all worlds and with odd parameters."""
        for world in WORLDS.values():
            self._known = world.build(self._running, self._root)
            for action, parameters in CALLS:
                self._try(world, action, self._filled(parameters), repeat=True)
        plain = WORLDS["plain"]
        self._known = plain.build(self._running, self._root)
        for action, more in VARIANTS:
            self._try(plain, action, more, repeat=True)
        for action, parameters in CALLS:
            for odd in self._oddities(action, self._filled(parameters)):
                self._try(plain, action, odd)
        return {action: {"codes": sorted(codes)} for action, codes in self._codes.items()}

    def _try(self, world: World, action: str, parameters: Mapping[str, Any], *, repeat: bool = False) -> None:
        asked = with_networks(parameters, self._known)
        reply = self._root.call(action, **asked)
        if repeat and reply.status == 200:
            reply = self._root.call(action, **asked)
        if reply.status != 200:
            self._codes[_titled(action)].add(reply.answer["Code"])
        if (reply.status == 200 or repeat) and action_of(action).write:
            self._known = world.build(self._running, self._root)

    def _oddities(self, action: str, parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        known = action_of(action)
        effective = [name for name in known.optional if name not in known.without_effect]
        for name in dict.fromkeys((*parameters, *known.required, *effective)):
            yield {key: value for key, value in parameters.items() if key != name}
            for value in _ODD:
                yield dict(parameters) | {name: value}

    def _filled(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._token if value == TOKEN else value for name, value in parameters.items()}


def _titled(action: str) -> str:
    return f"{product_of(action)} {name_of(action)}"


def action_of(action: str) -> Action:
    """Return the row of an action in its product's table."""
    (product,) = (product for product in PRODUCTS.values() if product.name == product_of(action))
    return product.actions[name_of(action)]


def tried(trial: Trial) -> Results:
    """Return all results by product and action."""
    permissions, codes = trial.permissions(), trial.codes()
    found = {action: {**permissions[action], **codes.get(action, {"codes": []})} for action in permissions}
    return dict(sorted({**found, **trial.objects()}.items()))
