"""Whether the admission policies are installed and refuse. The operator works without them, and says so.

Without them any writer of status decides what the operator attaches and detaches, a binding takes no right to its role,
and a stolen token of the operator rewrites specs. A policy that was changed may protect no better than a missing one:
each is compared with the one that this version of the operator ships.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import yaml

from ram_operator import metrics
from ram_operator.cluster.kube import Kube
from ram_operator.errors import KubeError
from ram_operator.model import GROUP, Body, Json

log = logging.getLogger(__name__)

POLICIES = tuple(
    f"{name}.{GROUP}"
    for name in (
        "documents",
        "empty-values",
        "operator-account",
        "operator-nodes",
        "status",
        "unsupported-values",
        "use-of-roles",
    )
)
"""The policies that refuse; their bindings have the same names."""
API = "/apis/admissionregistration.k8s.io/v1"
DEFINITIONS = f"{API}/validatingadmissionpolicies"
BINDINGS = f"{API}/validatingadmissionpolicybindings"
CHECK_SECONDS = 60.0
REMEDY = "install those of this version (the Helm chart does, with admissionPolicies.install=true)"
_ACCOUNT = re.compile(r"system:serviceaccount:[a-z0-9-]+:[a-z0-9.-]+")
_SELECTORS = ("namespaceSelector", "objectSelector")
_RULES = ("resourceRules", "excludeResourceRules")


def shipped() -> dict[str, Body]:
    """The specs of the policies as this version of the operator comes with them, by name."""
    folder = files("ram_operator") / "data/admission"
    texts = (file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".yaml"))
    objects = [body for text in texts for body in yaml.safe_load_all(text)]
    specs = {body["metadata"]["name"]: body["spec"] for body in objects if "validations" in body["spec"]}
    return {name: specs[name] for name in POLICIES}


@dataclass(slots=True)
class AdmissionCheck:
    """Reads the policies and their bindings from time to time.

    Attributes:
        kube: the cluster.
        wanted: the specs of the policies as they are shipped, by name.
        missing: what is wrong with them, in words; empty where all of them refuse, and before the first check.
        seconds: between two checks.
    """

    kube: Kube
    wanted: Mapping[str, Body]
    missing: str = ""
    seconds: float = CHECK_SECONDS

    async def run(self) -> None:
        """Check until cancelled; log and count what changed."""
        while True:
            account, unread = await _own_account(self.kube)
            found = [*await faults(self.kube, self.wanted, account), *unread]
            metrics.ADMISSION_POLICIES_MISSING.set(len(found))
            before, self.missing = self.missing, ", ".join(found)
            if self.missing and self.missing != before:
                log.warning("admission policies do not protect this cluster", extra={"found": found, "remedy": REMEDY})
            elif before and not self.missing:
                log.info("all admission policies are installed")
            await asyncio.sleep(self.seconds)


async def faults(kube: Kube, wanted: Mapping[str, Body], account: str) -> list[str]:
    """What is wrong with the policies that refuse, in words; empty where all of them do.

    Args:
        kube: the cluster.
        wanted: their specs as they are shipped, by name.
        account: the user name of the operator's ServiceAccount, which they have to name; empty where it is not known.
    """
    found: list[str] = []
    accounts: set[str] = set()
    for name, spec in wanted.items():
        policy, problem = await _read(kube, f"{DEFINITIONS}/{name}", "is not installed")
        if not problem:
            accounts.update(_ACCOUNT.findall(json.dumps(policy)))
            binding, problem = await _read(kube, f"{BINDINGS}/{name}", "has no binding")
        problem = problem or _difference(policy, spec) or _fault_of_binding(binding, name)
        found += [f"{name} {problem}"] if problem else []
    if len(accounts) > 1:
        found.append(f"they name more than one account as the operator's: {' '.join(sorted(accounts))}")
    elif account and accounts - {account}:
        found.append(f"they name {' '.join(accounts)} as the operator's account, which is {account}")
    return found


async def _own_account(kube: Kube) -> tuple[str, list[str]]:
    """Our ServiceAccount, empty where we run as somebody else; and what is wrong."""
    try:
        return await kube.service_account(), []
    except KubeError as error:
        return "", [f"the operator's own account cannot be read: {error}"]


async def _read(kube: Kube, path: str, absent: str) -> tuple[Json, str]:
    """The spec of an object, or what is wrong."""
    try:
        return (await kube.request("GET", path))["spec"], ""
    except KubeError as error:
        return None, absent if error.status == 404 else f"cannot be read: {error}"


def _difference(installed: Json, wanted: Json) -> str:
    ours, theirs = _meaning(wanted), _meaning(installed)
    parts = [part for part, value in ours.items() if theirs[part] != value]
    return f"differs from that of this version of ram-operator in {', '.join(parts)}" if parts else ""


def _meaning(spec: Json) -> dict[str, Json]:
    """What of a policy decides whom it refuses what, with the defaults of the API server and without the account."""
    plain = json.loads(_ACCOUNT.sub("ACCOUNT", json.dumps(spec)))
    matched = plain.get("matchConstraints") or {}
    return {
        "failurePolicy": plain.get("failurePolicy", "Fail"),
        "paramKind": plain.get("paramKind"),
        "matchConstraints": {
            "matchPolicy": matched.get("matchPolicy", "Equivalent"),
            **{part: matched.get(part) or {} for part in _SELECTORS},
            **{part: [{"scope": "*", **rule} for rule in matched.get(part) or ()] for part in _RULES},
        },
        "matchConditions": plain.get("matchConditions") or [],
        "variables": plain.get("variables") or [],
        "validations": [each["expression"] for each in plain.get("validations") or ()],
    }


def _fault_of_binding(spec: Json, name: str) -> str:
    if "Deny" not in spec["validationActions"]:
        return "does not refuse"
    if spec["policyName"] != name:
        return "is not bound: its binding names another policy"
    narrowed = spec.get("matchResources") or {}
    if spec.get("paramRef") or any(narrowed.get(part) for part in (*_SELECTORS, *_RULES)):
        return "is bound to a part of the objects only"
    return ""
