"""The running operator, as the cluster tests have it."""

from tests.cluster.conftest import hand, running_world, world

__all__ = ["hand", "running_world", "world"]
