"""What may be shown of a text that the cloud, or somebody in its place, has written."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote

import pytest

from ram_operator.cloud.client.scrubbing import LONGEST_READ, LONGEST_SHOWN, redact, scrub

KEY_ID = "LTAI5tExampleKeyId01"
SECRET = "vErYsEcReTkEyOfTwentyNine/+="
TOKEN = "CAIS8gF1q6Ft5B2yfSjIr+token/with=signs"
NONCE = "0123456789abcdef0123456789abcdef"
HIDDEN = (KEY_ID, SECRET, TOKEN, NONCE)


@pytest.mark.parametrize(
    ("nasty", "kept"),
    [
        (f"the key {KEY_ID} is unknown", "the key *** is unknown"),
        (f"secret {SECRET} leaked", "secret *** leaked"),
        (f"token {TOKEN} leaked", "token *** leaked"),
        (f"nonce {NONCE} was used", "nonce *** was used"),
        ("token CAIS8gF1q6Ft5B2yfSjIr%2Btoken%2Fwith%3Dsigns in a URL", "token *** in a URL"),
        ("CAIS8gF1q6Ft5B2yfSjIr%252Btoken%252Fwith%253Dsigns twice encoded", "*** twice encoded"),
        ("a key LTAIsomebodyElses99 of another", "a key *** of another"),
        ("a temporary key STS.NTpVbZ6qwKzbVWR7Bq of another", "a temporary key *** of another"),
        ("Max retries with url: /?AccessKeyId=a&Signature=b (Caused by X)", "Max retries with url: / (Caused by X)"),
        ("see https://ram.aliyuncs.com/?Signature=b%2F&SecurityToken=c now", "see https://ram.aliyuncs.com/ now"),
        ("see https://user:word@ram.aliyuncs.com/ now", "see https://***@ram.aliyuncs.com/ now"),
        ("next=https%3A%2F%2Fram.aliyuncs.com%2F%3FNonce%3Dabc now", "next=https://ram.aliyuncs.com/ now"),
        ("https://a/?u=https%3A%2F%2Fb%2F%3FSignature%3Dabc now", "https://a/ now"),
        ("Signature=abc%2Fd&Action=GetRole", "***&Action=GetRole"),
        ("POST&%2F&AccessKeyId%3Dabcdef%26Action%3DGetRole", "POST&%2F&***%26Action%3DGetRole"),
        ("SecurityToken%253Dabc%2526Version", "***%2526Version"),
        ('{"SecurityToken": "abc", "Code": "x"}', '***", "Code": "x"}'),
        (
            "POST%252526Nonce%25253D1%252526SignatureNonce%25253Dabc%252526Action",
            "POST%252526Nonce%25253D1%252526***%252526Action",
        ),
        ("securitytoken: abc, code x", "***, code x"),
        ("harmless: role/x?", "harmless: role/x?"),
        ("Is acs:ram::1:role/x missing? yes", "Is acs:ram::1:role/x missing? yes"),
        ("line\nbreak\x00\x1b[31m\u202e\ud800", "line break  [31m  "),
    ],
)
def test_nothing_secret_is_left_in_a_text(nasty: str, kept: str) -> None:
    shown = scrub(nasty, HIDDEN)
    assert kept in shown
    assert not any(secret in shown for secret in HIDDEN)


@pytest.mark.parametrize(
    "write",
    [
        lambda text: "".join(f"%{ord(letter):02x}" for letter in text),
        lambda text: quote("".join(f"%{ord(letter):02X}" for letter in text)),
        lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
        lambda text: "".join(f"&#{ord(letter)};" for letter in text),
        lambda text: html.escape(quote(quote(quote(text, safe=""), safe=""), safe="")),
        lambda text: json.dumps(text).replace("/", "\\/"),
        lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    ],
    ids=["percent", "percent twice", "JSON", "HTML", "quoted thrice", "slashes", "lower-case hex"],
)
@pytest.mark.parametrize("secret", HIDDEN, ids=["key", "secret", "token", "nonce"])
def test_a_secret_is_hidden_however_it_is_written(write: object, secret: str) -> None:
    assert callable(write)
    shown = scrub(f"refused: {write(secret)} was given", HIDDEN)
    assert secret not in shown
    assert write(secret) not in shown


def test_a_text_is_cut_after_its_secrets_are_gone() -> None:
    shown = scrub("x" * 990 + SECRET, HIDDEN)
    assert shown == "x" * 990 + "***"
    assert len(scrub("y" * 5000)) == LONGEST_SHOWN


def test_a_message_that_is_longer_than_any_is_not_shown_at_all() -> None:
    shown = scrub("x" * (LONGEST_READ - 10) + TOKEN, HIDDEN)
    assert shown == f"a message of {LONGEST_READ - 10 + len(TOKEN)} characters, which is not shown"


@pytest.mark.parametrize(
    "piece",
    ["/", "/?", "/a=", "https://", "%25", "%3D", "Signature=%25", "Signature ", "Signature=", "AccessKeyId\t", "://a",
     "&amp", "&#", "\\u", "STS.", "%3F=", '"', "'=", "?"],
)  # fmt: skip
def test_no_text_takes_longer_than_its_length(piece: str) -> None:
    text = (piece * LONGEST_READ)[:LONGEST_READ]
    for _ in range(50):
        assert len(scrub(text, HIDDEN)) <= LONGEST_SHOWN


@pytest.mark.parametrize("secret", HIDDEN, ids=["key", "secret", "token", "nonce"])
@pytest.mark.parametrize("write", [str, quote, lambda text: quote(quote(text, safe=""), safe="")])
@pytest.mark.parametrize("escape", [False, True], ids=["plain", "escaped"])
def test_an_answer_is_read_without_its_secrets(secret: str, write: object, escape: bool) -> None:
    assert callable(write)
    body = json.dumps({"Arn": f"acs:{write(secret)}:x"})
    if escape:
        body = body.replace(secret[3], f"\\u{ord(secret[3]):04x}", 1).replace("/", "\\/")
    assert json.loads(redact(body.encode(), HIDDEN)) == {"Arn": "acs:***:x"}


def test_an_answer_without_secrets_stays_as_it_is() -> None:
    body = json.dumps(
        {"Document": '{"Version": "1", "Statement": ["é", "\\u00e9", "a/b"]}', "n": base64.b64encode(b"x").decode()}
    )
    assert json.loads(redact(body.encode(), HIDDEN)) == json.loads(body)
    assert redact(b"{not json \\u", HIDDEN) == b"{not json \\u"
    assert redact(b'{"key": "short"}', ("key", "short")) == b'{"key": "short"}'
