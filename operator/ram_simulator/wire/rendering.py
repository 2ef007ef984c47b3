"""Answers and errors as JSON or XML; called by the gateway and by OSS."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

_CONTENT_TYPES = {"JSON": "application/json;charset=utf-8", "XML": "text/xml;charset=utf-8"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def content_type(style: str) -> str:
    """Return the Content-Type of a style, `JSON` or `XML`."""
    return _CONTENT_TYPES[style]


def render(style: str, root: str, answer: Mapping[str, Any] | str) -> bytes:
    """Render an answer; `root` names the outermost element in XML."""
    if style == "XML":
        return f"<?xml version='1.0' encoding='UTF-8'?>{_element(root, answer)}".encode("utf-8", "replace")
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _element(name: str, value: object) -> str:
    match value:
        case Mapping():
            return f"<{name}>{''.join(_element(key, item) for key, item in value.items())}</{name}>"
        case list():
            return "".join(_element(name, item) for item in value)
        case bool():
            return f"<{name}>{str(value).lower()}</{name}>"
    return f"<{name}>{xml_text(str(value))}</{name}>"


def xml_text(text: str) -> str:
    """Escape a text for XML; characters that XML can't hold are replaced."""
    return escape(_NOT_XML.sub("\ufffd", text), quote=False)
