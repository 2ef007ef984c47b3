"""The Python SDKs as clients of the walk: the old one, and the new one with both of its signatures."""

import importlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.models import Config as CredentialConfig
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from darabonba.runtime import RuntimeOptions
from tests.contract.clients.raw import Key, product_of
from tests.contract.clients.walk import Refused
from tests.contract.conftest import OldSdk, RunningSimulator

_PACKAGES = {"Ram": "alibabacloud_ram20150501", "Ecs": "alibabacloud_ecs20140526", "Sts": "alibabacloud_sts20150401"}


class OldPython:
    """aliyun-python-sdk: its request classes."""

    def __init__(self, simulator: RunningSimulator, key: Key) -> None:
        self._simulator = simulator
        self._key = (key.access_key_id, key.secret)

    def call(self, action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        given = dict(parameters)
        region = given.pop("RegionId", "cn-hangzhou")  # it is the client's, not the request's
        try:
            return OldSdk(self._simulator, self._key, region).call(action, **given)
        except ServerException as error:
            raise Refused(error.get_http_status(), error.get_error_code(), error.get_error_msg()) from error


class NewPython:
    """alibabacloud_*: a client and models for each product; V3 unless told otherwise."""

    def __init__(self, simulator: RunningSimulator, key: Key, signature: str | None = None) -> None:
        credential = CredentialConfig(type="access_key", access_key_id=key.access_key_id, access_key_secret=key.secret)
        if key.token:
            credential.type, credential.security_token = "sts", key.token
        config = Config(
            credential=CredentialClient(credential),
            endpoint=urlsplit(simulator.endpoint).netloc,
            protocol=urlsplit(simulator.endpoint).scheme,
            region_id="cn-hangzhou",
            signature_algorithm=signature,
        )
        self._clients = {name: _module(name, "client").Client(config) for name in _PACKAGES}

    def call(self, action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        product = product_of(action)
        method = getattr(self._clients[product], _snake(f"{action}WithOptions"))
        model = getattr(_module(product, "models"), f"{action}Request", None)
        arguments = [] if model is None else [model().from_map(dict(parameters))]
        try:
            reply = method(*arguments, RuntimeOptions())
        except AlibabaCloudException as error:
            # the exception puts status and code before the message
            raise Refused(error.status_code, error.code, error.message) from error
        answer: Mapping[str, Any] = reply.body.to_map()
        return answer


def _module(product: str, name: str) -> Any:
    return importlib.import_module(f"{_PACKAGES[product]}.{name}")


def _snake(action: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower()
