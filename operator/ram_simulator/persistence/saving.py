"""The file of a state: read at the start, written a moment after a change and at the end, whole or not at all."""

import asyncio
import json
import logging
import os
import tempfile
from pathlib import Path

from ram_simulator.errors import InvalidState
from ram_simulator.fixtures import Fixture, build
from ram_simulator.persistence.coding import NotDecodable, decode, encode
from ram_simulator.persistence.snapshot import Snapshot, restore, take
from ram_simulator.ram.store import PolicyType
from ram_simulator.simulator import Simulator

VERSION = 1
_log = logging.getLogger(__name__)
_QUIET_SECONDS = 0.5
_PAUSE_PER_SAVING = 10
_OWNER_ONLY = 0o600  # keys and credentials are in it


class StateFile:
    """A state file; `keep` runs as long as the simulator does."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, simulator: Simulator) -> None:
        """Put the cloud of the file in place of the fixture's, if there is a file.

        Raises InvalidState in one line if it is damaged, of another version or of another account; OSError if it
        cannot be read.
        """
        if not self._path.exists():
            # now, not when the first change is lost
            if not self._path.absolute().parent.is_dir():
                raise FileNotFoundError(f"{self._path}: there is no such folder")
            return
        snapshot = self._read()
        if snapshot.account_id != simulator.fixture.account_id:
            raise self._invalid(f"it is of the account {snapshot.account_id}, the fixture of another one")
        fixture = build(_only_system(simulator.fixture), simulator.clock)
        system = list(fixture.ram.policies[PolicyType.SYSTEM])
        simulator.cloud = restore(snapshot, simulator.clock, system, simulator.switches)

    async def keep(self, simulator: Simulator) -> None:
        """Save a moment after each change, until cancelled; then once more if there was another one."""
        saved, pause = -1 if not self._path.exists() else simulator.changes, _QUIET_SECONDS
        try:
            while True:
                await simulator.changed.wait()
                # many changes come together: one file for all of them
                await asyncio.sleep(pause)
                simulator.changed.clear()
                saved = simulator.changes
                began = simulator.clock.real_now()
                self._save(simulator)
                # a large cloud is written less often, or it would do nothing else
                pause = max(_QUIET_SECONDS, _PAUSE_PER_SAVING * (simulator.clock.real_now() - began))
        finally:
            if saved != simulator.changes:
                self._save(simulator)

    def _save(self, simulator: Simulator) -> None:
        try:
            # in one go, so that no call comes in between
            self._write(encode(take(simulator.cloud)))
        except OSError as error:
            _log.error("the state is not saved: %s", error)

    def _read(self) -> Snapshot:
        try:
            loaded = json.loads(self._path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise self._invalid(f"not JSON ({error})") from error
        if not isinstance(loaded, dict) or loaded.get("version") != VERSION:
            found = loaded.get("version") if isinstance(loaded, dict) else None
            raise self._invalid(f"its version is {found!r}, and this simulator reads version {VERSION}")
        try:
            snapshot: Snapshot = decode(Snapshot, loaded.get("cloud"), "cloud")
        except NotDecodable as error:
            raise self._invalid(str(error)) from error
        return snapshot

    def _write(self, cloud: object) -> None:
        text = json.dumps({"version": VERSION, "cloud": cloud}, separators=(",", ":"))
        folder = self._path.absolute().parent
        descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), _OWNER_ONLY)
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _invalid(self, why: str) -> InvalidState:
        return InvalidState(f"{self._path}: no state of a simulator: {why}; remove the file to begin anew")


def _only_system(fixture: Fixture) -> Fixture:
    return Fixture(
        account_id=fixture.account_id,
        root_key=fixture.root_key,
        system_policies=fixture.system_policies,
        policies=(),
        groups=(),
        users=(),
        roles=(),
        instances=(),
        buckets=(),
    )
