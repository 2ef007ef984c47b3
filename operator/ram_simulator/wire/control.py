"""The control service on the wire: finds the route of a request, and answers wrong requests with what to write."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ram_simulator.cloud.calls import Answer
from ram_simulator.cloud.spelling import check_keys, suggestion
from ram_simulator.testing.control.routes import ROUTES, Asked, Route, listing
from ram_simulator.testing.page import HEADERS, page_of
from ram_simulator.testing.simulator import Simulator
from ram_simulator.wire.http_text import TooLong, body_of

_VARIES = "ID"
_MOST_BYTES = 1 << 20


class ForeignOrigin(PermissionError):
    """A browser asks for a page that is not the simulator's own."""


class NotServed(LookupError):
    """A path that the control service does not have."""


class WrongMethod(LookupError):
    """A path that is there, for other methods; they are the arguments after the text."""

    def __init__(self, text: str, methods: list[str]) -> None:
        super().__init__(text)
        self.methods = methods


class Control:
    """Answers the control service's requests."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def handle(self, http: web.BaseRequest) -> web.Response:
        """Answer one HTTP request; wrong ones with 400, 403, 404 or 405 and a message."""
        method = "GET" if http.method == "HEAD" else http.method
        by_a_person = "text/html" in http.headers.get("Accept", "")
        if (method, http.path) == ("GET", "/") and by_a_person:
            page = page_of(self._simulator, changes_only=http.query.get("calls") == "changes")
            return _response(page, "text/html", 200, HEADERS)
        status, headers = 200, {"Cache-Control": "no-store"}
        try:
            answer = self._serve(method, http, await body_of(http, _MOST_BYTES))
        except TooLong as error:
            status, answer = 413, {"error": f"a request to the control service has {error}"}
        except ValueError as error:
            status, answer = 400, {"error": str(error)}
        except ForeignOrigin as error:
            status, answer = 403, {"error": str(error)}
        except WrongMethod as error:
            status, answer = 405, {"error": str(error)}
            headers["Allow"] = ", ".join(error.methods)
        except NotServed as error:
            status, answer = 404, {"error": str(error), "paths": listing()}
        except LookupError as error:
            status, answer = 404, {"error": str(error)}
        # what lists the paths is read by people
        pretty = json.dumps(answer, indent=2 if by_a_person or "paths" in answer else None, ensure_ascii=False)
        return _response(f"{pretty}\n", "application/json", status, headers)

    def _serve(self, method: str, http: web.BaseRequest, raw: bytes) -> Answer:
        _check_origin(http.headers.get("Origin"), http.headers.get("Host", ""))
        route, name = _find(method, http.path)
        check_keys(dict(http.query), route.query)
        body = _json_object(raw, route)
        if body and not route.body:
            raise ValueError(f"{method} {route.path} takes no body")
        answer = route.answer(self._simulator, Asked(name, http.query, body))
        if method != "GET":
            self._simulator.note_change()
        return answer


def _response(text: str, content_type: str, status: int, headers: Mapping[str, str]) -> web.Response:
    # JSON that was sent can have halves of characters (\ud800), which UTF-8 does not have
    body = text.encode("utf-8", "replace")
    return web.Response(body=body, content_type=content_type, charset="utf-8", status=status, headers=headers)


def _check_origin(origin: str | None, host: str) -> None:
    """Raise ForeignOrigin for what a page from elsewhere asks: browsers say so, other clients say nothing."""
    if origin is not None and origin != f"http://{host}":
        raise ForeignOrigin(f"a page of {origin} asks (its Origin), which only the simulator's own may")


def _find(method: str, path: str) -> tuple[Route, str]:
    wanted = path.strip("/").split("/")
    found = {route.method: (route, name) for route in ROUTES if (name := _match(route, wanted)) is not None}
    if not found:
        known = {route.path for route in ROUTES}
        raise NotServed(f"there is no path {path}.{suggestion(path, known)}")
    if method not in found:
        methods = sorted(found)
        raise WrongMethod(f"{path} is there for {' and '.join(methods)}, not for {method}", methods)
    return found[method]


def _match(route: Route, wanted: list[str]) -> str | None:
    """Return what stands at the place that varies, empty if there is none, None if it is another path."""
    parts = route.path.strip("/").split("/")
    if len(parts) != len(wanted):
        return None
    name = ""
    for part, given in zip(parts, wanted, strict=True):
        if part == _VARIES and given:
            name = given
        elif part != given:
            return None
    return name


def _json_object(raw: bytes, route: Route) -> Mapping[str, Any]:
    if not raw.strip():
        return {}
    example = f": write {route.body}" if route.body else ""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is not JSON ({error}){example}") from error
    if not isinstance(body, dict):
        raise ValueError(f"the body must be a JSON object{example}")
    return body
