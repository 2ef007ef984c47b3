"""Whether the admission policies are installed and refuse. The operator works without them, and says so.

Without them any writer of status decides what the operator attaches and detaches, a binding takes no right to its role,
and a stolen token of the operator rewrites specs.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from ram_operator import metrics
from ram_operator.cluster.kube import Kube
from ram_operator.errors import KubeError
from ram_operator.model import GROUP

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
DEFINITIONS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
CHECK_SECONDS = 300.0
REMEDY = "install them (the Helm chart does, with admissionPolicies.install=true)"


@dataclass(slots=True)
class AdmissionCheck:
    """Reads the policies and their bindings from time to time.

    Attributes:
        missing: what is wrong with them, in words; empty where all of them refuse, and before the first check.
    """

    kube: Kube
    missing: str = ""

    async def run(self) -> None:
        """Check until cancelled; log and count what changed."""
        while True:
            found = await faults(self.kube)
            metrics.ADMISSION_POLICIES_MISSING.set(len(found))
            before, self.missing = self.missing, ", ".join(found)
            if self.missing and self.missing != before:
                log.warning("admission policies do not protect this cluster", extra={"found": found, "remedy": REMEDY})
            elif before and not self.missing:
                log.info("all admission policies are installed")
            await asyncio.sleep(CHECK_SECONDS)


async def faults(kube: Kube) -> list[str]:
    """What is wrong with the policies that refuse, in words; empty where all of them do."""
    return [f"{name} {fault}" for name in POLICIES if (fault := await _fault(kube, name))]


async def _fault(kube: Kube, name: str) -> str:
    try:
        policy = (await kube.request("GET", f"{DEFINITIONS}/{name}"))["spec"]
        binding = (await kube.request("GET", f"{BINDINGS}/{name}"))["spec"]
    except KubeError as error:
        return "is not installed" if error.status == 404 else f"cannot be read: {error}"
    if "Deny" not in binding["validationActions"] or name not in binding.values():
        return "does not refuse"
    if policy.get("failurePolicy") != "Fail":
        return "lets through what it cannot judge"
    return "is bound to some objects only" if "matchResources" in binding else ""
