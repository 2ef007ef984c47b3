"""OSS's REST protocol on the wire: path style, signatures, XML errors; authorised by the same engine as RAM."""

import asyncio
import logging
import secrets
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from ram_simulator.cloud.cloud import AccessRefused, Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.oss.objects import NOT_MODIFIED
from ram_simulator.oss.operations import find_operation, rights_for
from ram_simulator.oss.replies import OssReply
from ram_simulator.oss.requests import OssRequest
from ram_simulator.testing.faults import NO_FAULT, Fault
from ram_simulator.testing.journal import Record
from ram_simulator.testing.simulator import Simulator
from ram_simulator.wire.http_text import TooLong, body_of, headers_of, path_and_query
from ram_simulator.wire.oss_signatures import Expected, authenticate
from ram_simulator.wire.rendering import render

# the cloud takes 5 GB in one request; here objects live in memory
_MOST_BYTES = 256 << 20
_log = logging.getLogger(__name__)
_NOT_NOTED = {"Signature", "OSSAccessKeyId", "security-token", "x-oss-signature", "x-oss-security-token"}


class Oss:
    """Answers OSS's requests."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def handle(self, http: web.BaseRequest) -> web.Response:
        """Answer one HTTP request."""
        request, is_whole = await _read(http, self._simulator.cloud)
        if self._simulator.latency_seconds:
            await asyncio.sleep(self._simulator.latency_seconds)
        request_id, record, code = secrets.token_hex(12).upper(), Record(product="Oss"), ""
        try:
            if not is_whole:
                raise ApiError(400, "EntityTooLarge", f"Objects may have {_MOST_BYTES} bytes here.")
            fault, reply = await self._serve(request, record)
        except ApiError as error:
            fault, code = NO_FAULT, error.code
            reply = _error_reply(error, request_id, http.headers.get("Host", ""))
        self._simulator.journal.add(record, self._simulator.clock.now(), reply.status, code)
        if record.write and not code:
            self._simulator.note_change()
        if fault.lost_reply and http.transport is not None:
            http.transport.abort()  # the call took effect; that is the point of this fault
        body, headers = _rendered(reply)
        headers |= {"x-oss-request-id": request_id, "Server": "AliyunOSS"}
        return web.Response(body=b"" if fault.empty_body else body, status=reply.status, headers=headers)

    async def _serve(self, request: OssRequest, record: Record) -> tuple[Fault, OssReply]:
        simulator = self._simulator
        noted = {name: value for name, value in request.query.items() if name not in _NOT_NOTED}
        record.params = {"bucket": request.bucket, "key": request.key, **noted}
        operation = find_operation(request)
        record.action, record.write = operation.name, operation.write
        cloud, clock = simulator.cloud, simulator.clock
        bucket = cloud.oss.get(request.bucket)
        expected = Expected(clock.now(), clock.real_now(), [bucket.region] if bucket else cloud.ecs.regions)
        principal = authenticate(cloud.account, request, expected)
        record.principal = principal.arn
        fault = await self._simulator.strike(operation.name, record.params)
        context = simulator.context(request.remote) | {
            "oss:Prefix": request.query.get("prefix", ""),
            "oss:Delimiter": request.query.get("delimiter", ""),
        }
        cloud = simulator.cloud
        try:
            for action, resource in rights_for(cloud, request, operation):
                cloud.authorize(principal, action, [resource], context)
            return fault, operation.answer(cloud, request)
        except AccessRefused as refused:
            denied = refused.as_error("AccessDenied")
            if cloud.switches.text(SwitchName.ACCESS_DENIED_DETAIL) == "left-out":
                denied.detail = None
            raise denied from refused
        except ApiError:
            raise
        except Exception as error:
            _log.exception("%s failed", operation.name)
            raise ApiError(500, "InternalError", "We encountered an internal error. Please try again.") from error
        finally:
            record.rights = cloud.take_asked()


async def _read(http: web.BaseRequest, cloud: Cloud) -> tuple[OssRequest, bool]:
    """Return the request, and whether its body is all there: one that is too long is not read to its end."""
    path, _, query = path_and_query(http).partition("?")
    bucket, key = _bucket_of_host(http.headers.get("Host", ""), cloud), unquote(path.removeprefix("/"))
    if not bucket:
        bucket, _, key = key.lstrip("/").partition("/")
    is_whole, body = True, b""
    try:
        body = await body_of(http, _MOST_BYTES)
    except TooLong:
        is_whole = False
    request = OssRequest(
        method=http.method,
        bucket=bucket,
        key=key,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers_of(http),
        body=body,
        remote=http.remote or "",
    )
    return request, is_whole


def _bucket_of_host(host: str, cloud: Cloud) -> str:
    """Return the bucket that stands before the service's own name (`bucket.localhost:7782`), nothing if none does."""
    first, _, rest = host.partition(".")
    return first if rest and (rest.partition(":")[0] == "localhost" or cloud.oss.get(first)) else ""


def _error_reply(error: ApiError, request_id: str, host: str) -> OssReply:
    if error.status == NOT_MODIFIED:
        return OssReply(NOT_MODIFIED)  # HTTP has no body with this one
    body = {
        "Code": error.code,
        "Message": error.message,
        "RequestId": request_id,
        "HostId": host,
        **(error.detail or {}),
    }
    return OssReply(error.status, root="Error", answer=body)


def _rendered(reply: OssReply) -> tuple[bytes, dict[str, str]]:
    if not reply.root:
        return reply.body, dict(reply.headers)
    return render("XML", reply.root, reply.answer), {"Content-Type": "application/xml", **reply.headers}
