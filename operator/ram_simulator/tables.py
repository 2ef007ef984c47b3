"""Tables in Markdown of what there is: for the command line, and through it for the README."""

from collections.abc import Iterable, Sequence

from ram_simulator.switches import SWITCHES


def switches_table() -> str:
    """Return the table of switches."""
    rows = [
        (f"`{name.value}`", f"`{switch.default}`", switch.values, switch.meaning) for name, switch in SWITCHES.items()
    ]
    return _table(("switch", "default", "values", "what it is about"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
