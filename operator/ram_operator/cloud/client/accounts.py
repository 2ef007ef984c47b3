"""Whose account credentials are of: once it is known which one is meant, those of another account make no call.

A Secret may be replaced while the process runs. In another account all objects would look deleted, and would be created
once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aliyunsdkcore.request import RpcRequest

from ram_operator.cloud.client.failures import WRONG_ACCOUNT
from ram_operator.cloud.credentials import Credentials, NoCredentials
from ram_operator.errors import WrongAccount

IDENTITY = "GetCallerIdentity"


def caller_identity_request() -> Any:  # noqa: ANN401
    """Return a request object of the SDK, whose package for STS is left out for one call without parameters."""
    request = RpcRequest("Sts", "2015-04-01", IDENTITY)
    request.set_method("POST")
    return request


class OneAccount:
    """Knows which account is meant, and of which one the key is that was asked for last.

    Attributes:
        meant: the id of the account; empty while all credentials may make calls.
    """

    def __init__(self) -> None:
        self.meant = ""
        self._key_id = self._account = ""
        self._asking = asyncio.Lock()

    def note(self, credentials: Credentials, account: str) -> None:
        """Note the answer to the request for a caller's identity that these credentials signed."""
        self._key_id, self._account = credentials.access_key_id, account

    async def check(self, action: str, credentials: Credentials, ask: Callable[[], Awaitable[object]]) -> None:
        """Return if these credentials may make a call.

        Args:
            action: the call.
            credentials: that are to sign it.
            ask: requests the identity of the caller, whose answer is noted.

        Raises:
            WrongAccount: they are of another account.
            NoCredentials: they changed while they were asked for.
            CloudError: their account cannot be told.
        """
        if not self.meant or action == IDENTITY:
            return
        async with self._asking:
            if self._key_id != credentials.access_key_id:
                await ask()
        if self._key_id != credentials.access_key_id:
            raise NoCredentials("the credentials have just changed")
        if self._account != self.meant:
            words = f"these are credentials of account {self._account}, and the objects are in account {self.meant}"
            raise WrongAccount(action, WRONG_ACCOUNT, words)
