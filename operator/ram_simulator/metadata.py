"""The metadata service: what 100.100.100.200 answers inside an instance, here under `/instances/<id>/`.

It publishes the credentials of the role that the instance plays: valid for 6 hours, a new one 30 minutes before the
old one ends ("Use RAM roles to access other Alibaba Cloud services"), both valid in between.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from ram_simulator.account import Credential, RoleSession, random_text
from ram_simulator.clock import to_seconds
from ram_simulator.cloud import Cloud
from ram_simulator.ecs.checks import trusts_ecs
from ram_simulator.ecs.descriptions import serial_number
from ram_simulator.ecs.store import Instance, InstanceStatus, RoleBinding
from ram_simulator.simulator import Simulator
from ram_simulator.switches import SwitchName

_LIFE = timedelta(hours=6)
_RENEWED_BEFORE_END = timedelta(minutes=30)
_TTL_HEADER = "X-aliyun-ecs-metadata-token-ttl-seconds"
_TOKEN_HEADER = "X-aliyun-ecs-metadata-token"
_LONGEST_TTL = 21600
_MOST_TOKENS = 10_000
_NOT_FOUND_PAGE = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"


class OutOfReach(Exception):
    """A request whose answer does not get as far as its caller."""


class MetadataError(Exception):
    """An answer other than 200; clients look at the status only."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Published:
    binding: RoleBinding
    credential: Credential


@dataclass(frozen=True, slots=True)
class _Token:
    cloud: Cloud
    instance_id: str
    expiration: datetime


