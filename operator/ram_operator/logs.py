"""Log lines on stderr: a JSON object each, or a line for people; what our code passes as `extra` are its fields."""

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
        line = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        return json.dumps(line, default=str, ensure_ascii=False)


class PlainFormatter(logging.Formatter):
    """Formats a record as a line for people: time, level, message, then the fields as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the lines of a traceback below it."""
        fields = _fields(record)
        traceback = fields.pop("exception", "")
        told = (f"{name}={json.dumps(value, default=str, ensure_ascii=False)}" for name, value in fields.items())
        head = f"{_time(record):%H:%M:%S}.{record.msecs:03.0f} {record.levelname:<8} {record.getMessage()}"
        return "  ".join((head, *told)) + (f"\n{traceback}" if traceback else "")


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    # Other libraries attach whole objects of theirs.
    ours = record.name.startswith("ram_operator")
    fields = {name: value for name, value in vars(record).items() if ours and name not in _STANDARD}
    if record.exc_info:
        kind, error, _ = record.exc_info
        # What the API server or the network says to kopf is nobody's bug: where in kopf it was heard helps nobody.
        libraries = ("kopf", "aiohttp") if record.name.startswith("kopf") else ()
        heard = kind is not None and kind.__module__.partition(".")[0] in libraries
        whole = logging.Formatter().formatException(record.exc_info)
        fields["exception"] = f"{kind.__name__}: {error}" if kind and heard else whole
    return fields


def configure(level: str, form: str = "json") -> None:
    """Send our log lines, and other libraries' warnings, to stderr.

    Args:
        level: the least severe of our lines.
        form: `json`, or `plain` for people.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter() if form == "plain" else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("ram_operator").setLevel(level.upper())
    # What they meet ends the watches: `cluster.watching` tells it in one line, they do for each watch and each attempt.
    for name in ("kopf._cogs.clients", "kopf._core.reactor.orchestration", "kopf._core.reactor.running"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
