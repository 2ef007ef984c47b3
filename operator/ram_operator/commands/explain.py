"""`ram-operator explain REASON`: what a reason of a condition or a row means, and what to do."""

from __future__ import annotations

import re
import textwrap
from difflib import get_close_matches
from importlib.resources import files

import yaml

WIDTH = 100
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def explain(reason: str) -> str:
    """Return what to print for a reason, without regard to case. Raises KeyError with the nearest reasons."""
    known = reasons()
    by_folded = {name.lower(): name for name in known}
    name = by_folded.get(reason.lower())
    if name is None:
        near = get_close_matches(reason.lower(), by_folded, n=3, cutoff=0.5)
        meant = f"meant is perhaps {', '.join(by_folded[one] for one in near)}" if near else "`explain` lists all"
        raise KeyError(f"there is no reason {reason!r}; {meant}")
    words = known[name]
    parts = [name, _filled(words["means"])]
    if do := words.get("do"):
        parts.append(_filled(f"What to do: {do}"))
    return "\n".join(parts)


def reasons() -> dict[str, dict[str, str]]:
    """All reasons with what they mean (`means`) and what to do (`do`, where something has to be done)."""
    text = (files("ram_operator") / "data/reasons.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = yaml.safe_load(text)["reasons"]
    return found


def _filled(text: str) -> str:
    plain = _LINK.sub(r"\1", text)
    return textwrap.fill(plain, WIDTH, initial_indent="  ", subsequent_indent="  ")
