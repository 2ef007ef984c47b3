"""Where each product is called: as the settings say, else Alibaba Cloud's own address.

Used by `cloud.client`. The SDK's own search is left out: for a region it does not know it asks a location service over
the network.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ram_operator.addresses import endpoint_problem, is_region
from ram_operator.errors import RegionNotFound, StartupError


class Endpoints:
    """The addresses of the three products.

    Args:
        ram: URL with scheme, or a host with or without a port, then by https; empty for `ram.aliyuncs.com`.
        ecs: likewise; it then serves all regions. Empty for the region's own endpoint.
        sts: likewise; empty for `sts.aliyuncs.com`.
        region: the one that calls of global APIs name.

    Raises:
        StartupError: one of them is no address, or would be called without TLS.
    """

    def __init__(self, ram: str = "", ecs: str = "", sts: str = "", region: str = "cn-hangzhou") -> None:
        self.region = region
        self._fixed = {
            "Ram": _url("RAM", ram) or "https://ram.aliyuncs.com",
            "Ecs": _url("ECS", ecs),
            "Sts": _url("STS", sts) or "https://sts.aliyuncs.com",
        }

    @property
    def sts(self) -> str:
        """The URL of STS."""
        return self._fixed["Sts"]

    def of(self, request: Any, region: str) -> str:  # noqa: ANN401
        """Return the URL for a request of the SDK.

        Raises:
            RegionNotFound: the region is not written like one, so that it would name another host.
        """
        if region and not is_region(region):
            raise RegionNotFound(request.get_action_name(), "InvalidRegionId.NotFound", f"{region!r} is not a region")
        return self._fixed[request.get_product()] or _own_endpoint(request, region)


def _own_endpoint(request: Any, region: str) -> str:  # noqa: ANN401
    host: str = request.endpoint_map.get(region) or f"ecs.{region}.aliyuncs.com"
    return f"https://{host}"


def _url(product: str, text: str) -> str:
    if not text:
        return ""
    if problem := endpoint_problem(text):
        raise StartupError(f"RAM_OPERATOR_ENDPOINT_{product} {problem}")
    url = urlsplit(text if "://" in text else f"https://{text}")
    return f"{url.scheme}://{url.netloc}"
