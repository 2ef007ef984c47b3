"""The running simulator: the cloud of the moment and what surrounds it. Built in `__main__`, shared by the servers."""

import asyncio
from dataclasses import dataclass, field

from ram_simulator.clock import Clock, to_seconds
from ram_simulator.cloud import Cloud
from ram_simulator.faults import Faults
from ram_simulator.fixtures import Fixture, build
from ram_simulator.journal import Journal
from ram_simulator.quotas import Quotas
from ram_simulator.switches import Switches, SwitchName


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
        if self.quotas is not None:
            self.quotas.forget()
        self.note_change()
        self.cloud = build(self.fixture, self.clock, self.switches)

    def context(self, remote: str) -> dict[str, str]:
        """Return the values of the condition keys that every call has; `remote` is the caller's address."""
        return {
            "acs:SourceIp": remote,
            "acs:CurrentTime": to_seconds(self.clock.now()),
            "acs:SecureTransport": "true" if self.over_tls else self.switches.text(SwitchName.SECURE_TRANSPORT),
            "acs:MFAPresent": self.switches.text(SwitchName.MFA_PRESENT),
        }
