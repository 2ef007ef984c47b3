"""STS behind its port: whose credentials we have."""

from __future__ import annotations

from ram_operator.cloud import CallerIdentity
from ram_operator.cloud.client import Client
from ram_operator.cloud.client.accounts import caller_identity_request


class Sts:
    """Implements `StsApi`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def caller_identity(self) -> CallerIdentity:
        """Return whose credentials we have."""
        answer = await self._client.call(caller_identity_request, {})
        return CallerIdentity(*map(answer.word, ("AccountId", "Arn", "IdentityType")))

    def stay_in(self, account_id: str) -> None:
        """From now on let only credentials of this account make calls."""
        self._client.stay_in(account_id)
