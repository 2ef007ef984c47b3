"""spec.trust: who may assume a role."""

from __future__ import annotations

from collections.abc import Mapping

from ram_operator.errors import Problem
from ram_operator.model import Json
from ram_operator.rules.documents import check_services, check_trust, trust_for_services


def read_trust(spec: Mapping[str, Json]) -> tuple[Json, tuple[Problem, ...]]:
    """The trust document that the spec asks for, and its problems."""
    trust = spec.get("trust") or {"services": ["ecs.aliyuncs.com"]}
    services = trust.get("services")
    if "document" in trust:
        both = (Problem("spec.trust", "write services or document, not both"),) if services is not None else ()
        strict = spec.get("documentValidation") != "Warn"
        return trust["document"], (*both, *check_trust(trust["document"], "spec.trust.document", strict=strict))
    if not services:
        return {}, (Problem("spec.trust.services", "is empty; write [ecs.aliyuncs.com]"),)
    return trust_for_services(services), check_services(services, "spec.trust.services")
