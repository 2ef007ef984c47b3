"""The one way to Alibaba Cloud: signs, waits for the rate limiter, sends; raises nothing but scrubbed `CloudError`s.

Called by the adapters `ram`, `ecs` and `sts`; built in `cloud.connection`. A read whose connection was reset is tried
once more, at once; beyond that, nothing is retried here. The engine backs off per object, and a write is never repeated
before somebody has looked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from ram_operator.cloud.client.accounts import IDENTITY, OneAccount, caller_identity_request
from ram_operator.cloud.client.answers import Answer, decode
from ram_operator.cloud.client.breaker import CircuitBreakers
from ram_operator.cloud.client.endpoints import Endpoints
from ram_operator.cloud.client.failures import (
    CONNECTION_RESET,
    NO_CREDENTIALS,
    TIMEOUTS,
    UNREADABLE,
    WAITING,
    label_of,
    refusal,
)
from ram_operator.cloud.client.ratelimit import AdaptiveRateLimiter
from ram_operator.cloud.client.scrubbing import redact
from ram_operator.cloud.client.signing import sign
from ram_operator.cloud.client.transport import Exchange, NoAnswer, Transport, is_write
from ram_operator.cloud.credentials import CredentialsProvider, NoCredentials
from ram_operator.errors import CloudError, Denied, Throttled, Unavailable

RequestClass = Callable[[], Any]
"""A request class of the SDK. A fresh object is made for each request: the SDK writes into them."""

OK = "OK"

LONGEST_RETRY_AFTER = 120.0
"""Seconds that an API can make us wait: ECS counts calls by the minute, and no page names a longer wait."""


ObserveWait = Callable[[str, float], None]
"""Takes the API's name and the seconds."""


class ObserveCall(Protocol):
    """Is told of every request that was sent: for metrics."""

    def __call__(self, api: str, code: str, seconds: float) -> None:
        """Take the API's name, `OK` or what is known of the error code, and how long the answer took."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One call as it is sent."""

    request_class: RequestClass
    parameters: Mapping[str, object]
    region: str
    endpoint: str
    action: str

    @property
    def key(self) -> str:
        """What the cloud counts together: an API, of ECS an API in a region."""
        return f"{self.action}@{self.region}" if self.region else self.action

    def request(self) -> Any:  # noqa: ANN401
        """Return a request object of the SDK with the parameters."""
        # By the setters: they know which parameters are JSON, and a parameter that the API does not have fails here.
        request = self.request_class()
        for name, value in self.parameters.items():
            getattr(request, f"set_{name}")(value)
        if self.region:
            request.add_query_param("RegionId", self.region)
        return request


@dataclass(frozen=True, slots=True)
class _Reply:
    """What became of one request."""

    result: Answer | CloudError
    sent_at: float
    seconds: float
    code: str = field(default=OK)


