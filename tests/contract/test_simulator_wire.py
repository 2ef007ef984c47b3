"""The wire of the RPC products: where parameters may be, both signatures, formats, and the gateway's errors."""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest
from tests.contract.conftest import OldSdk, RunningSimulator
from tests.polling import PATIENCE

from ram_simulator.wire.signatures import sign_v1, sign_v3

Answered = tuple[int, dict[str, Any]]
ROOT = ("simulator-root", "simulator-root-secret")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ODD = "all of +*~%&=/?#'\"()! é 中文 "


class Wire:
    """Sends requests of any shape."""

    def __init__(self, simulator: RunningSimulator) -> None:
        self._address: str = urlsplit(simulator.ready["endpoint"]).netloc

    def send(self, method: str, query: dict[str, str], form: dict[str, str], headers: dict[str, str]) -> Answered:
        body = _encode(form).encode() if form else None
        status, text = self.raw(method, f"/?{_encode(query)}" if query else "/", body, headers)
        return status, json.loads(text)

    def raw(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, str]:
        connection = HTTPConnection(self._address, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    @property
    def host(self) -> str:
        return self._address


def _encode(parameters: dict[str, str]) -> str:
    return urlencode(parameters, quote_via=quote, safe="-_.~")


@pytest.fixture
def wire(simulator: RunningSimulator) -> Wire:
    return Wire(simulator)


def common(action: str = "GetCallerIdentity", **change: str) -> dict[str, str]:
    return {
        "Action": action,
        "Version": "2015-04-01",
        "Format": "JSON",
        "Timestamp": _now(),
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": str(uuid.uuid4()),
        "AccessKeyId": ROOT[0],
    } | change


def _now(shift: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + shift).strftime("%Y-%m-%dT%H:%M:%SZ")


def signed(method: str, parameters: dict[str, str], secret: str = ROOT[1]) -> dict[str, str]:
    return parameters | {"Signature": sign_v1(method, parameters, secret).signature}


def test_the_published_signature_is_calculated() -> None:
    published = {
        "Action": "CreateUser",
        "Format": "JSON",
        "Version": "2015-05-01",
        "AccessKeyId": "testid",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "6a6e0ca6-4557-11e5-86a2-b8e8563dc8d2",
        "SignatureVersion": "1.0",
        "Timestamp": "2015-08-18T03:15:45Z",
        "UserName": "test",
    }
    assert sign_v1("GET", published, "testsecret").signature == "kRA2cnpJVacIhDMzXnoNZG9tDCI="


def test_the_published_newer_signature_is_calculated() -> None:
    image = "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": empty,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = {"RegionId": "cn-shanghai", "ImageId": image}
    published = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    assert sign_v3("POST", query, headers, empty, "YourAccessKeySecret").signature == published


PLACES: dict[str, Callable[[dict[str, str]], tuple[dict[str, str], dict[str, str]]]] = {
    "all in the query": lambda parameters: (parameters, {}),
    "all in the form": lambda parameters: ({}, parameters),
    "authentication in the query, the rest in the form": lambda parameters: (
        {name: value for name, value in parameters.items() if name not in ("UserName", "Action")},
        {name: value for name, value in parameters.items() if name in ("UserName", "Action")},
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("extra", [{}, {"SignatureType": ""}], ids=["plain", "empty SignatureType"])
def test_parameters_may_be_in_the_query_the_form_or_both(wire: Wire, place: str, extra: dict[str, str]) -> None:
    asked = signed("POST", common("GetUser", Version="2015-05-01", UserName="dev", **extra))
    query, form = PLACES[place](asked)
    status, answer = wire.send("POST", query, form, FORM)
    assert (status, answer["User"]["UserName"]) == (200, "dev")


def test_get_is_served_as_well(wire: Wire) -> None:
    assert wire.send("GET", signed("GET", common()), {}, {})[0] == 200


def test_a_form_type_with_an_empty_body_is_no_form(wire: Wire) -> None:
    assert wire.send("POST", signed("POST", common()), {}, FORM)[0] == 200


def test_odd_characters_survive_and_are_signed(wire: Wire) -> None:
    trust = '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"x"}}],"Version":"1"}'
    parameters = common(
        "CreateRole", Version="2015-05-01", RoleName="odd", AssumeRolePolicyDocument=trust, Description=ODD
    )
    status, answer = wire.send("POST", signed("POST", parameters), {}, {})
    assert (status, answer["Role"]["Description"]) == (200, ODD)


def v3(wire: Wire, query: dict[str, str], only: tuple[str, ...] = (), **change: str) -> dict[str, str]:
    """Sign by the published rules of ACS3-HMAC-SHA256, with no code of the simulator."""
    empty = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": wire.host,
        "accept": "application/json",
        "x-acs-action": "GetUser",
        "x-acs-version": "2015-05-01",
        "x-acs-date": _now(),
        "x-acs-signature-nonce": str(uuid.uuid4()),
        "x-acs-content-sha256": empty,
    } | change
    names = sorted(only or headers)
    pairs = [f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(query.items())]
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    canonical = "\n".join(("POST", "/", "&".join(pairs), lines, ";".join(names), empty))
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.new(ROOT[1].encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    header = f"ACS3-HMAC-SHA256 Credential={ROOT[0]},SignedHeaders={';'.join(names)},Signature={signature}"
    return headers | {"Authorization": header}


ALL = ("host", *(f"x-acs-{name}" for name in ("action", "content-sha256", "date", "signature-nonce", "version")))


@pytest.mark.parametrize("only", [(), ALL], ids=["with others", "those that are due"])
def test_the_newer_signature_is_checked_by_the_headers_it_names(wire: Wire, only: tuple[str, ...]) -> None:
    query = {"UserName": "dev"}
    status, answer = wire.send("POST", query, {}, v3(wire, query, only))
    assert (status, answer["User"]["UserName"]) == (200, "dev")


@pytest.mark.parametrize("unsigned", ALL)
def test_the_newer_signature_must_cover_the_host_and_all_public_headers(wire: Wire, unsigned: str) -> None:
    headers = v3(wire, {"UserName": "dev"}, tuple(name for name in ALL if name != unsigned))
    status, answer = wire.send("POST", {"UserName": "dev"}, {}, headers)
    assert (status, answer["Code"]) == (400, "IncompleteSignature")
    assert unsigned in answer["Message"]


@pytest.mark.parametrize("added", ["x-acs-security-token", "X-Acs-Anything"])
def test_a_public_header_added_after_signing_is_refused(wire: Wire, added: str) -> None:
    headers = v3(wire, {"UserName": "dev"}) | {added: "x"}
    status, answer = wire.send("POST", {"UserName": "dev"}, {}, headers)
    assert (status, answer["Code"]) == (400, "IncompleteSignature")


@pytest.mark.parametrize("missing", ["x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce"])
def test_the_newer_signature_needs_its_headers(wire: Wire, missing: str) -> None:
    signed_ones = tuple(name for name in ALL if name != missing)
    headers = v3(wire, {"UserName": "dev"}, signed_ones)
    del headers[missing]
    status, answer = wire.send("POST", {"UserName": "dev"}, {}, headers)
    assert (status, answer["Code"]) == (400, "IncompleteSignature")


def test_another_action_than_was_signed_breaks_the_newer_signature(wire: Wire) -> None:
    headers = v3(wire, {"UserName": "dev"}) | {"x-acs-action": "DeleteUser"}
    status, answer = wire.send("POST", {"UserName": "dev"}, {}, headers)
    assert (status, answer["Code"]) == (400, "SignatureDoesNotMatch")


def test_a_changed_parameter_breaks_the_newer_signature(wire: Wire) -> None:
    headers = v3(wire, {"UserName": "dev"})
    status, answer = wire.send("POST", {"UserName": "root"}, {}, headers)
    assert (status, answer["Code"]) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"x-acs-date": "yesterday"}, "InvalidTimeStamp.Format"),
        ({"x-acs-date": _now(timedelta(hours=-1))}, "InvalidTimeStamp.Expired"),
        ({"x-acs-signature-nonce": ""}, "IncompleteSignature"),
        ({"x-acs-content-sha256": "0" * 64}, "IncompleteSignature"),
    ],
)
def test_the_newer_signature_has_the_same_gateway_errors(wire: Wire, change: dict[str, str], code: str) -> None:
    headers = v3(wire, {"UserName": "dev"}, (), **change)
    status, answer = wire.send("POST", {"UserName": "dev"}, {}, headers)
    assert (status, answer["Code"]) == (400, code)


