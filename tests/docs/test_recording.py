"""The recording of the demo: a picture in which every line appears, in order, and nothing of this machine."""

import xml.etree.ElementTree as ElementTree

from docs.recording import LONGEST_PAUSE, ROWS, svg, timed
from tests.docs.pages import ROOT

SVG = "{http://www.w3.org/2000/svg}"
OUTPUT = [
    "[   0.1s] control plane ...",
    "[  40.0s]   KUBECONFIG=/tmp/x/ram-sandbox-a1b2/admin.kubeconfig (3.2 s)",
    f"          $ kubectl apply -f {ROOT}/deploy/samples",
    "[  40.1s] <done>",
]


def test_each_line_appears_after_the_one_before_and_no_pause_is_long() -> None:
    times = [line.at for line in timed(OUTPUT)]
    assert times == sorted(set(times))
    assert max(after - before for before, after in zip([0.0, *times], times, strict=False)) <= LONGEST_PAUSE


def test_the_picture_has_every_line_and_no_folder_of_this_machine() -> None:
    picture = ElementTree.fromstring(svg(list(timed(OUTPUT * ROWS))))
    texts = [str(element.text) for element in picture.iter(f"{SVG}text")]
    assert len(texts) == len(OUTPUT) * ROWS
    assert texts[1:4] == [
        "[  40.0s]   KUBECONFIG=/tmp/sandbox/admin.kubeconfig (3.2 s)",
        "          $ kubectl apply -f deploy/samples",
        "[  40.1s] <done>",
    ]


def test_the_recording_in_the_repository_tells_the_whole_story() -> None:
    text = (ROOT / "docs/demo.svg").read_text()
    ElementTree.fromstring(text)
    assert "policy, role and binding, applied from deploy/samples" in text
    assert "every step did what it should" in text
