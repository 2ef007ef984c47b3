"""What of the words of others may be shown: nothing that is, names or carries a secret.

Used for every text of an answer. A text takes time in proportion to its length, whatever is in it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

LONGEST_SHOWN = 1000
LONGEST_READ = 8192
"""Characters of a message. A longer one is not looked at: half a secret at the place of a cut would match nothing."""

WITHHELD = "the message is not shown: it repeats a secret"

_HIDDEN = "***"
_SHORTEST_REDACTED = 16
"""Characters of a secret that is taken out of bodies; keys and tokens of Alibaba Cloud have at least 16."""

_QUOTINGS = 5
"""How often a text may be quoted within another and is still understood."""

_NAMED_SECRETS = re.compile(
    r"(?<![A-Za-z_])(?:AccessKeyId|AccessKeySecret|Signature|SignatureNonce|SecurityToken|OIDCToken)"
    r"(?:\"?\s{0,8}[=:]\s{0,8}\"?|%(?:25){0,5}3D)"
    r"(?:(?!%(?:25){0,5}26)[^&\s\"',;)])+",
    re.IGNORECASE,
)
_KEY_SHAPES = re.compile(r"\b(?:LTAI[A-Za-z0-9]{8,}|STS\.[A-Za-z0-9]{8,})")
_WORDS = re.compile(r"[^\s\"']+")
_USER_INFO = re.compile(r"://[^\s/@]{1,256}@")
_LETTERS = re.compile(r"[A-Za-z0-9]+")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


def scrub(text: str, hidden: Iterable[str] = ()) -> str:
    """Return the text without keys, signatures, tokens, passwords and queries of URLs, at most 1,000 characters of it.

    Args:
        text: as it came.
        hidden: secrets that must not be shown in any form.
    """
    if len(text) > LONGEST_READ:
        return f"a message of {len(text)} characters, which is not shown"
    secrets = [secret for secret in hidden if secret]
    # Whole secrets first: the patterns below would leave the rest of one that has their delimiters in it.
    for secret in secrets:
        text = _without(secret, text)
    text = _WORDS.sub(lambda word: _without_query(word[0]), text)
    text = _NAMED_SECRETS.sub(_HIDDEN, text)
    text = _KEY_SHAPES.sub(_HIDDEN, _USER_INFO.sub(f"://{_HIDDEN}@", text))
    if any(secret in decoded for decoded in _decoded(text) for secret in secrets):
        return WITHHELD
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST_SHOWN]


def redact(body: bytes, hidden: Iterable[str]) -> bytes:
    """Return the body of an answer without the secrets: its values end in names, statuses and log lines.

    Args:
        body: JSON.
        hidden: secrets; short ones may be a part of any word, and are left.
    """
    if b"\\u" in body or b"\\/" in body:
        body = _unescaped(body)
    text = body.decode("utf-8", "surrogateescape")
    for secret in hidden:
        if len(secret) >= _SHORTEST_REDACTED:
            text = _without(secret, text)
    return text.encode("utf-8", "surrogateescape")


def _unescaped(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return body


def _without(secret: str, text: str) -> str:
    """Return the text without a secret, as it is and as URLs quote it, also within other URLs."""
    longest = max(_LETTERS.findall(secret), key=len, default="")
    if longest not in text:
        return text
    letters = (letter if letter.isalnum() else f"(?:{re.escape(letter)}|{_quoted(letter)})" for letter in secret)
    return re.sub("".join(letters), _HIDDEN, text)


def _quoted(letter: str) -> str:
    return "".join(f"%(?:25){{0,{_QUOTINGS}}}(?i:{byte:02X})" for byte in letter.encode())


def _without_query(word: str) -> str:
    """Return a URL or path without its query, also where it is quoted within another."""
    plain = word
    for _ in range(_QUOTINGS):
        address, _, query = plain.partition("?")
        if "/" in address and "=" in query:
            return address
        if (decoded := unquote(plain)) == plain:
            break
        plain = decoded
    return word


def _decoded(text: str) -> Iterator[str]:
    """The text as readers of URLs, HTML and JSON would understand it."""
    for _ in range(_QUOTINGS):
        yield text
        plain = html.unescape(_ESCAPE.sub(lambda match: chr(int(match[1], 16)), unquote(text))).replace("\\/", "/")
        if plain == text:
            break
        text = plain
