"""The admission policies as the operator finds them: what is missing, weakened or changed is said."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from kubernetes.aio.client.exceptions import ApiException

from ram_operator.cluster.admission import BINDINGS, DEFINITIONS, POLICIES, AdmissionCheck, faults, shipped
from ram_operator.cluster.kube import Kube

ACCOUNT = "system:serviceaccount:there:another"
STATUS, DOCUMENTS = "status.ram.alicloud.dev", "documents.ram.alicloud.dev"


class Served:
    """Stands for the client library: serves objects by their paths, as an API server with its defaults does."""

    def __init__(self) -> None:
        self.specs: dict[str, Any] = {}
        for name, spec in shipped().items():
            account = json.dumps(spec).replace("ram-operator:ram-operator", "there:another")
            policy = {"failurePolicy": "Fail", **json.loads(account)}
            policy["matchConstraints"] |= {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
            for rule in policy["matchConstraints"]["resourceRules"]:
                rule["scope"] = "*"
            self.specs[f"{DEFINITIONS}/{name}"] = policy
            self.specs[f"{BINDINGS}/{name}"] = {"policyName": name, "validationActions": ["Deny"]}
        self.status = 404
        self.user = ACCOUNT

    async def param_serialize(self, method: str, url: str, **_: Any) -> tuple[Any, ...]:
        return method, url, {}, None, None

    async def call_api(self, method: str, url: str, *_: Any, **__: Any) -> Any:
        if (method, url) == ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews"):
            if not self.user:
                raise ApiException(status=503, reason="not now")
            return Answer(json.dumps({"status": {"userInfo": {"username": self.user}}}).encode())
        if (spec := self.specs.get(url)) is None:
            raise ApiException(status=self.status, reason="no")
        return Answer(json.dumps({"spec": spec}).encode())

    def policy(self, name: str) -> Any:
        return self.specs[f"{DEFINITIONS}/{name}"]

    def binding(self, name: str) -> Any:
        return self.specs[f"{BINDINGS}/{name}"]


class Answer:
    """What the client library answers with."""

    status = 200

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def read(self) -> bytes:
        return self.body


Change = Callable[[Served], Any]
ONLY_SOME = {"matchLabels": {"guarded": "yes"}}
UNRELATED = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
WEAKENED: dict[str, tuple[Change, str]] = {
    "no policy": (lambda it: it.specs.pop(f"{DEFINITIONS}/{STATUS}"), "is not installed"),
    "no binding": (lambda it: it.specs.pop(f"{BINDINGS}/{STATUS}"), "has no binding"),
    "a warning only": (lambda it: it.binding(STATUS).update(validationActions=["Warn", "Audit"]), "does not refuse"),
    "another policy bound": (
        lambda it: it.binding(STATUS).update(policyName="mine"), "is not bound: its binding names another policy"),
    "bound to some namespaces": (
        lambda it: it.binding(STATUS).update(matchResources={"namespaceSelector": ONLY_SOME}), "a part of the objects"),
    "bound to some objects": (
        lambda it: it.binding(STATUS).update(matchResources={"objectSelector": ONLY_SOME}), "a part of the objects"),
    "bound to other resources": (
        lambda it: it.binding(STATUS).update(matchResources={"resourceRules": [UNRELATED]}), "a part of the objects"),
    "bound but for some resources": (
        lambda it: it.binding(STATUS).update(matchResources={"excludeResourceRules": [UNRELATED]}), "a part of the"),
    "bound with parameters": (lambda it: it.binding(STATUS).update(paramRef={"name": "x"}), "a part of the objects"),
    "ignored failures": (lambda it: it.policy(STATUS).update(failurePolicy="Ignore"), "in failurePolicy"),
    "parameters": (lambda it: it.policy(STATUS).update(paramKind={"apiVersion": "v1", "kind": "X"}), "in paramKind"),
    "no validation": (lambda it: it.policy(STATUS).update(validations=[]), "in validations"),
    "a changed validation": (
        lambda it: it.policy(STATUS)["validations"][0].update(expression="true"), "in validations"),
    "a changed variable": (lambda it: it.policy(STATUS)["variables"][0].update(expression="'me'"), "in variables"),
    "a condition": (
        lambda it: it.policy(STATUS).update(matchConditions=[{"name": "x", "expression": "false"}]),
        "in matchConditions"),
    "no resources": (
        lambda it: it.policy(STATUS)["matchConstraints"].update(resourceRules=[UNRELATED]), "in matchConstraints"),
    "excluded resources": (
        lambda it: it.policy(STATUS)["matchConstraints"].update(excludeResourceRules=[UNRELATED]),
        "in matchConstraints"),
    "some objects": (
        lambda it: it.policy(STATUS)["matchConstraints"].update(objectSelector=ONLY_SOME), "in matchConstraints"),
    "namespaced objects": (
        lambda it: it.policy(STATUS)["matchConstraints"]["resourceRules"][0].update(scope="Namespaced"),
        "in matchConstraints"),
    "its exact version": (
        lambda it: it.policy(STATUS)["matchConstraints"].update(matchPolicy="Exact"), "in matchConstraints"),
}  # fmt: skip


async def told(served: Served, account: str = ACCOUNT) -> list[str]:
    return await faults(Kube(served, ()), shipped(), account)  # type: ignore[arg-type]


async def test_policies_as_they_are_shipped_are_in_force_whatever_the_account_is_called() -> None:
    assert await told(Served()) == []


@pytest.mark.parametrize("what", WEAKENED)
async def test_a_policy_that_protects_less_is_named_with_what_is_wrong(what: str) -> None:
    served = Served()
    change, words = WEAKENED[what]
    change(served)
    [fault] = await told(served)
    assert fault.startswith(f"{STATUS} ")
    assert words in fault


async def test_a_binding_may_be_written_with_all_objects_and_more_actions() -> None:
    served = Served()
    everything = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}}
    served.binding(STATUS).update(validationActions=["Audit", "Deny"], matchResources=everything)
    served.policy(STATUS)["validations"][0]["message"] = "in other words"
    assert await told(served) == []


async def test_policies_that_guard_different_accounts_are_told_of() -> None:
    served = Served()
    policy = json.dumps(served.policy("operator-account.ram.alicloud.dev"))
    served.specs[f"{DEFINITIONS}/operator-account.ram.alicloud.dev"] = json.loads(policy.replace("another", "other"))
    [fault] = await told(served)
    assert "more than one account as the operator's: system:serviceaccount:there:another" in fault


async def test_policies_that_all_guard_another_account_are_told_of_where_the_own_one_is_known() -> None:
    [fault] = await told(Served(), "system:serviceaccount:there:mine")
    assert fault == f"they name {ACCOUNT} as the operator's account, which is system:serviceaccount:there:mine"
    assert await told(Served(), "") == []


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (ACCOUNT, "all admission policies are installed"),
        ("kubernetes-admin", "all admission policies are installed"),
        ("system:serviceaccount:there:mine", f"they name {ACCOUNT} as the operator's account, which is"),
        ("", "the operator's own account cannot be read: POST"),
    ],
)
async def test_an_operator_compares_its_own_account_and_a_person_with_a_kubeconfig_is_no_fault(
    user: str, words: str
) -> None:
    served = Served()
    served.user = user
    check = AdmissionCheck(Kube(served, ()), shipped(), "unchecked", seconds=0.001)  # type: ignore[arg-type]
    running = asyncio.create_task(check.run())
    try:
        async with asyncio.timeout(60):
            while check.missing == "unchecked":
                await asyncio.sleep(0.001)
        assert words in (check.missing or "all admission policies are installed")
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_what_may_not_be_read_is_said_of_every_policy() -> None:
    served = Served()
    served.specs, served.status = {}, 403
    found = await told(served)
    assert [re.split(" ", fault)[0] for fault in found] == list(POLICIES)
    assert all("cannot be read: GET" in fault for fault in found)


async def test_a_policy_that_is_deleted_while_the_operator_runs_is_told_of_and_again_when_it_is_back() -> None:
    served = Served()
    kept = copy.deepcopy(served.policy(DOCUMENTS))
    check = AdmissionCheck(Kube(served, ()), shipped(), seconds=0.001)  # type: ignore[arg-type]
    running = asyncio.create_task(check.run())
    try:
        async with asyncio.timeout(60):
            del served.specs[f"{DEFINITIONS}/{DOCUMENTS}"]
            while check.missing != f"{DOCUMENTS} is not installed":
                await asyncio.sleep(0.001)
            served.specs[f"{DEFINITIONS}/{DOCUMENTS}"] = kept
            while check.missing:
                await asyncio.sleep(0.001)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
