"""Log lines as JSON on stderr, one object a line; what our code passes as `extra` becomes its fields."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        ours = record.name.startswith("ram_operator")
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            # Other libraries attach whole objects of theirs.
            **{key: value for key, value in vars(record).items() if key not in _STANDARD and ours},
        }
        if record.exc_info:
            kind, error, _ = record.exc_info
            # What the API server or the network says to kopf is nobody's bug: where in kopf it was heard helps nobody.
            libraries = ("kopf", "aiohttp") if record.name.startswith("kopf") else ()
            heard = kind is not None and kind.__module__.partition(".")[0] in libraries
            line["exception"] = f"{kind.__name__}: {error}" if kind and heard else self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def configure(level: str) -> None:
    """Send our log lines, and other libraries' warnings, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("ram_operator").setLevel(level.upper())
    # kopf warns that it takes no signals: it runs in a thread, and `runtime` takes them.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
