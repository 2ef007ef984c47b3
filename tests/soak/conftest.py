"""The running operator and the simulator, as the tests of the other folders have them."""

from tests.cluster.conftest import hand, running_world, world
from tests.contract.conftest import simulator_process

__all__ = ["hand", "running_world", "simulator_process", "world"]
