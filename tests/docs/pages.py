"""The pages that people read, taken apart: code blocks by language and section, links and their anchors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    sorted(
        str(path.relative_to(ROOT))
        for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").rglob("*.md"))
    )
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of code.

    Attributes:
        page: the path of its page.
        section: the anchor of the heading of level 2 that it stands under.
        language: what follows the fence.
        text: what is inside, without the indentation of a list.
    """

    page: str
    section: str
    language: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """All blocks of a page, in order."""
    section, language, indent, lines = "", None, "", list[str]()
    for line in (ROOT / page).read_text().splitlines():
        fence = re.match(r"( *)```(\w*)$", line)
        if language is None and fence:
            indent, language, lines = fence[1], fence[2], []
        elif language is not None and line == f"{indent}```":
            yield Block(page, section, language, "\n".join(lines) + "\n")
            language = None
        elif language is not None:
            lines.append(line.removeprefix(indent))
        elif line.startswith("## "):
            section = anchor(line[3:])


def anchor(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def prose(page: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """The anchors of all headings of a page."""
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)}


def links(page: str) -> list[str]:
    """The targets of all links of a page."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose(page)))
