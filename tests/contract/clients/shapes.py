"""The requests of clients that can't be run here, in the shapes in which they were seen on the wire.

The aliyun command line client, and the alicloud provider of Terraform on its newer and on its older path.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tests.contract.clients.raw import (
    FORM,
    VERSIONS,
    Key,
    Message,
    Pairs,
    Wire,
    common,
    name_of,
    product_of,
    signed_v1,
    text_of,
)
from tests.contract.clients.walk import Refused


class Shaped:
    """A client of the walk whose requests have one of the shapes; each shape is a subclass."""

    def __init__(self, wire: Wire, key: Key) -> None:
        self._wire = wire
        self._key = key

    def call(self, action: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        named = [(name, value if isinstance(value, str) else text_of(value)) for name, value in parameters.items()]
        message = self.message(action, named)
        message.headers += [("x-acs-action", name_of(action)), ("x-acs-version", VERSIONS[product_of(action)])]
        reply = self._wire.send(message)
        if reply.status != 200:
            raise Refused(reply.status, reply.answer["Code"], reply.answer["Message"])
        return reply.answer

    def message(self, action: str, parameters: Pairs) -> Message:
        """Return the request, signed."""
        raise NotImplementedError


class CommandLine(Shaped):
    """POST, everything in the query, an empty body that is said to be a form; RegionId on every call."""

    method = "POST"

    def message(self, action: str, parameters: Pairs) -> Message:
        pairs = [*common(action), ("SignatureType", ""), *_with_region(parameters)]
        # it says static_sts with a plain key, too
        headers = [("Content-Type", FORM), ("x-acs-credentials-provider", "static_sts")]
        return Message(self.method, "/", signed_v1(self.method, pairs, self._key), headers)


class CommandLineByGet(CommandLine):
    """The same with `--method GET`."""

    method = "GET"


class Terraform(Shaped):
    """POST, the action and the signature in the query, parameters in a form; the signature covers both."""

    def message(self, action: str, parameters: Pairs) -> Message:
        signed = signed_v1("POST", [*common(action), *parameters], self._key)
        names = {name for name, _ in parameters}
        query = [pair for pair in signed if pair[0] not in names]
        return Message("POST", "/", query, [("Content-Type", FORM)], form(parameters))


class OlderTerraform(Shaped):
    """POST, everything in the query, `SignatureType=` signed and sent, an empty body that is said to be a form."""

    def message(self, action: str, parameters: Pairs) -> Message:
        pairs = [("SignatureType", ""), *_with_region(parameters), *common(action)]
        return Message("POST", "/", signed_v1("POST", pairs, self._key), [("Content-Type", FORM)])


class FormOnly(Shaped):
    """POST, everything in a form, the action and the signature too."""

    def message(self, action: str, parameters: Pairs) -> Message:
        return Message(
            "POST", "/", [], [("Content-Type", FORM)], form(signed_v1("POST", parameters + common(action), self._key))
        )


def form(pairs: Pairs) -> bytes:
    """Return a body as forms are encoded: a blank is a plus sign."""
    return urlencode(pairs).encode()


def _with_region(parameters: Pairs) -> Pairs:
    return list(({"RegionId": "cn-hangzhou"} | dict(parameters)).items())