class Client:
    """Makes calls.

    Args:
        transport: sends the requests.
        endpoints: where each product lives.
        credentials: sign each request, and are hidden in messages.
        limiter: how fast each API may be called; carries the clock.
        observe_call: is told of each request.
        observe_wait: is told how long each call waited for the limiter.
    """

    def __init__(
        self,
        transport: Transport,
        endpoints: Endpoints,
        credentials: CredentialsProvider,
        limiter: AdaptiveRateLimiter,
        observe_call: ObserveCall,
        observe_wait: ObserveWait,
    ) -> None:
        self._transport = transport
        self._endpoints = endpoints
        self._credentials = credentials
        self._limiter = limiter
        self._observe_call = observe_call
        self._observe_wait = observe_wait
        self._breakers = CircuitBreakers(limiter.clock)
        self._accounts = OneAccount()

    @property
    def region(self) -> str:
        """The region of calls that are about no region."""
        return self._endpoints.region

    def stay_in(self, account: str) -> None:
        """From now on let only credentials of this account make calls."""
        self._accounts.meant = account

    def refused(self, row: Answer) -> CloudError:
        """Return the error that the row of a single instance tells of, within an answer that is none.

        The row has been redacted with its answer.
        """
        error = refusal(row.action, 200, row.fields)
        return error.with_region(row.region)

    async def call(self, request_class: RequestClass, parameters: Mapping[str, object], region: str = "") -> Answer:
        """Make one call.

        Args:
            request_class: of the SDK.
            parameters: by the names of its setters: `RoleName` for `set_RoleName`.
            region: of the ECS call; empty for the global APIs.

        Raises:
            CloudError: one of its subclasses, always.
        """
        blank = request_class()
        action: str = blank.get_action_name()
        try:
            endpoint = self._endpoints.of(blank, region)
            return await self._call(_Call(request_class, parameters, region, endpoint, action))
        except CloudError as error:
            if type(error) is Denied:
                error.missing_action = error.missing_action or f"{blank.get_product().lower()}:{action}"
            error.with_region(region)
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def _call(self, call: _Call) -> Answer:
        if not is_write(call.action) and (unanswered := self._breakers.check(call.key)):
            raise unanswered
        arrived = self._limiter.clock()
        wait = await self._limiter.admit(call.key)
        self._observe_wait(call.action, self._limiter.clock() - arrived)
        if wait > 0:
            raise Throttled(call.action, WAITING, "waiting until the API may be called again", retry_after=wait)
        reply = await self._send(call)
        # A server may close an idle connection just when it is used again; a write could have taken effect before that.
        if reply.code == CONNECTION_RESET and not is_write(call.action):
            reply = await self._send(call)
        if isinstance(reply.result, CloudError):
            raise reply.result
        return reply.result

    async def _send(self, call: _Call) -> _Reply:
        reply = await self._attempt(call)
        label = label_of(reply.result) if isinstance(reply.result, CloudError) else OK
        self._observe_call(call.action, label, reply.seconds)
        if not is_write(call.action):
            self._record(call.key, reply)
        if isinstance(reply.result, Throttled):
            self._limiter.throttled(call.key, reply.sent_at, reply.result.retry_after)
        # A refusal counts as accepted: the API had time for it.
        elif not isinstance(reply.result, Unavailable):
            self._limiter.accepted(call.key)
        return reply

    def _record(self, api: str, reply: _Reply) -> None:
        if isinstance(reply.result, Unavailable) and reply.code in TIMEOUTS:
            self._breakers.failed(api, reply.sent_at, reply.result)
        else:
            self._breakers.succeeded(api)

    async def _attempt(self, call: _Call) -> _Reply:
        sent_at = self._limiter.clock()
        result: Answer | CloudError
        try:
            credentials = self._credentials.current()
            await self._accounts.check(call.action, credentials, partial(self.call, caller_identity_request, {}))
            request = sign(call.request(), self.region, credentials)
            exchange = await self._transport.send(request, call.endpoint)
        except NoCredentials as none:
            result = Unavailable(call.action, NO_CREDENTIALS, str(none))
        except NoAnswer as none:
            result = Unavailable(call.action, none.code, f"{call.endpoint}: {none.words}")
        except CloudError as error:
            result = error
        else:
            result = _read(call, exchange, request.secrets)
            if call.action == IDENTITY and isinstance(result, Answer):
                self._accounts.note(credentials, result.text("AccountId"))
        code = result.code if isinstance(result, CloudError) else OK
        return _Reply(result, sent_at, self._limiter.clock() - sent_at, code)


def _read(call: _Call, exchange: Exchange, secrets: Collection[str]) -> Answer | CloudError:
    body = decode(redact(exchange.body, secrets))
    if body is None:
        return Unavailable(call.action, UNREADABLE, f"HTTP {exchange.status} without a readable body")
    if 200 <= exchange.status < 300:
        return Answer(call.action, body, call.region, len(exchange.body))
    return refusal(call.action, exchange.status, body, secrets, _retry_after(exchange))


def _retry_after(exchange: Exchange) -> float | None:
    """Return the seconds that a throttled call should wait: the API's header has milliseconds."""
    text = exchange.headers.get("x-acs-retry-after", "")
    if not (text.isascii() and text.isdecimal()):
        return None
    return min(int(text) / 1000, LONGEST_RETRY_AFTER) if len(text) <= 10 else LONGEST_RETRY_AFTER
