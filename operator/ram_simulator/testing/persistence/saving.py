"""The file of a state: read at the start, written a moment after a change and at the end, whole or not at all."""

import asyncio
import fcntl
import json
import logging
import os
from pathlib import Path
from typing import IO

from ram_simulator.cloud.ram_store import PolicyType
from ram_simulator.testing.errors import InvalidState, reason_of
from ram_simulator.testing.fixtures import Fixture, build
from ram_simulator.testing.persistence.coding import NotDecodable, decode, encode
from ram_simulator.testing.persistence.snapshot import Snapshot, restore, take
from ram_simulator.testing.simulator import Simulator

VERSION = 1
_log = logging.getLogger(__name__)
_QUIET_SECONDS = 0.5
_PAUSE_PER_SAVING = 10
_OWNER_ONLY = 0o600  # keys and credentials are in it


class StateFile:
    """A state file; no other simulator gets it from `open` on, and `keep` runs as long as the simulator does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: IO[bytes] | None = None

    def open(self, simulator: Simulator) -> None:
        """Put the cloud and the time of the file in place of the fixture's, or make the file if there is none.

        Raises InvalidState in one line if it is damaged, of another version or of another account, if it or its
        folder cannot be used, or if another simulator keeps it.
        """
        try:
            if self._path.exists() and not self._path.is_file() and not self._path.is_dir():
                raise self._invalid("it is no file that can be replaced")
            if self._path.exists():
                self._held = _hold(self._path.open("rb"))
                self._restore(simulator, self._held.read())
            # also where nothing has changed: now is the time to say that it cannot be written
            self._write(simulator)
        except InvalidState:
            self.close()
            raise
        except BlockingIOError as error:
            raise self._invalid("another simulator keeps it; give each its own") from error
        except OSError as error:
            no_folder = not self._path.absolute().parent.is_dir()
            raise self._invalid("there is no such folder" if no_folder else reason_of(error)) from error

    def close(self) -> None:
        """Let other simulators have the file."""
        if self._held is not None:
            self._held.close()

    async def keep(self, simulator: Simulator) -> None:
        """Save a moment after each change, until cancelled; then once more if there was another one."""
        saved, pause = simulator.changes, _QUIET_SECONDS
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
            self._write(simulator)
        except OSError as error:
            _log.error("the state is not saved in %s: %s", self._path, reason_of(error))

    def _restore(self, simulator: Simulator, text: bytes) -> None:
        snapshot = self._parse(text)
        account_id = simulator.fixture.account_id
        if snapshot.account_id != account_id:
            raise self._damaged(f"it is of the account {snapshot.account_id}, the fixture of {account_id}")
        fixture = build(_only_system(simulator.fixture), simulator.clock)
        system = list(fixture.ram.policies[PolicyType.SYSTEM])
        try:
            simulator.clock.advance(snapshot.advanced_seconds)
        except ValueError as error:
            raise self._damaged(f"cloud.advanced_seconds: {error}") from error
        simulator.cloud = restore(snapshot, simulator.clock, system, simulator.switches)

    def _parse(self, text: bytes) -> Snapshot:
        try:
            loaded = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._damaged(f"not JSON ({error})") from error
        found = loaded.get("version") if isinstance(loaded, dict) else None
        if found is None:
            raise self._damaged("it has no version")
        if found != VERSION:
            raise self._invalid(
                f"it is of version {found!r} of this format, and this simulator reads version {VERSION}"
            )
        try:
            snapshot: Snapshot = decode(Snapshot, loaded.get("cloud"), "cloud")
        except NotDecodable as error:
            raise self._damaged(str(error)) from error
        return snapshot

    def _write(self, simulator: Simulator) -> None:
        # in one go, so that no call comes in between
        cloud = encode(take(simulator.cloud))
        text = json.dumps({"version": VERSION, "cloud": cloud}, separators=(",", ":"))
        folder = self._path.absolute().parent
        # one name for ever: what a killed simulator has left there is taken away by the next one
        new = folder / f".{self._path.name}.new"
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        try:
            file = _hold(os.fdopen(descriptor, "wb"))
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            new.replace(self._path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        if self._held is not None:
            self._held.close()
        self._held = file

    def _damaged(self, why: str) -> InvalidState:
        return self._invalid(f"no state of a simulator: {why}; to begin anew remove it, or name another file")

    def _invalid(self, why: str) -> InvalidState:
        return InvalidState(f"--state {self._path}: {why}")


def _hold(file: IO[bytes]) -> IO[bytes]:
    """Lock a file as long as it is open, so that no second simulator keeps it; raise BlockingIOError if one does."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


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
