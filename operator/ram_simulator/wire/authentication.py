"""Who makes a call: keys, temporary credentials, signatures, clock skew and nonces of the RPC products.

The gateway hands every request here before anything else is done with it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ram_simulator.cloud.account import Account, Principal, is_token
from ram_simulator.cloud.clock import Clock
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.switches import Switches, SwitchName
from ram_simulator.wire.signatures import V3_ALGORITHM, Signed, parse_v3, sign_v1, sign_v3

_SKEW_SECONDS = 900
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_NONCES_KEPT = 500_000
_V3_HEADERS = ("host", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256")
_V1_PARAMETERS = ("AccessKeyId", "Signature", "SignatureMethod", "SignatureNonce", "SignatureVersion", "Timestamp")


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it came over the wire; header names in lower case, `size` in bytes of path, query and body."""

    method: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    remote: str
    size: int

    @property
    def is_v3(self) -> bool:
        """Whether the signature is in the Authorization header; V1 requests have the x-acs headers, too."""
        return self.headers.get("authorization", "").startswith(V3_ALGORITHM)


class Nonces:
    """Nonces seen within the time in which a signature is valid; in two generations, so that memory is bounded."""

    def __init__(self) -> None:
        self._newer: set[int] = set()
        self._older: set[int] = set()
        self._rotated = 0.0

    def use(self, key_id: str, nonce: str, now: float) -> bool:
        """Note a nonce; false if it was used before."""
        if now - self._rotated > 2 * _SKEW_SECONDS or len(self._newer) >= _NONCES_KEPT:
            self._newer, self._older, self._rotated = set(), self._newer, now
        # eight bytes instead of the text: half a million are kept
        seen = hash((key_id, nonce))
        if seen in self._newer or seen in self._older:
            return False
        self._newer.add(seen)
        return True


@dataclass(frozen=True, slots=True)
class _Key:
    secret: str
    principal: Principal


