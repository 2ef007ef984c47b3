"""The wire of the RPC products: a request becomes a call, an answer or error becomes a reply.

Knows methods, parameters, signatures, formats and faults, and no rule of any product; those are in the tables.
"""

import asyncio
import difflib
import logging
import uuid
from typing import NoReturn
from urllib.parse import parse_qsl

from aiohttp import web

from ram_simulator.cloud.calls import Action, Answer, Call, Product, unknown_params
from ram_simulator.cloud.cloud import AccessRefused
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.testing.faults import NO_FAULT, Fault
from ram_simulator.testing.journal import Record
from ram_simulator.testing.simulator import PRODUCTS, Simulator
from ram_simulator.wire.authentication import Authenticator, WireRequest
from ram_simulator.wire.http_text import TooLong, body_of, headers_of, path_and_query
from ram_simulator.wire.rendering import content_type, render

_log = logging.getLogger(__name__)
_COMMON = {
    "Action",
    "Version",
    "Format",
    "Timestamp",
    "SignatureMethod",
    "SignatureType",
    "SignatureVersion",
    "SignatureNonce",
    "AccessKeyId",
    "SecurityToken",
    "Signature",
}
_MOST_KILOBYTES = 10 << 10  # "Request structure"
_MOST_BYTES = _MOST_KILOBYTES << 10
# one SDK sends Format=None where its caller has not chosen
_FORMATS = ("JSON", "XML", "NONE", "")
_FORM = "application/x-www-form-urlencoded"


