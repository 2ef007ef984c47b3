"""STS behind its port: whose credentials we have."""

from __future__ import annotations

from typing import Any

from aliyunsdkcore.request import RpcRequest

from ram_operator.cloud import CallerIdentity
from ram_operator.cloud.client import Client


class Sts:
    """Implements `StsApi`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def caller_identity(self) -> CallerIdentity:
        """Return whose credentials we have."""
        answer = await self._client.call(_caller_identity_request, {})
        return CallerIdentity(answer.text("AccountId"), answer.text("Arn"), answer.text("IdentityType"))


def _caller_identity_request() -> Any:  # noqa: ANN401
    # The SDK's package for STS is left out for one call without parameters.
    request = RpcRequest("Sts", "2015-04-01", "GetCallerIdentity")
    request.set_method("POST")
    return request
