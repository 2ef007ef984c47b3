"""The control service: journal, faults, instances, clock, reset, switches and state as JSON, and a page for people.

For tests and demos; it listens on a port of its own, asks for no key and tells no secret.
"""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ram_simulator.calls import Answer
from ram_simulator.cloud import Cloud
from ram_simulator.ecs.instances import make_instance
from ram_simulator.ecs.store import REGIONS, NetworkType, RoleBinding
from ram_simulator.faults import parse_fault
from ram_simulator.page import HEADERS, page_of
from ram_simulator.ram.store import HolderKind
from ram_simulator.simulator import Simulator

_LONGEST_ADVANCE = 10 * 365 * 86400
_HOLDER_FIELDS = {HolderKind.ROLE: "roleName", HolderKind.USER: "userName", HolderKind.GROUP: "groupName"}


class NotServed(LookupError):
    """A path, method or thing that the control service does not have."""


class Control:
    """Answers the control service's requests."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def handle(self, http: web.BaseRequest) -> web.Response:
        """Answer one HTTP request; wrong ones with 400 or 404 and a message."""
        if http.method == "GET" and http.path == "/":
            return web.Response(text=page_of(self._simulator), content_type="text/html", headers=HEADERS)
        try:
            body = await _json_body(http)
            status, answer = 200, self._serve(http, body)
            if http.method != "GET":
                self._simulator.note_change()
        except ValueError as error:
            status, answer = 400, {"error": str(error)}
        except NotServed as error:
            status, answer = 404, {"error": str(error)}
        return web.json_response(answer, status=status)

    def _serve(self, http: web.BaseRequest, body: Mapping[str, Any]) -> Answer:
        match http.method, http.path.strip("/").split("/"):
            case "GET", ["journal"]:
                return self._journal(http.query.get("since", "0"))
            case "GET", ["faults"]:
                return {"faults": self._simulator.faults.shown()}
            case "POST", ["faults"]:
                self._simulator.faults.add(*parse_fault(body))
            case "DELETE", ["faults"]:
                self._simulator.faults.clear()
            case "POST", ["instances"]:
                return _add_instance(self._simulator.cloud, body)
            case "DELETE", ["instances", instance_id]:
                _remove_instance(self._simulator.cloud, instance_id)
            case "POST", ["clock"]:
                return self._advance(body)
            case "POST", ["reset"]:
                self._simulator.reset()
            case "GET", ["switches"]:
                return self._simulator.switches.shown()
            case "PUT", ["switches"]:
                self._simulator.switches.change(body)
                return self._simulator.switches.shown()
            case "GET", ["state"]:
                return state_of(self._simulator.cloud)
            case method, _:
                raise NotServed(f"{method} {http.path} is not served here")
        return {}

    def _journal(self, since: str) -> Answer:
        if not (since.isascii() and since.isdigit() and len(since) <= 18):
            raise ValueError("since must be a whole number")
        return {"calls": [entry.shown() for entry in self._simulator.journal.since(int(since))]}

    def _advance(self, body: Mapping[str, Any]) -> Answer:
        seconds = body.get("advanceSeconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= _LONGEST_ADVANCE:
            raise ValueError(f'"advanceSeconds" must be between 0 and {_LONGEST_ADVANCE}')
        self._simulator.clock.advance(seconds)
        return {"now": self._simulator.clock.now().isoformat()}


def state_of(cloud: Cloud) -> Answer:
    """Tell what there is, sorted, without secrets, dates and generated ids of roles: two states compare."""
    return {
        "roles": _sorted([_role_state(cloud, name) for name in sorted(role.name for role in cloud.ram.roles)]),
        # system policies too: an attachment without its policy would puzzle, and they never change
        "policies": _sorted(
            [
                {
                    "policyName": policy.name,
                    "policyType": policy.policy_type.value,
                    "description": policy.description,
                    "defaultVersion": f"v{policy.default_version}",
                    "versions": [f"v{number}" for number in policy.versions],
                    "document": json.loads(policy.default.document.text),
                    "tags": dict(sorted(policy.tags.items())),
                }
                for registry in cloud.ram.policies.values()
                for policy in registry
            ]
        ),
        "attachments": _sorted(_attachment_states(cloud)),
        "users": _sorted([{"userName": user.name} for user in cloud.account.people.users]),
        "oidcProviders": _sorted(
            [
                {
                    "name": provider.name,
                    "issuer": provider.issuer,
                    "clientIds": sorted(provider.client_ids),
                    "fingerprints": sorted(provider.fingerprints),
                    "description": provider.description,
                }
                for provider in cloud.account.identity_providers
            ]
        ),
        "instances": _sorted(
            [
                {
                    "instanceId": instance.instance_id,
                    "region": instance.region,
                    "networkType": instance.network_type.value,
                    "ramRoleName": instance.binding.role_name if instance.binding else "",
                }
                for instance in cloud.ecs
            ]
        ),
        "buckets": _sorted(
            [{"name": bucket.name, "region": bucket.region, "objects": sorted(bucket.objects)} for bucket in cloud.oss]
        ),
    }


def _role_state(cloud: Cloud, name: str) -> Answer:
    role = cloud.ram.roles.get(name)
    if role is None:
        return {}
    return {
        "roleName": role.name,
        "description": role.description,
        "maxSessionDuration": role.max_session_duration,
        "trust": json.loads(role.trust.text),
        "tags": dict(sorted(role.tags.items())),
    }


def _attachment_states(cloud: Cloud) -> list[Answer]:
    found = []
    for registry in cloud.ram.policies.values():
        for policy in registry:
            key = (policy.policy_type, policy.name.lower())
            for holder in cloud.ram.attachments.of_policy(key):
                named = {_HOLDER_FIELDS[holder.kind]: _holder_name(cloud, holder.kind, holder.name)}
                found.append({"policyType": policy.policy_type.value, "policyName": policy.name, **named})
    return found


def _holder_name(cloud: Cloud, kind: HolderKind, name: str) -> str:
    known = {HolderKind.ROLE: cloud.ram.roles.get, HolderKind.USER: cloud.account.people.users.get}
    lookup = known.get(kind, cloud.account.people.groups.get)
    found = lookup(name)
    return getattr(found, "name", name)


def _sorted(items: list[Answer]) -> list[Answer]:
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


def _add_instance(cloud: Cloud, body: Mapping[str, Any]) -> Answer:
    unknown = set(body) - {"region", "networkType", "id", "ramRoleName"}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: region, networkType, id, ramRoleName")
    region, network = body.get("region", "cn-hangzhou"), body.get("networkType", "vpc")
    instance_id, role_name = body.get("id"), body.get("ramRoleName")
    if not isinstance(region, str) or region not in REGIONS:
        raise ValueError(f'"region" must be one of {", ".join(REGIONS)}')
    if not isinstance(network, str) or network not in set(NetworkType):
        raise ValueError('"networkType" must be vpc or classic')
    if instance_id is not None and (not isinstance(instance_id, str) or cloud.ecs.get(instance_id)):
        raise ValueError(f'"id" must be a string that is no instance yet, not {instance_id!r}')
    role = cloud.ram.roles.get(role_name) if isinstance(role_name, str) else None
    if role_name and role is None:
        raise ValueError(f'"ramRoleName": there is no role {role_name!r}')
    instance = make_instance(cloud, region, NetworkType(network), instance_id)
    if role is not None:
        cloud.ecs.bind(instance, RoleBinding(role.name, None, cloud.clock.now()))
    return {"instanceId": instance.instance_id}


def _remove_instance(cloud: Cloud, instance_id: str) -> None:
    instance = cloud.ecs.get(instance_id)
    if instance is None:
        raise NotServed(f"there is no instance {instance_id}")
    cloud.ecs.remove(instance)


async def _json_body(http: web.BaseRequest) -> Mapping[str, Any]:
    raw = await http.content.read()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body