class Gateway:
    """Serves RAM, ECS and STS on one port."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._authenticator = Authenticator(simulator.clock, simulator.switches)

    async def handle(self, http: web.BaseRequest) -> web.Response:
        """Answer one HTTP request."""
        request = await _read(http)
        if self._simulator.latency_seconds:
            await asyncio.sleep(self._simulator.latency_seconds)
        asked = _format(request)
        style = asked if asked in ("XML", "JSON") else self._simulator.switches.text(SwitchName.DEFAULT_FORMAT)
        request_id = str(uuid.uuid4()).upper()
        record = Record()
        headers = {"x-acs-request-id": request_id}
        try:
            fault, reply = await self._serve(request, http.path, record, request_id)
            status, root, body, code = 200, f"{record.action}Response", reply, ""
        except ApiError as error:
            fault, status, root, code = NO_FAULT, error.status, "Error", error.code
            body = _error_body(error, request_id, http.headers.get("Host", ""))
            record.note_refusal(error)
            if error.retry_after_ms is not None:
                headers["x-acs-retry-after"] = str(error.retry_after_ms)
        self._simulator.journal.add(record, self._simulator.clock.now(), status, code)
        # a credential is no change that one could see, but it has to outlive the process
        if not code and (record.write or record.action.startswith("AssumeRole")):
            self._simulator.note_change()
        if fault.lost_reply and http.transport is not None:
            http.transport.abort()  # the call took effect; that is the point of this fault
        payload = b"" if fault.empty_body else render(style, root, body)
        headers["Content-Type"] = content_type(style)
        return web.Response(body=payload, status=status, headers=headers)

    async def _serve(self, request: WireRequest, path: str, record: Record, request_id: str) -> tuple[Fault, Answer]:
        if request.method not in ("GET", "POST") or path != "/":
            raise ApiError(404, "InvalidApi.NotFound", "The API is served by GET and POST on the path /.")
        # first of all: the action may stand in a body that was not read to its end
        _check_length(request, self._simulator.switches.number(SwitchName.GET_KILOBYTES))
        product, action = _find_action(request, record)
        if _format(request) not in _FORMATS:
            raise ApiError(400, "InvalidParameter.Format", "The parameter Format must be JSON or XML.")
        params = {name: value for name, value in {**request.query, **request.form}.items() if name not in _COMMON}
        record.note_params(params, (*action.required, *action.optional))
        account = self._simulator.cloud.account
        # a signature that comes with an anonymous call is not looked at: the old SDK signs whatever it sends
        principal = account.anonymous if action.anonymous else self._authenticator.authenticate(account, request)
        record.principal = principal.arn
        record.unknown_params = unknown_params(action, params)
        if record.unknown_params and self._simulator.strict:
            message = f"{action.name} does not know: {', '.join(record.unknown_params)}."
            raise ApiError(400, "InvalidParameter.Unknown", message)
        if self._simulator.quotas is not None:
            self._simulator.quotas.spend(product, action, params.get("RegionId", ""), self._simulator.clock.now())
        fault = await self._simulator.strike(action.name, params)
        call = Call(action.name, params, principal, self._simulator.context(request.remote))
        try:
            return fault, {"RequestId": request_id, **self._carry_out(product, action, call)}
        finally:
            record.rights = self._simulator.cloud.take_asked()

    def _carry_out(self, product: Product, action: Action, call: Call) -> Answer:
        cloud = self._simulator.cloud
        sent = {name.partition(".")[0] for name in call.params}
        for name in action.required:
            if name not in sent:
                message = f"{name} is mandatory for this action."
                raise ApiError(400, f"MissingParameter.{name}", message)
        try:
            resources = action.resources(cloud, call)
            context = {**call.context, **action.keys(cloud, call)}
            cloud.authorize(call.principal, product.permission(action), resources, context)
            return action.handler(cloud, call)
        except AccessRefused as refused:
            error = refused.as_error(product.denial)
            if cloud.switches.text(SwitchName.ACCESS_DENIED_DETAIL) == "left-out":
                error.detail = None
            raise error from refused
        except ApiError:
            raise
        except Exception as error:
            _log.exception("%s failed", action.name)
            raise ApiError(
                500, "InternalError", "The request processing has failed due to some unknown error."
            ) from error


async def _read(http: web.BaseRequest) -> WireRequest:
    target, size = path_and_query(http), 0
    try:
        body = await body_of(http, _MOST_BYTES)
    except TooLong:
        body, size = b"", _MOST_BYTES  # refused for its size, in the form that clients know
    # aiohttp says octet-stream where a client said nothing, as some do with a form
    is_form = http.content_type in (_FORM, "application/octet-stream") and body
    return WireRequest(
        method=http.method,
        query=_decode(target.partition("?")[2]),
        form=_decode(body.decode("utf-8", "replace")) if is_form else {},
        headers=headers_of(http),
        body=body,
        remote=http.remote or "",
        size=len(target) + max(size, len(body)),
    )


def _decode(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


def _common(request: WireRequest, name: str) -> str:
    return request.form.get(name) or request.query.get(name) or request.headers.get(f"x-acs-{name.lower()}", "")


def _format(request: WireRequest) -> str:
    return _common(request, "Format").upper()


def _check_length(request: WireRequest, most_of_get: int) -> None:
    """Raise ApiError if a request is too long, for which the pages have no code.

    `most_of_get` is in kilobytes, 0 for as many as a POST may have.
    """
    most = (request.method == "GET" and most_of_get) or _MOST_KILOBYTES
    if request.size > most << 10:
        message = f"A {request.method} has at most {most} KB; this one has {request.size} bytes."
        raise ApiError(400, "InvalidParameter.Length", message)


def _find_action(request: WireRequest, record: Record) -> tuple[Product, Action]:
    name, version = _common(request, "Action"), _common(request, "Version")
    record.action = name  # also of unknown ones: the journal shows what was tried
    for parameter, value in (("Action", name), ("Version", version)):
        if not value:
            message = f"{parameter} is mandatory for this action."
            raise ApiError(400, f"MissingParameter.{parameter}", message)
    product = PRODUCTS.get(version)
    action = product.actions.get(name) if product else None
    if product is None or action is None:
        _refuse_unknown(name, version)
    record.product, record.write = product.name, action.write
    return product, action


def _refuse_unknown(name: str, version: str) -> NoReturn:
    product = PRODUCTS.get(version)
    if product is None:
        owner = next((other for other in PRODUCTS.values() if name in other.actions), None)
        hint = f" {name} is in {owner.name} {owner.version}." if owner else ""
        raise ApiError(404, "InvalidApi.NotFound", f"There is no product of version {version} here.{hint}")
    close = difflib.get_close_matches(name, product.actions, n=1, cutoff=0.7)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise ApiError(404, "InvalidApi.NotFound", f"{product.name} {version} has no action {name}.{hint}")


def _error_body(error: ApiError, request_id: str, host: str) -> Answer:
    body: Answer = {
        "RequestId": request_id,
        "HostId": host,
        "Code": error.code,
        "Message": error.message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}",
    }
    return body | ({"AccessDeniedDetail": dict(error.detail)} if error.detail else {})
