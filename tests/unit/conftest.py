"""What tests of this folder share: the logging of the process, which they may configure, as it was before them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Let a test configure logging."""
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {one: one.level for one in _loggers()}
    yield
    root.handlers[:] = handlers
    for one in _loggers():
        one.setLevel(levels.get(one, logging.NOTSET))


def _loggers() -> list[logging.Logger]:
    root = logging.getLogger()
    return [root, *(one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger))]
