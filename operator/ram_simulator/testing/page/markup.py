"""HTML of values: text is escaped here, and nowhere else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

ROWS_SHOWN = 200
_NAMES_SHOWN = 20
_SHORT = "!"


class Markup(str):
    """Text that is HTML already; everything else is escaped."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the page. Heads that begin with `!` are of columns that are short, and not broken."""

    title: str
    heads: Sequence[str]
    rows: Iterable[Sequence[str]]
    count: int
    note: str = ""

    @property
    def anchor(self) -> str:
        """The name that links have."""
        return self.title.lower().replace(" ", "-")

    def html(self) -> Markup:
        """Return heading and table."""
        heading = f'<h2 id="{self.anchor}">{text(self.title)} <span>{self.count}</span></h2>'
        heading += f'<p class="note">{text(self.note)}</p>' if self.note else ""
        rows = "".join(_row(self.heads, row) for row in self.rows)
        if not rows:
            return Markup(f'{heading}<p class="note">none</p>')
        head = "".join(f"<th>{text(name.lstrip(_SHORT))}</th>" for name in self.heads)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        cut = f'<p class="note">the newest {ROWS_SHOWN} are shown</p>' if self.count > ROWS_SHOWN else ""
        return Markup(f"{heading}{cut}{table}")


def text(value: str) -> str:
    """Return text as HTML, escaped unless it is HTML already."""
    return value if isinstance(value, Markup) else escape(value)


def code(value: str) -> Markup:
    """Return a name as people type it."""
    return Markup(f"<code>{text(value)}</code>")


def link(target: str, shown: str) -> Markup:
    """Return a link to a path of the control service."""
    return Markup(f'<a href="{text(target)}">{text(shown)}</a>')


def colored(value: str, kind: str) -> Markup:
    """Return text in the color of `good` or `bad`."""
    return Markup(f'<span class="{kind}">{text(value)}</span>')


def lines(values: Iterable[str]) -> Markup:
    """Return values one below the other, the first ones of many."""
    return Markup("".join(f"<div>{text(value)}</div>" for value in few(list(values))))


def few(values: Sequence[str]) -> list[str]:
    """Return the first values and how many there are beside them."""
    more = len(values) - _NAMES_SHOWN
    return [*values[:_NAMES_SHOWN], f"and {more} more"] if more > 0 else list(values)


def _row(heads: Sequence[str], row: Sequence[str]) -> str:
    return f"<tr>{''.join(_cell(head, cell) for head, cell in zip(heads, row, strict=True))}</tr>"


def _cell(head: str, cell: str) -> str:
    if not cell:
        return "<td></td>"
    kind = ' class="short"' if head.startswith(_SHORT) else ""
    return f'<td{kind} data-head="{text(head.lstrip(_SHORT))}">{text(cell)}</td>'
