"""The programs of the story: what an application on a node does, and what people do with the SDK. Called by steps.

They are written as the pages write them, with oss2 and the official SDK; only the addresses differ.
"""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import oss2
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import RpcRequest

from ram_sandbox.simulator import Simulator


def metadata_url(simulator: Simulator, instance: str, path: str) -> str:
    """Return where that is; in the instance itself it is under http://100.100.100.200/latest/meta-data/."""
    return f"{simulator.metadata}/instances/{instance}/latest/meta-data/{path}"


def read_metadata(simulator: Simulator, instance: str, path: str) -> str:
    """Return what the metadata service answers to the instance, such as for ``ram/security-credentials/ROLE``."""
    url = metadata_url(simulator, instance, path)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        return str(response.read().decode())


def list_bucket(simulator: Simulator, credential: Mapping[str, str], bucket: str) -> list[str]:
    """Return the first ten keys of a bucket, or the error's code: ``AccessDenied: ...``."""
    auth = oss2.StsAuth(credential["AccessKeyId"], credential["AccessKeySecret"], credential["SecurityToken"])
    # the simulator has one address for all buckets, so the bucket's name stands in the path
    where = oss2.Bucket(auth, simulator.oss, bucket, is_path_style=True)
    try:
        return [entry.key for entry in islice(oss2.ObjectIterator(where), 10)]
    except oss2.exceptions.ServerError as error:
        return [str(error.code)]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs SDK calls with a key.

    Attributes:
        simulator: whom the calls go to.
        access_key_id: of the key.
        access_key_secret: of the key.
    """

    simulator: Simulator
    access_key_id: str
    access_key_secret: str

    def call(self, product: str, action: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Make one call and return its answer; an error's answer is ``{"Code": ..., "Message": ...}``."""
        version = {"Ram": "2015-05-01", "Ecs": "2014-05-26", "Sts": "2015-04-01"}[product]
        request = RpcRequest(product, version, action)
        request.set_endpoint(urlsplit(self.simulator.endpoint).netloc)
        request.set_protocol_type("http")
        request.set_accept_format("json")
        for name, value in parameters.items():
            request.add_query_param(name, value)
        client = AcsClient(self.access_key_id, self.access_key_secret, "cn-hangzhou", timeout=30)
        try:
            answer: dict[str, Any] = json.loads(client.do_action_with_exception(request))
        except ServerException as error:
            return {"Code": error.get_error_code(), "Message": error.get_error_msg()}
        return answer


def account_owner(simulator: Simulator) -> Person:
    """Return the account itself, whose key the simulator's ready line has."""
    return Person(simulator, str(simulator.facts["accessKeyId"]), str(simulator.facts["accessKeySecret"]))


def masked(secret: str) -> str:
    """Return the first characters of a credential, enough to tell two apart and no more."""
    return f"{secret[:6]}... ({len(secret)} characters)"
