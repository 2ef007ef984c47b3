"""What the tests of the clients share."""

import os

import pytest

# alibabacloud-credentials reads it when it is imported, which is before any fixture runs
os.environ["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"

from tests.contract.clients.raw import Key, Wire
from tests.contract.clients.shapes import Terraform
from tests.contract.clients.walk import ROOT, World
from tests.contract.conftest import RunningSimulator


@pytest.fixture
def world(simulator: RunningSimulator) -> World:
    """The fixture's instances that the walk is about."""
    (elsewhere,) = simulator.instance_ids(region="cn-beijing")
    return World(simulator.instance_ids()[:3], simulator.instance_ids("classic")[0], elsewhere)


@pytest.fixture
def terraform(wire: Wire) -> Terraform:
    """Terraform's provider, with the account's own key."""
    return Terraform(wire, Key(*ROOT))