GATEWAY: list[tuple[dict[str, str], str, int, str]] = [
    ({"AccessKeyId": "nobody"}, ROOT[1], 404, "InvalidAccessKeyId.NotFound"),
    ({"AccessKeyId": "STS.nobody"}, ROOT[1], 404, "InvalidAccessKeyId.NotFound"),
    ({}, "wrong", 400, "SignatureDoesNotMatch"),
    ({"SignatureVersion": ""}, ROOT[1], 400, "IncompleteSignature"),
    ({"SignatureVersion": "9.9"}, ROOT[1], 400, "IncompleteSignature"),
    ({"SecurityToken": "garbage"}, ROOT[1], 400, "InvalidSecurityToken.Malformed"),
    ({"SecurityToken": "CAIS" + "a" * 160}, ROOT[1], 400, "InvalidSecurityToken.MismatchWithAccessKey"),
    ({"Format": "YAML"}, ROOT[1], 400, "InvalidParameter.Format"),
    ({"Unread": "x" * (10 << 20)}, ROOT[1], 400, "InvalidParameter.Length"),
    ({"SignatureMethod": "HMAC-MD5"}, ROOT[1], 400, "InvalidSignatureMethod"),
    ({"SignatureNonce": ""}, ROOT[1], 400, "IncompleteSignature"),
    ({"AccessKeyId": ""}, ROOT[1], 400, "IncompleteSignature"),
    ({"Timestamp": "now"}, ROOT[1], 400, "InvalidTimeStamp.Format"),
    ({"Timestamp": _now(timedelta(minutes=-16))}, ROOT[1], 400, "InvalidTimeStamp.Expired"),
    ({"Timestamp": _now(timedelta(hours=2))}, ROOT[1], 400, "InvalidTimeStamp.Expired"),
    ({"Action": "NoSuchThing"}, ROOT[1], 404, "InvalidApi.NotFound"),
    ({"Version": "2000-01-01"}, ROOT[1], 404, "InvalidApi.NotFound"),
    ({"Action": ""}, ROOT[1], 400, "MissingParameter.Action"),
    ({"Version": ""}, ROOT[1], 400, "MissingParameter.Version"),
    ({"Action": "AssumeRole"}, ROOT[1], 400, "MissingParameter.RoleArn"),
]


