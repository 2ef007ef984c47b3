"""Finds the chart and the samples, in the checkout or inside the installed wheel. Called by install, demo."""

from pathlib import Path
from typing import Final

from ram_sandbox.errors import SandboxError

_HERE: Final = Path(__file__).resolve().parent
_CHECKOUT: Final = {"chart": "charts/ram-operator", "samples": "deploy/samples"}


def source(name: str) -> Path:
    """Return the folder of ``chart`` or ``samples``.

    Raises:
        SandboxError: this is neither a checkout nor a complete wheel.
    """
    for folder in (_HERE.parents[1] / _CHECKOUT[name], _HERE / "data" / name):
        if folder.is_dir():
            return folder
    raise SandboxError(f"{_CHECKOUT[name]} is neither beside {_HERE.parent} nor in {_HERE / 'data'}: install it again")
