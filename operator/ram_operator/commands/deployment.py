"""Settings and account of the operator in the cluster: a command judges by them, not by those of a person's shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from ram_operator.cluster.kube import Kube
from ram_operator.errors import KubeError, StartupError
from ram_operator.model import Json
from ram_operator.settings import PREFIX

DEPLOYMENTS = "/apis/apps/v1/deployments"
LABELS = {"labelSelector": "app.kubernetes.io/name=ram-operator"}
OF_THE_POD = frozenset(
    f"{PREFIX}{name}"
    for name in (
        *("LISTEN", "LOG_LEVEL", "LOG_FORMAT", "HTTPS_PROXY", "NO_PROXY", "CA_BUNDLE", "METADATA_ENDPOINT"),
        *("CREDENTIALS_SOURCE", "CREDENTIALS_DIR", "CREDENTIALS_URI", "SESSION_POLICY"),
        *("ROLE_ARN", "ROLE_SESSION_NAME", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE"),
    )
)
"""Settings that mean something in the operator's Pod only: its network, its files, its credentials."""
ENDPOINTS = tuple(f"{PREFIX}ENDPOINT_{name}" for name in ("RAM", "ECS", "STS"))


@dataclass(frozen=True, slots=True)
class Deployed:
    """The operator's settings as variables; where they could not be read, none, and in words why."""

    variables: Mapping[str, str] = field(default_factory=dict)
    unread: str = ""

    def under(self, environment: Mapping[str, str]) -> dict[str, str]:
        """These variables, and before them those of an environment; one that is empty counts as unset."""
        return {**self.variables, **{name: text for name, text in environment.items() if text}}


async def deployed(kube: Kube, environment: Mapping[str, str]) -> Deployed:
    """Read the settings of the operator's Deployment; none where the environment is that of an operator itself.

    Args:
        kube: the cluster.
        environment: of this process.

    Raises:
        StartupError: the operator asks the cloud elsewhere than Alibaba Cloud, and this process does not say where.
    """
    if environment.get(f"{PREFIX}LISTEN"):
        return Deployed()
    try:
        found = await _deployments(kube)
    except KubeError as error:
        return Deployed(unread=f"its Deployment cannot be read ({error})")
    if len(found) != 1:
        return Deployed(unread=f"there are {len(found)} Deployments with the label {LABELS['labelSelector']}")
    [container, *_] = found[0]["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: str(one["value"]) for one in container.get("env") or () if one.get("value")}
    if unset := [
        f"{name}={shlex.quote(variables[name])}"
        for name in ENDPOINTS
        if name in variables and not environment.get(name)
    ]:
        # Whoever may create a Deployment must not decide where a person's signed requests go.
        where = "the operator of this cluster asks the cloud at endpoints of its own"
        raise StartupError(f"{where}; to ask there: export {' '.join(unset)}; to ask elsewhere, name those endpoints")
    kept = variables.keys() - OF_THE_POD - {*ENDPOINTS}
    return Deployed({name: variables[name] for name in kept if name.startswith(PREFIX)})


async def operator_account(kube: Kube) -> str:
    """Return the user name of the ServiceAccount of the operator's Deployment; empty where it cannot be told."""
    try:
        found = await _deployments(kube)
    except KubeError:
        return ""
    if len(found) != 1:
        return ""
    name = found[0]["spec"]["template"]["spec"].get("serviceAccountName", "default")
    return f"system:serviceaccount:{found[0]['metadata']['namespace']}:{name}"


async def _deployments(kube: Kube) -> list[Json]:
    return list((await kube.request("GET", DEPLOYMENTS, query=LABELS)).get("items") or ())
