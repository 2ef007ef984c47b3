"""What somebody may have meant by a name that there is not: for the messages of every part that refuses one."""

import difflib
from collections.abc import Iterable, Mapping

_CLOSE_ENOUGH = 0.6


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean NAME?` with the closest of the known names, or nothing if none is close."""
    # a name in another case is as close as can be
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=_CLOSE_ENOUGH)
    return f" Did you mean {folded[close[0]]}?" if close else ""


def check_keys(body: Mapping[str, object], known: Iterable[str]) -> None:
    """Raise ValueError if a mapping has a key that is none of the known ones."""
    known = tuple(known)
    for key in body:
        if key not in known:
            raise ValueError(f"unknown: {key};{suggestion(key, known)} known: {', '.join(known)}")