@pytest.mark.parametrize(("change", "secret", "status", "code"), GATEWAY)
def test_the_gateway_refuses_with_its_codes(
    wire: Wire, change: dict[str, str], secret: str, status: int, code: str
) -> None:
    answered, answer = wire.send("POST", {}, signed("POST", common(**change), secret), FORM)
    assert (answered, answer["Code"]) == (status, code)
    assert set(answer) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert answer["HostId"] == wire.host
    assert code in answer["Recommend"]


@pytest.mark.parametrize("asked", ["json", "None", ""])
def test_a_format_may_be_in_any_case_and_left_to_the_server(wire: Wire, asked: str) -> None:
    status, answer = wire.send("POST", signed("POST", common(Format=asked)), {}, {})
    assert (status, answer["IdentityType"]) == (200, "Account")


def test_a_token_of_one_key_does_not_go_with_another(wire: Wire, sdk: Callable[..., OldSdk]) -> None:
    account = sdk().call("GetCallerIdentity")["AccountId"]
    trusted = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"RAM": [f"acs:ram::{account}:root"]}}
    trust = {"Version": "1", "Statement": [trusted]}
    sdk().call("CreateRole", RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))
    held = {"PolicyType": "System", "PolicyName": "AliyunSTSAssumeRoleAccess", "UserName": "dev"}
    sdk().call("AttachPolicyToUser", **held)
    dev = sdk("simulator-dev", "simulator-dev-secret")
    asked = {"RoleArn": f"acs:ram::{account}:role/worker", "RoleSessionName": "session"}
    one, other = (dev.call("AssumeRole", **asked)["Credentials"] for _ in range(2))
    for token, code in (
        (other["SecurityToken"], "InvalidSecurityToken.MismatchWithAccessKey"),
        ("garbage", "InvalidSecurityToken.Malformed"),
        ("", "MissingSecurityToken"),
    ):
        parameters = common(AccessKeyId=one["AccessKeyId"], SecurityToken=token)
        status, answer = wire.send("POST", signed("POST", parameters, one["AccessKeySecret"]), {}, {})
        assert (status, answer["Code"]) == (400, code)
    # as clients report it; the last of the three
    assert answer["Message"] == "SecurityToken is mandatory for this action."


