"""Print the bill of materials of the operator's image, as CycloneDX: what requirements.txt locks, hashes included.

`make sbom` writes it to build/. The same lock gives the same text: it has no date and no serial number.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def components(lock: str) -> Iterator[dict[str, Any]]:
    """The packages of a lock file; those that are for some systems only say so."""
    for entry in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE):
        found = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)(?: ; ([^\\\n]*))?", entry)
        if not found:
            continue
        name, version, marker = found.groups()
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            "externalReferences": [
                {"type": "distribution", "url": f"pkg:pypi/{name}@{version}", "hashes": [_sha256(value)]}
                for value in re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
            ],
        }
        if marker:
            component["properties"] = [{"name": "marker", "value": marker.strip()}]
        yield component


def _sha256(value: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": value}


def bill() -> dict[str, Any]:
    """The whole document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    about = {
        "type": "container",
        "bom-ref": f"{name}@{version}",
        "name": name,
        "version": version,
        "licenses": [{"license": {"id": project["license"]}}],
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": about},
        "components": list(components((ROOT / "requirements.txt").read_text())),
    }


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=2)
    sys.stdout.write("\n")