class Metadata:
    """Answers for all instances; remembers the tokens handed out and the credentials published."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._published: dict[str, _Published] = {}
        self._tokens: dict[str, _Token] = {}
        self._calls: dict[str, tuple[int, int]] = {}

    async def handle(self, http: web.BaseRequest) -> web.Response:
        """Answer one HTTP request, without a trailing newline: clients use the body as it is."""
        try:
            text = self._serve(http)
            status = 200
        except OutOfReach:
            if http.transport is not None:
                http.transport.abort()
            return web.Response()
        except MetadataError as error:
            status, text = error.status, f"{error.status} - {error}"
            if status == 404 and self._simulator.switches.text(SwitchName.METADATA_NOT_FOUND_BODY) == "html":
                return web.Response(text=_NOT_FOUND_PAGE, status=status, content_type="text/html")
        # text as it is: a client puts the role name, unstripped, into its next URL
        body = text.encode("utf-8", "surrogateescape")
        return web.Response(body=body, status=status, content_type="text/plain", charset="utf-8")

    def _serve(self, http: web.BaseRequest) -> str:
        match http.path.split("/"):
            case ["", "instances", instance_id, *path]:
                instance = self._simulator.cloud.ecs.get(instance_id)
            case _:
                raise MetadataError(404, "the metadata service of an instance is under /instances/<id>/latest/")
        if instance is None or instance.status is not InstanceStatus.RUNNING:
            raise MetadataError(404, f"there is no running instance {instance_id}")
        if instance.http_endpoint == "disabled":
            status = int(self._simulator.switches.text(SwitchName.METADATA_DISABLED_STATUS))
            raise MetadataError(status, "the metadata service is disabled for this instance")
        self._check_rate(instance)
        if not path or path[0] not in ("latest", "2016-01-01"):
            raise MetadataError(404, "not found")
        if path[1:] == ["api", "token"]:
            return self._new_token(http, instance)
        if http.method != "GET":
            raise MetadataError(405, "only GET is served here")
        self._check_token(http.headers.get(_TOKEN_HEADER), instance)
        return self._content(instance, path[1:])

    def _new_token(self, http: web.BaseRequest, instance: Instance) -> str:
        if http.method != "PUT":
            raise MetadataError(405, "a token is got by PUT")
        if "X-Forwarded-For" in http.headers:
            raise MetadataError(403, "a token is not given through a proxy")
        ttl = http.headers.get(_TTL_HEADER, "")
        if not (ttl.isascii() and ttl.isdigit() and 1 <= int(ttl[:9]) <= _LONGEST_TTL and len(ttl) <= 9):
            raise MetadataError(400, f"{_TTL_HEADER} must be between 1 and {_LONGEST_TTL}")
        # every answer to a PUT, the token above all, lives for so many hops
        if self._simulator.switches.number(SwitchName.METADATA_HOPS) > instance.hop_limit:
            raise OutOfReach
        now = self._simulator.clock.now()
        if len(self._tokens) >= _MOST_TOKENS:
            self._tokens = {text: token for text, token in self._tokens.items() if token.expiration > now}
        text = random_text(40)
        expiration = now + timedelta(seconds=int(ttl))
        self._tokens[text] = _Token(self._simulator.cloud, instance.instance_id, expiration)
        return text

    def _check_rate(self, instance: Instance) -> None:
        most = self._simulator.switches.number(SwitchName.METADATA_CALLS)
        second = int(self._simulator.clock.now().timestamp())
        counted, calls = self._calls.get(instance.instance_id, (second, 0))
        calls = calls + 1 if counted == second else 1
        if most:
            self._calls[instance.instance_id] = (second, calls)
        if most and calls > most:
            status = int(self._simulator.switches.text(SwitchName.METADATA_THROTTLE_STATUS))
            raise MetadataError(status, "too many requests")

    def _check_token(self, given: str | None, instance: Instance) -> None:
        if given is None:
            if instance.http_tokens == "required":
                raise MetadataError(403, f"the header {_TOKEN_HEADER} is due")
            return
        token = self._tokens.get(given)
        if (
            token is None
            or token.cloud is not self._simulator.cloud
            or token.instance_id != instance.instance_id
            or token.expiration <= self._simulator.clock.now()
        ):
            raise MetadataError(401, "the token is not valid")

    def _content(self, instance: Instance, path: list[str]) -> str:
        match path:
            case [] | [""]:
                return "\n".join(["dynamic/", "meta-data/", *(["user-data"] if instance.user_data else [])])
            case ["dynamic"] | ["dynamic", ""]:
                return "instance-identity/"
            case ["dynamic", "instance-identity"] | ["dynamic", "instance-identity", ""]:
                return "document"
            case ["meta-data" | "meta-data/"] | ["meta-data", ""]:
                return "\n".join(sorted([*_ENTRIES, "ram/", "instance/"]))
            case ["meta-data", "ram" | "Ram"] | ["meta-data", "ram" | "Ram", ""]:
                return "security-credentials/"
            case ["meta-data", "ram" | "Ram", "security-credentials"] | [
                "meta-data",
                "ram" | "Ram",
                "security-credentials",
                "",
            ]:
                return self._binding(instance).role_name
            case ["meta-data", "ram" | "Ram", "security-credentials", role_name]:
                return self._credentials(instance, role_name)
            case ["meta-data", "instance"] | ["meta-data", "instance", ""]:
                return "instance-type"
            case ["meta-data", "instance", "instance-type"]:
                return instance.instance_type
            case ["meta-data", entry] if entry in _ENTRIES:
                return _ENTRIES[entry](self._simulator.cloud, instance)
            case ["user-data"] if instance.user_data:
                return instance.user_data
            case ["dynamic", "instance-identity", "document"]:
                return json.dumps(_identity(self._simulator.cloud, instance))
        raise MetadataError(404, "not found")

    def _binding(self, instance: Instance) -> RoleBinding:
        cloud = self._simulator.cloud
        delay = cloud.switches.delay(SwitchName.ROLE_TO_METADATA)
        seen = instance.binding_before(cloud.clock.now() - delay) if delay else instance.binding
        if seen is None:
            raise MetadataError(404, "the instance plays no role")
        return seen

    def _credentials(self, instance: Instance, role_name: str) -> str:
        binding = self._binding(instance)
        in_any_case = self._simulator.switches.text(SwitchName.METADATA_ROLE_CASE) == "any"
        if binding.role_name != role_name and not (in_any_case and binding.role_name.lower() == role_name.lower()):
            status = int(self._simulator.switches.text(SwitchName.METADATA_OTHER_ROLE_STATUS))
            raise MetadataError(status, "the instance does not play this role")
        credential = self._credential(instance, binding)
        return json.dumps(
            {
                "AccessKeyId": credential.access_key_id,
                "AccessKeySecret": credential.secret,
                "Expiration": to_seconds(credential.expiration),
                "SecurityToken": credential.security_token,
                "LastUpdated": to_seconds(credential.issued),
                "Code": "Success",
            },
            indent=2,
        )

    def _credential(self, instance: Instance, binding: RoleBinding) -> Credential:
        cloud, now = self._simulator.cloud, self._simulator.clock.now()
        published = self._published.get(instance.instance_id)
        # the binding itself, not its role's name: attached anew may mean another session policy
        current = published.credential if published and published.binding is binding else None
        role = cloud.role(binding.role_name)
        trusted = role is not None and trusts_ecs(cloud, role, {})
        lives_on = cloud.switches.text(SwitchName.TRUST_REMOVED) == "old-token-lives"
        if current and current.expiration - now > _RENEWED_BEFORE_END and (trusted or lives_on):
            return current
        if role is None or not trusted:
            if current and current.expiration > now and lives_on:
                return current  # without the role's trust nothing new is issued, what was issued lives on
            raise MetadataError(404, "ECS may not assume the role")
        limits = () if binding.session_policy is None else (binding.session_policy,)
        session = RoleSession(cloud.account.account_id, role.name, role.role_id, instance.instance_id, limits)
        issued = cloud.account.issue(session, now, now + _LIFE)
        self._published[instance.instance_id] = _Published(binding, issued)
        self._simulator.note_change()
        return issued


_ENTRIES: Mapping[str, Callable[[Cloud, Instance], str]] = {
    "hostname": lambda cloud, instance: instance.host_name or instance.name,
    "image-id": lambda cloud, instance: instance.image_id,
    "instance-id": lambda cloud, instance: instance.instance_id,
    "mac": lambda cloud, instance: instance.mac_address,
    "network-type": lambda cloud, instance: instance.network_type.value,
    "owner-account-id": lambda cloud, instance: cloud.account.account_id,
    "private-ipv4": lambda cloud, instance: instance.address,
    "region-id": lambda cloud, instance: instance.region,
    "serial-number": lambda cloud, instance: serial_number(instance),
    "vpc-id": lambda cloud, instance: instance.vpc_id,
    "vswitch-id": lambda cloud, instance: instance.vswitch_id,
    "zone-id": lambda cloud, instance: instance.zone,
}


def _identity(cloud: Cloud, instance: Instance) -> Mapping[str, str]:
    return {
        "owner-account-id": cloud.account.account_id,
        "instance-id": instance.instance_id,
        "mac": instance.mac_address,
        "region-id": instance.region,
        "serial-number": serial_number(instance),
        "zone-id": instance.zone,
        "instance-type": instance.instance_type,
        "image-id": instance.image_id,
        "private-ipv4": instance.address,
    }
