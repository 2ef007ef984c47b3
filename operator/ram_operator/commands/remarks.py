"""What `doctor` says: one remark for each thing that it looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a remark matters: an error keeps something from working, a warning may soon."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that was looked at; `remedy` is what to do, empty where nothing is."""

    level: Level
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.level:9}{self.text}" + (f"\n         -> {self.remedy}" if self.remedy else "")


def worst(remarks: Iterable[Remark]) -> Level:
    """The level of the worst remark."""
    return max((one.level for one in remarks), key=list(Level).index, default=Level.OK)
