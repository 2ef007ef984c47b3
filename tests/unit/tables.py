"""What the API server answers Kube with: bodies, and the tables that kubectl gets, from which Kube reads names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any


def table(names: Iterable[str]) -> dict[str, Any]:
    """A table of one page."""
    columns = [{"name": "Age", "format": ""}, {"name": "Name", "format": "name"}]
    return {"columnDefinitions": columns, "rows": [{"cells": ["5d", name]} for name in names], "metadata": {}}


def answered(status: int, body: Any) -> Any:
    """An answer as the client library hands it over."""

    async def read() -> bytes:
        return json.dumps(body).encode()

    return SimpleNamespace(status=status, read=read)
