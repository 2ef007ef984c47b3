"""Which names a request may call the simulator by: the Host header, looked at before anything else is done.

A page in a browser can let its own name mean this machine (DNS rebinding), and would then read states, journals and
credentials as its own. Addresses cannot be taken over like that, nor can the names of the cloud, which clients use
whose resolver sends them here.
"""

from collections.abc import Iterable
from ipaddress import ip_address

_LOCAL = "localhost"
_CLOUD = "aliyuncs.com"


class Hosts:
    """Knows the names of a simulator: `names` beside addresses, localhost and the cloud's own."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = (*(name.lower() for name in names), _LOCAL, _CLOUD)

    def refusal(self, header: str) -> str:
        """Return why a Host header is refused, nothing if it is one of ours, or missing as in HTTP/1.0."""
        name = _without_port(header).lower().rstrip(".")
        # OSS has the bucket before its name
        if not header or _is_address(name) or any(name == own or name.endswith(f".{own}") for own in self._names):
            return ""
        return (
            f"the Host {header!r} is not one of this simulator's; use its address, or start it with "
            f"--advertise or --allow-host {_without_port(header)}"
        )


def _without_port(header: str) -> str:
    name, colon, port = header.rpartition(":")
    return (name if colon and port.isdigit() else header).strip("[]")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
