"""How kopf is configured: it watches and nothing else.

Only its low-level handlers are used, and they need none of what kopf keeps of an object for its higher ones. Left to
itself it makes deep copies of each version of each object to compare them: half of the processor time of its watches.
"""

from __future__ import annotations

from typing import cast

import kopf

from ram_operator.model import GROUP

CHUNK = 50
"""Objects in a page of a list. A page is decoded in one go, and 500 whole Nodes would stop all threads for 0.1 s."""


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no former version of an object."""

    def build(self, **_: object) -> kopf.BodyEssence:
        return cast("kopf.BodyEssence", {})

    def fetch(self, **_: object) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: object) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):
    """Keeps no progress of handlers."""

    def fetch(self, **_: object) -> kopf.ProgressRecord | None:
        return None

    def store(self, **_: object) -> None:
        return None

    def purge(self, **_: object) -> None:
        return None

    def touch(self, **_: object) -> None:
        return None

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


def kopf_settings() -> kopf.OperatorSettings:
    """Configure kopf as we use it: watching only, no state of its own, quick to give up and quick to leave."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.chunk_size = CHUNK
    settings.watching.server_timeout = 600
    settings.watching.connect_timeout = 10
    settings.watching.initial_streaming = False
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = (1, 2, 4, 8)
    # A worker holds the last body of its object while it is idle: at a start thousands do at once.
    settings.queueing.idle_timeout = 0.1
    settings.queueing.exit_timeout = 5
    # It would kill the process; `watching` starts kopf again.
    settings.process.ultimate_exiting_timeout = None
    settings.persistence.finalizer = f"{GROUP}/kopf-unused"
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    return settings
