"""How close the operator comes to what the documented quotas of the cloud allow."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.bench import workloads
from tests.bench.apiserver import ApiServer, Watch, ready
from tests.bench.measurements import Figures, allow, cpu, post

from ram_sandbox.sandbox import Sandbox
from ram_simulator.cloud.quotas import Quotas
from ram_simulator.cloud.switches import Switches
from ram_simulator.testing.simulator import PRODUCTS

TIMEOUT_SECONDS = 420.0


def within_quotas(sandbox: Sandbox, pairs: int) -> Figures:
    """Create roles and as many policies, and compare the time until all are Ready with what the quotas allow."""
    allow(sandbox.simulator, pairs)
    apiserver = ApiServer(sandbox.kubeconfig)
    policies, roles = (Watch(apiserver, plural, ready) for plural in ("rampolicies", "ramroles"))
    before, used = sandbox.simulator.last_call(), cpu(sandbox.operator.pid)
    began = time.monotonic()
    # Role by role, so that the quota of attaching is used from the start.
    post(sandbox, (make(number) for number in range(pairs) for make in (workloads.policy, workloads.role)))
    taken = max(watch.wait(pairs, TIMEOUT_SECONDS) for watch in (policies, roles)) - began
    calls = sandbox.simulator.journal(before)
    allowed, action = allowed_seconds(calls)
    throttled = sum(call["code"] == "Throttling.User" for call in calls)
    return {
        "to all Ready, s": taken,
        f"what the quota of {action} allows, s": allowed,
        "times what the quotas allow": taken / allowed,
        "throttled answers, %": 100 * throttled / len(calls),
        "cloud calls an object": len(calls) / (2 * pairs),
        "operator CPU an object, ms": 1000 * (cpu(sandbox.operator.pid) - used) / (2 * pairs),
    }


def allowed_seconds(calls: Sequence[dict[str, Any]]) -> tuple[float, str]:
    """Return how long the writes among the calls take at least, and whose quota says so."""
    quotas = Quotas(Switches())
    made = Counter((call["product"], call["action"]) for call in calls if call["write"] and call["status"] == 200)
    actions = {
        product.actions[name]: count
        for product in PRODUCTS.values()
        for (of, name), count in made.items()
        if of == product.name
    }
    # The first second's calls may all be made at once.
    return max((count / quotas.rate_of(action) - 1, action.name) for action, count in actions.items())
