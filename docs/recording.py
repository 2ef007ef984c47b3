"""Make an animated SVG of the demo's output: `ram-sandbox demo | python -m docs.recording > docs/demo.svg`.

Each line appears at its time, and pauses are shortened. Folders of this machine are left out, so that two recordings of
the same demo differ in times, ports and generated ids only.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROWS = 26
COLUMNS = 104
LINE = 17.0
WIDTH = 8.0
MARGIN = 12.0
LONGEST_PAUSE = 1.2
PER_LINE = 0.12
STYLE = "font: 13px monospace; white-space: pre"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the recording, and when it appears, in seconds."""

    at: float
    text: str


def timed(lines: Iterable[str]) -> Iterator[Line]:
    """The lines of the demo with times in which no pause is long."""
    shown = before = 0.0
    for line in lines:
        found = re.match(r"\[ *([0-9.]+)s\] ", line)
        now = float(found[1]) if found else before
        shown += max(min(now - before, LONGEST_PAUSE), PER_LINE)
        before = now
        yield Line(shown, without_folders(line.rstrip()))


def without_folders(text: str) -> str:
    """A line without the folders of this machine."""
    text = text.replace(f"{Path(__file__).parents[1]}/", "").replace(f"{Path.home()}/", "~/")
    return re.sub(r"/\S*/ram-sandbox-\w+/", "/tmp/sandbox/", text)


def svg(lines: list[Line]) -> str:
    """The picture: a text that grows and moves up."""
    height, width = ROWS * LINE + 2 * MARGIN, COLUMNS * WIDTH + 2 * MARGIN
    end = lines[-1].at + 1
    moves = [(line.at, -LINE * max(0, number - ROWS)) for number, line in enumerate(lines, start=1)]
    values = ";".join(["0,0", *(f"0,{up:g}" for _, up in moves)])
    times = ";".join(["0", *(f"{at / end:.4f}" for at, _ in moves)])
    texts = "\n".join(
        f'<text y="{MARGIN + LINE * number:g}" visibility="hidden">{escape(line.text)}'
        f'<set attributeName="visibility" to="visible" begin="{line.at:.2f}s"/></text>'
        for number, line in enumerate(lines, start=1)
    )
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size}>
<title>The demo of ram-operator, recorded</title>
<rect width="100%" height="100%" rx="8" fill="#1e1e2e"/>
<g fill="#dcdce8" style="{STYLE}" transform="translate({MARGIN:g},0)"><g>
<animateTransform attributeName="transform" type="translate" calcMode="discrete" dur="{end:.2f}s" fill="freeze"
 values="{values}" keyTimes="{times}"/>
{texts}
</g></g>
</svg>
"""


if __name__ == "__main__":
    sys.stdout.write(svg(list(timed(sys.stdin))))
