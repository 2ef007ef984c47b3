"""SAML responses: whether one is what its provider's metadata says, and what the assertion in it tells. Asked by STS.

The signature of the assertion is verified for real, by signxml, which is an extra of its own (`saml`) since few tests
need it. What an assertion must have is from "SAML assertion attributes for role-based SSO". Not checked: that it is
used once only, the response's own signature and status, and the dates of the certificate.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ram_simulator.cloud.identity_providers import SamlProvider

if TYPE_CHECKING:
    from lxml import etree

_SKEW_SECONDS = 60
_NAMES = {
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
_AUDIENCES = ("urn:alibaba:cloudcomputing", "urn:alibaba:cloudcomputing:international")
_RECIPIENTS = ("https://signin.aliyun.com/saml-role/sso", "https://signin.alibabacloud.com/saml-role/sso")
_ATTRIBUTES = "https://www.aliyun.com/SAML-Role/Attributes/"
_NAME_FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:"


@dataclass(frozen=True, slots=True)
class VerifiedAssertion:
    """What an assertion says that its provider has signed; `roles` are pairs of a role's ARN and a provider's."""

    issuer: str
    subject: str
    subject_type: str
    recipient: str
    session_name: str
    roles: frozenset[frozenset[str]]


class AssertionRefused(Exception):
    """A response that is not accepted; `code` is how STS's error code goes on after `AuthenticationFail.`."""

    def __init__(self, message: str, code: str = "SAMLAssertion.Invalid") -> None:
        super().__init__(message)
        self.code = code


class NoSignatureLibrary(Exception):
    """The extra `saml` is not installed."""


def verify(response: str, provider: SamlProvider, now: float) -> VerifiedAssertion:
    """Return what the assertion in a response says.

    Args:
        response: the whole response in Base64, as the identity provider gives it.
        provider: whose metadata has the certificates and the name of the issuer.
        now: seconds of the epoch.

    Raises:
        AssertionRefused: it is not the provider's, or not valid at that time.
        NoSignatureLibrary: signatures cannot be verified here.
    """
    issuer, certificates = _metadata(provider)
    assertion = _signed_assertion(response, certificates)
    found = _Assertion(assertion)
    if found.text("saml:Issuer") != issuer:
        raise AssertionRefused(f"Its Issuer is not the entityID of the metadata, {issuer}.")
    recipient = _checked_recipient(found, now)
    found.check_dates("saml:Conditions", now)
    if not set(found.texts("saml:Conditions/saml:AudienceRestriction/saml:Audience")) & set(_AUDIENCES):
        raise AssertionRefused(f"Its Audience must be {' or '.join(_AUDIENCES)}.")
    return VerifiedAssertion(
        issuer=issuer,
        subject=found.text("saml:Subject/saml:NameID"),
        subject_type=found.attribute("saml:Subject/saml:NameID", "Format").removeprefix(_NAME_FORMAT),
        recipient=recipient,
        session_name=next(iter(found.values("RoleSessionName")), ""),
        roles=frozenset(frozenset(part.strip() for part in text.split(",")) for text in found.values("Role")),
    )


def _metadata(provider: SamlProvider) -> tuple[str, Sequence[str]]:
    """Return the issuer and its certificates in PEM; raise AssertionRefused if the metadata has none."""
    text = base64.b64decode(provider.metadata_document) if provider.metadata_document else b"<nothing/>"
    root = ElementTree.fromstring(text)
    entity = root if root.tag == f"{{{_NAMES['md']}}}EntityDescriptor" else root.find("md:EntityDescriptor", _NAMES)
    keys = [] if entity is None else entity.findall("md:IDPSSODescriptor/md:KeyDescriptor", _NAMES)
    certificates = [
        f"-----BEGIN CERTIFICATE-----\n{''.join((found.text or '').split())}\n-----END CERTIFICATE-----\n"
        for key in keys
        if key.get("use") in (None, "signing")
        for found in key.findall("ds:KeyInfo/ds:X509Data/ds:X509Certificate", _NAMES)
    ]
    if entity is None or not certificates:
        message = f"The metadata of the SAML provider {provider.name} has no certificate to verify with."
        raise AssertionRefused(message, "IDPMetadata.Invalid")
    return entity.get("entityID", ""), certificates


def _signed_assertion(response: str, certificates: Sequence[str]) -> etree._Element:
    """Return what is signed of the one assertion in a response, with one of the certificates."""
    try:
        from lxml import etree  # an extra
        from signxml.exceptions import SignXMLException
        from signxml.verifier import SignatureConfiguration, XMLVerifier
    except ImportError as error:
        raise NoSignatureLibrary from error
    try:
        document = base64.b64decode("".join(response.split()), validate=True)
        # with a document type there could be entities that grow without end
        root = None if b"<!DOCTYPE" in document else etree.fromstring(document)
    except (binascii.Error, ValueError, etree.XMLSyntaxError):
        root = None
    assertions = [] if root is None else root.findall("saml:Assertion", _NAMES)
    if root is None or root.tag != f"{{{_NAMES['samlp']}}}Response" or len(assertions) != 1:
        raise AssertionRefused("It must be a whole SAML 2.0 response with one Assertion, in Base64.")
    own = SignatureConfiguration(location="./")  # the assertion's, not one of something inside it
    for certificate in certificates:
        try:
            signed = XMLVerifier().verify(etree.tostring(assertions[0]), x509_cert=certificate, expect_config=own)
        except (SignXMLException, ValueError):
            continue
        # only what is signed counts, whatever else stands around it
        found = signed[0].signed_xml if isinstance(signed, list) else signed.signed_xml
        if found is not None and found.tag == assertions[0].tag:
            return found
    raise AssertionRefused("Its Assertion is not signed with a certificate of the metadata, or was changed since.")


def _checked_recipient(found: _Assertion, now: float) -> str:
    place = "saml:Subject/saml:SubjectConfirmation/saml:SubjectConfirmationData"
    found.check_dates(place, now)
    recipient = found.attribute(place, "Recipient")
    if recipient.lower() not in _RECIPIENTS:
        raise AssertionRefused(f"Its Recipient must be {' or '.join(_RECIPIENTS)}.")
    return recipient


class _Assertion:
    """What stands where in a signed assertion."""

    def __init__(self, root: etree._Element) -> None:
        self._root = root

    def texts(self, path: str) -> list[str]:
        return [(found.text or "").strip() for found in self._root.findall(path, _NAMES)]

    def text(self, path: str) -> str:
        return next(iter(self.texts(path)), "")

    def attribute(self, path: str, name: str) -> str:
        found = self._root.find(path, _NAMES)
        return "" if found is None else str(found.get(name, ""))

    def values(self, name: str) -> Iterator[str]:
        for attribute in self._root.findall("saml:AttributeStatement/saml:Attribute", _NAMES):
            if attribute.get("Name") == f"{_ATTRIBUTES}{name}":
                yield from ((value.text or "").strip() for value in attribute.findall("saml:AttributeValue", _NAMES))

    def check_dates(self, path: str, now: float) -> None:
        """Raise AssertionRefused if an element is not valid at that time, or does not say until when it is."""
        end = _moment(self.attribute(path, "NotOnOrAfter"))
        if end is None:
            raise AssertionRefused(f"{path.rpartition(':')[2]} must have a date NotOnOrAfter.")
        if end.timestamp() <= now:
            raise AssertionRefused("The SAML Assertion is expired.", "SAMLAssertion.Expired")
        begin = _moment(self.attribute(path, "NotBefore"))
        if begin is not None and begin.timestamp() > now + _SKEW_SECONDS:
            raise AssertionRefused("It is not valid yet.")


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
