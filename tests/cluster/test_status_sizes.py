"""The API server stores the longest status that a binding can have."""

from collections.abc import Iterator

import pytest
from tests.cluster.actors import Actor
from tests.cluster.apiserver import ApiServer
from tests.cluster.objects import binding, target
from tests.conftest import RunningControlPlane
from tests.unit.longest import longest_status

NODES = [f"{number:0>253}" for number in range(250)]  # 64,000 characters is the most


@pytest.fixture
def api(installed: RunningControlPlane) -> Iterator[ApiServer]:
    """The API server as an administrator sees it."""
    api = ApiServer(installed.kubeconfig)
    yield api
    api.close()


@pytest.mark.parametrize("letter", ["<", "\u65e0"])
def test_the_longest_status_is_stored_beside_the_longest_list_of_nodes(
    installed: RunningControlPlane, api: ApiServer, letter: str
) -> None:
    operator = Actor(installed.kubeconfig, "system:serviceaccount:ram-operator:ram-operator")
    body = binding("crowded", "r", nodes=NODES)
    status = longest_status(letter)
    api.create(body)
    try:
        assert operator.patch(target(body), {"status": status}, "status") == ""
        stored = api.get(target(body))
        assert stored is not None
        assert stored["status"] == status
    finally:
        api.delete(target(body))
