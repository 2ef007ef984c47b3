"""Requests gone wrong, each made from a right one by its number: the same number makes the same request.

The test of mutations sends them. Some are wrong before they are signed (the signature is right), some afterwards.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import oss2
from tests.contract.clients.mutation_tables import (
    CALLS,
    CONTROL,
    HEADERS,
    INSTANCE,
    LITERALS,
    METADATA,
    NASTY,
    OSS,
    OSS_HEADERS,
    TOKEN,
    VALUES,
)
from tests.contract.clients.raw import (
    FORM,
    Key,
    Message,
    Pairs,
    common,
    encode,
    encode_pairs,
    signed_v1,
    signed_v3,
    text_of,
)


@dataclass(frozen=True, slots=True)
class Sender:
    """What requests are made with: a key, the services' hosts by their names in the ready line, and tokens."""

    key: Key
    hosts: Mapping[str, str]
    tokens: Sequence[str]


@dataclass(slots=True)
class Mutant:
    """A request gone wrong.

    Attributes:
        service: the address to send it to, by its name in the ready line.
        message: the request.
        cut: how many bytes of the body are left out, so that the length said is wrong.
    """

    service: str
    message: Message
    cut: int = 0

    @property
    def is_short(self) -> bool:
        """Whether the server is told of more than it gets, so that it waits for it."""
        if self.is_chunked:
            return self.cut > 0 or not self.message.body.endswith(b"\r\n0\r\n\r\n")
        length = len(self.message.body)
        said = next((text for name, text in self.message.headers if name == "Content-Length"), str(length))
        return said.isascii() and said.isdigit() and int(said) > length - self.cut

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks, or says so."""
        return any(name == "Transfer-Encoding" for name, _ in self.message.headers)

    @property
    def is_last(self) -> bool:
        """Whether nothing sensible can follow on the same connection."""
        own_length = any(name == "Content-Length" for name, _ in self.message.headers)
        return self.is_short or own_length or self.is_chunked or self.message.method == "CONNECT"

    def raw(self, host: str) -> bytes:
        """Return what goes over the wire."""
        given = {name.lower() for name, _ in self.message.headers}
        headers = [] if "host" in given else [("Host", host)]
        headers += self.message.headers
        if not given & {"content-length", "transfer-encoding"}:
            headers.append(("Content-Length", str(len(self.message.body))))
        lines = [
            f"{self.message.method} {self.message.target} HTTP/1.1",
            *(f"{name}: {text}" for name, text in headers),
        ]
        head = "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n"
        return head + self.message.body[: len(self.message.body) - self.cut]


def mutant(number: int, sender: Sender) -> Mutant:
    """Make the request of that number."""
    rng = Random(number)
    service = rng.choices(("endpoint", "oss", "metadata", "control"), (78, 12, 5, 5))[0]
    made = Mutant(service, _MAKERS[service](rng, sender))
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        rng.choice(_SPOILERS)(rng, made)
    return made


def _api(rng: Random, sender: Sender) -> Message:
    key, token = sender.key, rng.choice(sender.tokens)
    action, given = rng.choice(CALLS)
    pairs = [(name, text_of(value).replace(TOKEN, token)) for name, value in given.items()]
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        pairs = rng.choice(_PARAMETERS)(rng, pairs)
    if rng.random() < 0.3:
        return _v3(rng, sender, action, list(dict(pairs).items()))
    method = rng.choice(("POST", "POST", "GET"))
    full = list(dict(common(action) + pairs).items())
    if rng.random() < 0.15:
        full = rng.choice(_COMMON)(rng, full)
    signed = signed_v1(method, full, key)
    if rng.random() < 0.2:
        signed.insert(rng.randrange(len(signed)), rng.choice(signed))
    place = rng.randrange(len(signed)) if method == "POST" and rng.random() < 0.4 else len(signed)
    body = encode_pairs(signed[place:]).encode()
    return Message(method, "/", signed[:place], [("Content-Type", FORM)] if body else [], body)


def _v3(rng: Random, sender: Sender, action: str, pairs: Pairs) -> Message:
    place = rng.randrange(len(pairs) + 1) if rng.random() < 0.4 else len(pairs)
    body = encode_pairs(pairs[place:]).encode()
    message = Message("POST", "/", pairs[:place], [("Content-Type", FORM)] if body else [], body)
    return signed_v3(message, sender.hosts["endpoint"], action, sender.key)


def _oss(rng: Random, sender: Sender) -> Message:
    key = sender.key
    auth = rng.choice((oss2.Auth, oss2.AuthV4))(key.access_key_id, key.secret)
    method, bucket, name, query = rng.choice(OSS)
    pairs = list(query.items())
    for _ in range(rng.randrange(3) if pairs else 0):
        pairs = rng.choice((_replace, _drop, _rename, _edit_text, _add))(rng, pairs)
    if name and rng.random() < 0.4:
        return _signed_url(rng, auth, method, f"http://{sender.hosts['oss']}", name)
    if name and rng.random() < 0.3:
        name = _short(rng)
    path = f"/{bucket}/{encode(name)}" if bucket else "/"
    headers = {rng.choice(OSS_HEADERS): _short(rng)} if rng.random() < 0.4 else {}
    body = b"content" if method == "PUT" else b""
    params = {title: text.encode(errors="replace").decode() for title, text in pairs}
    url = f"http://{sender.hosts['oss']}{path}"
    request = oss2.http.Request(method, url, body, params, headers, region="cn-hangzhou", product="oss")
    auth._sign_request(request, bucket, name)
    signed = [(title, text) for title, text in request.headers.items() if text and title != "Content-Length"]
    return Message(method, path, list(request.params.items()), signed, body)


def _signed_url(rng: Random, auth: Any, method: str, endpoint: str, name: str) -> Message:
    """Return a request by a URL that oss2 signed, changed afterwards or not."""
    bucket = oss2.Bucket(auth, endpoint, "ramroletest", region="cn-hangzhou")
    url = urlsplit(bucket.sign_url(method, name, rng.choice((60, 0, 10**6))))
    pairs = parse_qsl(url.query, keep_blank_values=True)
    for _ in range(rng.randrange(2)):
        pairs = rng.choice((_replace, _drop, _rename, _edit_text))(rng, pairs)
    return Message(method, url.path, pairs)


def _metadata(rng: Random, sender: Sender) -> Message:
    instance = rng.choice((INSTANCE, INSTANCE, INSTANCE, "i-bp1simulator00000008", "i-none", "%00", "..", "é"))
    path = rng.choice((f"/instances/{instance}{rng.choice(METADATA)}", rng.choice(METADATA)))
    names = ("X-aliyun-ecs-metadata-token", "X-aliyun-ecs-metadata-token-ttl-seconds", "X-Forwarded-For")
    values = ("21600", "1", "21601", "a-token", _short(rng))
    headers = [(rng.choice(names), rng.choice(values)) for _ in range(rng.randrange(3))]
    return Message(rng.choice(("GET", "GET", "PUT", "HEAD")), path, [], headers)


def _control(rng: Random, sender: Sender) -> Message:
    method, path, body = rng.choice(CONTROL)
    changed: Any = {name: rng.choice([value, rng.choice(LITERALS)]) for name, value in body.items()}
    content = json.dumps(rng.choice([changed, changed, rng.choice(LITERALS)])).encode() if body else b""
    return Message(method, path, [("since", _short(rng))] if path == "/journal" else [], [], content)


_MAKERS: Mapping[str, Callable[[Random, Sender], Message]] = {
    "endpoint": _api,
    "oss": _oss,
    "metadata": _metadata,
    "control": _control,
}


def _replace(rng: Random, pairs: Pairs) -> Pairs:
    spot = rng.randrange(len(pairs) or 1)
    return [(name, rng.choice(NASTY) if at == spot else value) for at, (name, value) in enumerate(pairs)]


def _drop(rng: Random, pairs: Pairs) -> Pairs:
    spot = rng.randrange(len(pairs) or 1)
    return [pair for at, pair in enumerate(pairs) if at != spot]


def _rename(rng: Random, pairs: Pairs) -> Pairs:
    spot = rng.randrange(len(pairs) or 1)
    change = rng.choice((str.lower, str.upper, lambda name: f"{name} ", lambda name: f"{name}.1", lambda name: ""))
    return [(change(name) if at == spot else name, value) for at, (name, value) in enumerate(pairs)]


def _add(rng: Random, pairs: Pairs) -> Pairs:
    known = (
        "Marker",
        "MaxItems",
        "PageSize",
        "Tag",
        "Tag.1.Key",
        "Policy",
        "DryRun",
        "ClientToken",
        "é",
        "",
        "x" * 3000,
    )
    return [*pairs, (rng.choice(known), rng.choice(NASTY))]


def _edit_text(rng: Random, pairs: Pairs) -> Pairs:
    """Change some characters of a value."""
    spot = rng.randrange(len(pairs) or 1)
    return [(name, _edited(rng, value) if at == spot else value) for at, (name, value) in enumerate(pairs)]


def _edited(rng: Random, text: str) -> str:
    for _ in range(rng.choice((1, 1, 3))):
        at = rng.randrange(len(text) + 1)
        text = (
            text[:at]
            + rng.choice(("", '"', "{", "]", " ", "\\", "\x00", "é", "5", ","))
            + text[at + rng.randrange(3) :]
        )
    return text


def _edit_json(rng: Random, pairs: Pairs) -> Pairs:
    """Put something else at some place of a JSON value."""
    places = [at for at, (_, value) in enumerate(pairs) if value[:1] in ("{", "[")]
    if not places:
        return _edit_text(rng, pairs)
    spot = rng.choice(places)
    try:
        changed = text_of(_grafted(rng, json.loads(pairs[spot][1])))
    except (ValueError, RecursionError):
        return pairs
    return [*pairs[:spot], (pairs[spot][0], changed), *pairs[spot + 1 :]]


def _grafted(rng: Random, value: Any) -> Any:
    if not value or not isinstance(value, dict | list) or rng.random() < 0.2:
        return rng.choice(LITERALS)
    if isinstance(value, list):
        spot = rng.randrange(len(value))
        return [_grafted(rng, item) if at == spot else item for at, item in enumerate(value)]
    chosen = rng.choice(list(value))
    renamed = rng.choice((chosen, chosen, chosen, "Condition", "NotAction", f"{chosen} ", "principal"))
    return {
        (renamed if name == chosen else name): _grafted(rng, item) if name == chosen else item
        for name, item in value.items()
    }


_PARAMETERS = (_replace, _replace, _drop, _rename, _add, _edit_text, _edit_json, _edit_json)


def _spoil_common(rng: Random, pairs: Pairs) -> Pairs:
    spot = rng.randrange(7)
    return [(name, _short(rng) if at == spot else value) for at, (name, value) in enumerate(pairs)]


def _drop_common(rng: Random, pairs: Pairs) -> Pairs:
    spot = rng.randrange(7)
    return [pair for at, pair in enumerate(pairs) if at != spot]


_COMMON = (_spoil_common, _drop_common)


def _short(rng: Random) -> str:
    return rng.choice([text for text in NASTY if len(text) < 100 and text.isprintable() and text])


def _method(rng: Random, made: Mutant) -> None:
    made.message.method = rng.choice(
        ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW", "post", "CONNECT")
    )


def _path(rng: Random, made: Mutant) -> None:
    made.message.path = rng.choice(
        ("/x", "//", "/%00", "/../", "/%ff", "/;a=b", "/ramroletest/%2e%2e/", "/instances", "*", "/é")
    )


def _content_type(rng: Random, made: Mutant) -> None:
    kinds = ("text/plain", "application/json", "multipart/form-data", f"{FORM}; charset=utf-16", ";;;", "é/ü", "", FORM)
    made.message.headers.append(("Content-Type", rng.choice(kinds)))


def _header(rng: Random, made: Mutant) -> None:
    made.message.headers.append((rng.choice(HEADERS), rng.choice((*VALUES, _short(rng)))))


def _body(rng: Random, made: Mutant) -> None:
    made.message.body = rng.choice(
        (b"\xff\xfe\x00", rng.randbytes(200), b"{", b"=&=&;", b"%ff=%fe", b"a" * 2_000_000, b"<a>")
    )


def _truncate(rng: Random, made: Mutant) -> None:
    made.message.body = made.message.body or b"Action=GetRole"
    made.cut = rng.randrange(1, len(made.message.body) + 1)


def _query(rng: Random, made: Mutant) -> None:
    if made.message.query:
        spot = rng.randrange(len(made.message.query))
        made.message.query[spot] = (made.message.query[spot][0], _edited(rng, made.message.query[spot][1]))


def _encoding(rng: Random, made: Mutant) -> None:
    made.message.headers.append(("Content-Encoding", rng.choice(("gzip", "deflate", "br", "zstd", "x"))))


def _chunks(rng: Random, made: Mutant) -> None:
    body = made.message.body
    said = rng.choice((f"{len(body):x}", f"{len(body):x}", f"{len(body):x};a=b", "zz", "-1", "ffffffffffffffffff", ""))
    made.message.body = said.encode() + b"\r\n" + body + b"\r\n0\r\n\r\n"
    made.message.headers.append(("Transfer-Encoding", rng.choice(("chunked", "chunked", "gzip, chunked", "x"))))


def _length(rng: Random, made: Mutant) -> None:
    made.message.headers.append(("Content-Length", rng.choice(("-1", "x", "0", "5", "1e3", "9" * 30))))


_SPOILERS = (
    _method,
    _path,
    _content_type,
    _header,
    _header,
    _body,
    _truncate,
    _query,
    _query,
    _encoding,
    _length,
    _chunks,
)
