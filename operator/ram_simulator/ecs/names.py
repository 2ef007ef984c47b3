"""Ids of what is made, and names of instances that are made together: numbered by a pattern in them, or by a suffix.

The names are as on ECS's page "Batch configure sequential names or hostnames for multiple instances".
"""

import re
import secrets
import string

_PATTERN = re.compile(r"(.+)\[(\d{0,6}),([1-6]?)\](.*)", re.DOTALL | re.ASCII)
_MOST_DIGITS = 6
_ALPHABET = string.ascii_lowercase + string.digits


def new_id(prefix: str) -> str:
    """Return an id as VPC and ECS make them, such as `vpc-` and 20 lower-case letters or digits."""
    return f"{prefix}-" + "".join(secrets.choice(_ALPHABET) for _ in range(20))


def sequence(name: str, amount: int, *, unique_suffix: bool) -> list[str]:
    """Return `amount` names: `web-[8,3]-x` gives `web-008-x`, `web-009-x`, and a suffix `web001`, `web002`.

    A pattern at the end of the name leaves the suffix without effect, as it tells the names apart already.
    """
    found = _PATTERN.fullmatch(name)
    if found is None:
        suffixed = unique_suffix and bool(name) and amount > 1
        return [f"{name}{number:03}" if suffixed else name for number in range(1, amount + 1)]
    prefix, begin, bits, rest = found.groups()
    first, digits = int(begin or 0), int(bits or _MOST_DIGITS)
    if len(str(first + amount - 1)) > digits:
        digits = _MOST_DIGITS
    named = [f"{prefix}{number % 10**_MOST_DIGITS:0{digits}}{rest}" for number in range(first, first + amount)]
    suffixed = unique_suffix and bool(rest) and amount > 1
    return [f"{text}{number:03}" if suffixed else text for number, text in enumerate(named, 1)]