def test_a_nonce_is_used_once(wire: Wire) -> None:
    asked = signed("POST", common())
    assert wire.send("POST", asked, {}, {})[0] == 200
    status, answer = wire.send("POST", asked, {}, {})
    assert (status, answer["Code"]) == (400, "SignatureNonceUsed")


def test_a_nonce_of_a_request_that_was_not_rightly_signed_is_not_spent(wire: Wire) -> None:
    parameters = common()
    assert wire.send("POST", signed("POST", parameters, "wrong"), {}, {})[0] == 400
    assert wire.send("POST", signed("POST", parameters), {}, {})[0] == 200


def test_a_wrong_signature_is_answered_with_the_string_that_was_signed(wire: Wire) -> None:
    parameters = common()
    _, answer = wire.send("POST", signed("POST", parameters, "wrong"), {}, {})
    before, _, string_to_sign = answer["Message"].partition(":")
    assert ":" not in before + string_to_sign
    assert string_to_sign == sign_v1("POST", parameters, ROOT[1]).string_to_sign


def test_the_old_sdk_turns_a_wrong_secret_into_its_own_error(sdk: Callable[..., OldSdk]) -> None:
    refused = sdk(ROOT[0], "wrong").refusal("GetUser", UserName="dev")
    assert refused == (400, "InvalidAccessKeySecret")


def test_a_refusal_tells_who_lacks_what(wire: Wire) -> None:
    asked = common("ListRoles", Version="2015-05-01", AccessKeyId="simulator-dev")
    status, answer = wire.send("POST", signed("POST", asked, "simulator-dev-secret"), {}, {})
    assert (status, answer["Code"]) == (403, "NoPermission")
    detail = answer["AccessDeniedDetail"]
    assert (detail["AuthAction"], detail["NoPermissionType"]) == ("ram:ListRoles", "ImplicitDeny")
    assert (detail["AuthPrincipalType"], detail["AuthPrincipalDisplayName"]) == ("SubUser", "dev")


def test_answers_and_errors_come_as_xml_when_asked(wire: Wire) -> None:
    asked = signed("POST", common("ListUsers", Version="2015-05-01", Format="XML"))
    status, text = wire.raw("POST", f"/?{_encode(asked)}", None, {})
    document = ET.fromstring(text)
    assert (status, document.tag) == (200, "ListUsersResponse")
    assert document.findtext("Users/User/UserName") == "dev"
    status, text = wire.raw("POST", f"/?{_encode(asked)}", None, {})
    assert (status, ET.fromstring(text).findtext("Code")) == (400, "SignatureNonceUsed")


@pytest.mark.parametrize(("method", "path"), [("PUT", "/"), ("GET", "/elsewhere"), ("DELETE", "/")])
def test_other_methods_and_paths_are_no_api(wire: Wire, method: str, path: str) -> None:
    status, text = wire.raw(method, path, None, {})
    assert (status, json.loads(text)["Code"]) == (404, "InvalidApi.NotFound")


@pytest.mark.parametrize("query", ["%", "a=%ff%fe&Action=%00", "&&=&=", "Action=" + "x" * 100_000])
def test_garbage_gets_a_documented_error(wire: Wire, query: str) -> None:
    status, text = wire.raw("POST", f"/?{query}", b"\xff\xfe=%", FORM)
    assert 400 <= status < 500
    assert json.loads(text)["Code"]


def test_a_body_beyond_any_document_gets_a_documented_error(wire: Wire) -> None:
    asked = common("CreatePolicy", Version="2015-05-01", PolicyName="large", PolicyDocument="x" * (2 << 20))
    status, answer = wire.send("POST", {}, signed("POST", asked), FORM)
    assert (status, answer["Code"]) == (400, "InvalidParameter.PolicyDocument.Length")
