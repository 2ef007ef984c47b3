"""`ram-operator explain REASON`: what a reason of a condition or a row means, and what to do."""

from __future__ import annotations

import re
import textwrap
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

import yaml

WIDTH = 100
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#]*)(#[^)]*)?\)")


def explain(reason: str) -> str:
    """Return what to print for a reason, without regard to case. Raises KeyError with the nearest reasons."""
    known = reasons()
    by_folded = {name.lower(): name for name in known}
    name = by_folded.get(reason.lower())
    if name is None:
        near = get_close_matches(reason.lower(), by_folded, n=3, cutoff=0.6)
        meant = f"meant is perhaps {', '.join(by_folded[one] for one in near)}" if near else "`explain` lists all"
        raise KeyError(f"there is no reason {reason!r}; {meant}")
    words = known[name]
    parts = [name, _filled(words["means"])]
    if do := words.get("do"):
        parts.append(_filled(f"What to do: {do}"))
    return "\n".join(parts)


def overview() -> list[str]:
    """One line for each reason: its name and the first sentence of what it means."""
    known = reasons()
    width = max(map(len, known))
    return [f"{name:{width}}  {_first_sentence(words['means'])}" for name, words in known.items()]


@cache
def reasons() -> dict[str, dict[str, str]]:
    """All reasons with what they mean (`means`) and what to do (`do`, where something has to be done)."""
    text = (files("ram_operator") / "data/reasons.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = yaml.safe_load(text)["reasons"]
    return found


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.]) (?=[A-Z`])", _plain(text).replace("\n", " "), maxsplit=1)[0]


def _plain(text: str) -> str:
    """A text without links; each says which page of the documentation it leads to, or which reason."""

    def told(link: re.Match[str]) -> str:
        words, page, anchor = link[1], link[2], link[3] or ""
        return f"{words} (docs/{page}{anchor})" if page else words

    return _LINK.sub(told, text)


def _filled(text: str) -> str:
    """A paragraph; what people copy, such as the key of an annotation, is never broken."""
    indent = "  "
    return textwrap.fill(
        _plain(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
