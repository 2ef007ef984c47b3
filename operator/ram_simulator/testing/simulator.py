"""The running simulator: the products, the cloud of the moment and what surrounds it; shared by the servers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from ram_simulator.cloud.calls import Product
from ram_simulator.cloud.clock import Clock, to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.quotas import Quotas
from ram_simulator.cloud.switches import Switches, SwitchName
from ram_simulator.ecs import PRODUCT as ECS
from ram_simulator.ecs.networks import PRODUCT as VPC
from ram_simulator.ims import PRODUCT as IMS
from ram_simulator.ram import PRODUCT as RAM
from ram_simulator.sts import PRODUCT as STS
from ram_simulator.testing.chaos import Chaos
from ram_simulator.testing.faults import NO_FAULT, Fault, Faults
from ram_simulator.testing.fixtures import Fixture, build
from ram_simulator.testing.journal import Journal

# by their versions, which tell them apart on the wire
PRODUCTS: Mapping[str, Product] = {product.version: product for product in (RAM, ECS, STS, IMS, VPC)}


@dataclass(slots=True)
class Simulator:
    """`cloud` is replaced by a new one at a reset; everything else stays."""

    fixture: Fixture
    clock: Clock
    journal: Journal
    faults: Faults
    quotas: Quotas | None
    latency_seconds: float
    cloud: Cloud
    switches: Switches = field(default_factory=Switches)
    strict: bool = False
    chaos: Chaos | None = None
    over_tls: bool = False
    changes: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def note_change(self) -> None:
        """Say that the cloud is no longer as it was saved."""
        self.changes += 1
        self.changed.set()

    def reset(self) -> None:
        """Return to the fixture: the same keys, no faults, real time, the first switches; the journal goes on.

        A call that a fault still delays fails and takes no effect: it was meant for the cloud before.
        """
        self.clock.follow_real_time()
        self.faults.abandon()
        self.switches.reset()
        if self.chaos is not None:
            self.chaos.begin_again()
        if self.quotas is not None:
            self.quotas.forget()
        self.note_change()
        self.cloud = build(self.fixture, self.clock, self.switches)

    async def strike(self, action: str, params: Mapping[str, str]) -> Fault:
        """Let the next fault strike a call, by chaos if none is set; raise ApiError if it is an error.

        Returns it, as what becomes of the reply is the server's; NO_FAULT if there is none.
        """
        fault = await self.faults.strike(action, params)
        if fault is NO_FAULT and self.chaos is not None:
            fault, seconds = self.chaos.next_for(action)
            await self.faults.wait(seconds)
            fault.check()
        return fault

    def context(self, remote: str) -> dict[str, str]:
        """Return the values of the condition keys that every call has; `remote` is the caller's address."""
        return {
            "acs:SourceIp": remote,
            "acs:CurrentTime": to_seconds(self.clock.now()),
            "acs:SecureTransport": "true" if self.over_tls else self.switches.text(SwitchName.SECURE_TRANSPORT),
            "acs:MFAPresent": self.switches.text(SwitchName.MFA_PRESENT),
        }