class Authenticator:
    """Recognises callers; remembers nonces."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self._nonces = Nonces()

    def authenticate(self, account: Account, request: WireRequest) -> Principal:
        """Return the caller; raise ApiError with the code of the gateway if the request is not rightly signed."""
        try:
            return self._v3(account, request) if request.is_v3 else self._v1(account, request)
        except ApiError as error:
            if error.code.startswith("InvalidSecurityToken"):
                error.status = int(self._switches.text(SwitchName.SECURITY_TOKEN_STATUS))
            raise

    def _v1(self, account: Account, request: WireRequest) -> Principal:
        params = {**request.query, **request.form}
        missing = [name for name in _V1_PARAMETERS if not params.get(name)]
        if missing:
            message = f"The request signature does not conform to the standard; missing: {', '.join(missing)}."
            raise ApiError(400, "IncompleteSignature", message)
        if params["SignatureMethod"].upper() != "HMAC-SHA1":
            raise ApiError(400, "InvalidSignatureMethod", "The specified signature method is not supported.")
        if params["SignatureVersion"] != "1.0":
            raise ApiError(400, "IncompleteSignature", "The signature version must be 1.0.")
        # the old SDK sends the token twice, others in one of the two places
        token = params.get("SecurityToken") or request.headers.get("x-acs-security-token", "")
        key = find_key(account, params["AccessKeyId"], token, self._clock.now())
        self._check_time(params["Timestamp"])
        _check_signature(sign_v1(request.method, params, key.secret), params["Signature"])
        # only now: nobody can spend the nonces of others with requests he could not sign
        self._use_nonce(params["AccessKeyId"], params["SignatureNonce"])
        account.note_use(params["AccessKeyId"], self._clock.now())
        return key.principal

    def _v3(self, account: Account, request: WireRequest) -> Principal:
        given, headers = parse_v3(request.headers["authorization"]), request.headers
        missing = [name for name in ("authorization", *_V3_HEADERS) if not headers.get(name)]
        if given is None or missing:
            message = f"The Authorization header is incomplete, or headers are missing: {', '.join(missing) or 'none'}."
            raise ApiError(400, "IncompleteSignature", message)
        unsigned = [name for name in headers if _is_to_be_signed(name) and name not in given.signed_headers]
        if unsigned:
            raise ApiError(400, "IncompleteSignature", f"SignedHeaders lacks: {', '.join(unsigned)}.")
        body_hash = hashlib.sha256(request.body).hexdigest()
        if headers["x-acs-content-sha256"] != body_hash:
            raise ApiError(400, "IncompleteSignature", "The header x-acs-content-sha256 is not the hash of the body.")
        key = find_key(account, given.access_key_id, headers.get("x-acs-security-token", ""), self._clock.now())
        self._check_time(headers["x-acs-date"])
        # what else is in the list is up to the client: Node signs other headers than Python, and proxies add some
        signed_headers = {name: headers.get(name, "") for name in given.signed_headers}
        signed = sign_v3(request.method, request.query, signed_headers, body_hash, key.secret)
        _check_signature(signed, given.signature)
        self._use_nonce(given.access_key_id, headers["x-acs-signature-nonce"])
        account.note_use(given.access_key_id, self._clock.now())
        return key.principal

    def _check_time(self, text: str) -> None:
        try:
            moment = datetime.fromisoformat(text if _TIMESTAMP.fullmatch(text) else "")
        except ValueError as error:
            message = f"The timestamp {text} is not of the form YYYY-MM-DDThh:mm:ssZ."
            raise ApiError(400, "InvalidTimeStamp.Format", message) from error
        if abs(moment.timestamp() - self._clock.real_now()) > _SKEW_SECONDS:
            message = "The timestamp is more than 15 minutes from the time of the server."
            raise ApiError(400, "InvalidTimeStamp.Expired", message)

    def _use_nonce(self, access_key_id: str, nonce: str) -> None:
        if not self._nonces.use(access_key_id, nonce, self._clock.real_now()):
            raise ApiError(400, "SignatureNonceUsed", "The specified signature nonce was used already.")


def _is_to_be_signed(header: str) -> bool:
    """Say whether V3 has to cover a header: unsigned, anybody could change the call ("signature method V3")."""
    return header == "host" or header.startswith("x-acs-")


def find_key(account: Account, access_key_id: str, token: str, now: datetime) -> _Key:
    """Return secret and caller of a key; temporary ones must come with their token and not be expired at `now`.

    A long-lived key has no token, and is refused with one.
    """
    credential, key = account.credential(access_key_id), account.key(access_key_id)
    if credential is not None:
        _check_token(token, credential.security_token)
        if credential.expiration <= now:
            raise ApiError(400, "InvalidSecurityToken.Expired", "The security token is expired.")
        return _Key(credential.secret, credential.session)
    if key is None:
        raise ApiError(404, "InvalidAccessKeyId.NotFound", "The specified access key is not found.")
    if not key.active:
        raise ApiError(400, "InvalidAccessKeyId.Inactive", "The specified access key is disabled.")
    if token:
        _check_token(token, "")
    return _Key(key.secret, account.principal_of(key))


def _check_token(token: str, expected: str) -> None:
    if not token:
        raise ApiError(400, "MissingSecurityToken", "SecurityToken is mandatory for this action.")
    if not is_token(token):
        raise ApiError(400, "InvalidSecurityToken.Malformed", "The security token is none that STS has issued.")
    if token != expected:
        message = "The security token does not belong to the key."
        raise ApiError(400, "InvalidSecurityToken.MismatchWithAccessKey", message)


def _check_signature(signed: Signed, given: str) -> None:
    if not signed.equals(given):
        # clients compare what follows the only colon with their own string to sign
        message = (
            f"Specified signature is not matched with our calculation. server string to sign is:{signed.string_to_sign}"
        )
        raise ApiError(400, "SignatureDoesNotMatch", message)
