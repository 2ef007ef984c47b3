"""The state of a cloud in a file: kept with `--state FILE`, so that a simulator goes on where another one ended."""

from ram_simulator.testing.persistence.saving import StateFile
from ram_simulator.testing.persistence.snapshot import restore, take

__all__ = ["StateFile", "restore", "take"]
