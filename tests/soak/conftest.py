"""The running operator and the simulator, as the tests of the other folders have them."""

from tests.cluster.conftest import hand, replicas, running_world, world
from tests.contract.conftest import simulator_process

__all__ = ["hand", "replicas", "running_world", "simulator_process", "world"]
