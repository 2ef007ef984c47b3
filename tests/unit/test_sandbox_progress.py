"""What the progress of a long task looks like on a terminal and in a log."""

import io

import pytest

from ram_sandbox.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Moves on by three seconds each time it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 3.0
        return self.now


def test_a_log_has_the_title_at_the_start_of_a_step_and_the_result_at_its_end() -> None:
    stream = io.StringIO()
    progress = Progress(stream, Clock())
    with progress.step("building") as step:
        step.result = "done well"
    assert stream.getvalue() == "[   6.0s] building ...\n[  12.0s]   done well (6.0 s)\n"


def test_a_terminal_gets_no_start_line_since_the_step_is_redrawn_in_place() -> None:
    stream = Terminal()
    with Progress(stream, Clock()).step("building"):
        pass
    assert stream.getvalue().endswith("building (3.0 s)\n")
    assert "..." not in stream.getvalue()


def test_a_step_that_raises_is_shown_as_failed() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="no"), Progress(stream).step("building"):
        raise ValueError("no")
    assert "  FAILED (" in stream.getvalue()


def test_further_lines_of_a_text_are_indented_under_the_first() -> None:
    stream = io.StringIO()
    Progress(stream, Clock()).say("one\ntwo")
    assert stream.getvalue() == "[   3.0s] one\n" + " " * 10 + "two\n"
