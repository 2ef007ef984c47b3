"""The metadata service of all instances: which instance is asked, whether it may be asked so, tokens and rates."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ram_simulator.cloud.account import Credential, random_text
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.ecs_store import Instance, InstanceStatus
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.metadata.content import content
from ram_simulator.metadata.credentials import PublishedCredentials
from ram_simulator.metadata.errors import MetadataError, OutOfReach

_TTL_HEADER = "x-aliyun-ecs-metadata-token-ttl-seconds"
_TOKEN_HEADER = "x-aliyun-ecs-metadata-token"
_LONGEST_TTL = 21600
_MOST_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class MetadataRequest:
    """A request; `path` begins with `/instances/<id>/`, header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Token:
    cloud: Cloud
    instance_id: str
    expiration: datetime


class MetadataService:
    """Answers for all instances; remembers the tokens handed out, the calls of a second and credentials published.

    `note_issue` is called when a credential is made.
    """

    def __init__(self, note_issue: Callable[[], None]) -> None:
        self._credentials = PublishedCredentials(note_issue)
        self._tokens: dict[str, _Token] = {}
        self._calls: dict[str, tuple[int, int]] = {}

    def answer(self, cloud: Cloud, request: MetadataRequest) -> str:
        """Return the body of an answer; raise MetadataError for another status, OutOfReach for no answer."""
        match request.path.split("/"):
            case ["", "instances", instance_id, *path]:
                instance = cloud.ecs.get(instance_id)
            case _:
                raise MetadataError(404, "the metadata service of an instance is under /instances/<id>/latest/")
        if instance is None or instance.status is not InstanceStatus.RUNNING:
            raise MetadataError(404, f"there is no running instance {instance_id}")
        if instance.http_endpoint == "disabled":
            status = int(cloud.switches.text(SwitchName.METADATA_DISABLED_STATUS))
            raise MetadataError(status, "the metadata service is disabled for this instance")
        self._check_rate(cloud, instance)
        if not path or path[0] not in ("latest", "2016-01-01"):
            raise MetadataError(404, "not found")
        if path[1:] == ["api", "token"]:
            return self._new_token(cloud, request, instance)
        if request.method != "GET":
            raise MetadataError(405, "only GET is served here")
        self._check_token(cloud, request.headers.get(_TOKEN_HEADER), instance)
        return self._content(cloud, instance, path[1:])

    def _new_token(self, cloud: Cloud, request: MetadataRequest, instance: Instance) -> str:
        if request.method != "PUT":
            raise MetadataError(405, "a token is got by PUT")
        if "x-forwarded-for" in request.headers:
            raise MetadataError(403, "a token is not given through a proxy")
        ttl = request.headers.get(_TTL_HEADER, "")
        if not (ttl.isascii() and ttl.isdigit() and 1 <= int(ttl[:9]) <= _LONGEST_TTL and len(ttl) <= 9):
            raise MetadataError(400, f"{_TTL_HEADER} must be between 1 and {_LONGEST_TTL}")
        # every answer to a PUT, the token above all, lives for so many hops
        if cloud.switches.number(SwitchName.METADATA_HOPS) > instance.hop_limit:
            raise OutOfReach
        now = cloud.clock.now()
        if len(self._tokens) >= _MOST_TOKENS:
            self._tokens = {text: token for text, token in self._tokens.items() if token.expiration > now}
        text = random_text(40)
        self._tokens[text] = _Token(cloud, instance.instance_id, now + timedelta(seconds=int(ttl)))
        return text

    def _check_rate(self, cloud: Cloud, instance: Instance) -> None:
        most = cloud.switches.number(SwitchName.METADATA_CALLS)
        second = int(cloud.clock.now().timestamp())
        counted, calls = self._calls.get(instance.instance_id, (second, 0))
        calls = calls + 1 if counted == second else 1
        if most:
            self._calls[instance.instance_id] = (second, calls)
        if most and calls > most:
            status = int(cloud.switches.text(SwitchName.METADATA_THROTTLE_STATUS))
            raise MetadataError(status, "too many requests")

    def _check_token(self, cloud: Cloud, given: str | None, instance: Instance) -> None:
        if given is None:
            if instance.http_tokens == "required":
                raise MetadataError(403, f"the header {_TOKEN_HEADER} is required")
            return
        token = self._tokens.get(given)
        if (
            token is None
            or token.cloud is not cloud
            or token.instance_id != instance.instance_id
            or token.expiration <= cloud.clock.now()
        ):
            raise MetadataError(401, "the token is not valid")

    def _content(self, cloud: Cloud, instance: Instance, path: list[str]) -> str:
        match path:
            case ["meta-data", "ram" | "Ram", "security-credentials", role_name] if role_name:
                return _shown(self._credentials.of(cloud, instance, role_name))
        return content(cloud, instance, path)


def _shown(credential: Credential) -> str:
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
