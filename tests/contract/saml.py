"""An identity provider of SAML, as a company's: its metadata, and the responses that it signs."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml.signer import XMLSigner

ACCOUNT = "1234567890123456"
ISSUER = "https://idp.example.com"
RECIPIENT = "https://signin.aliyun.com/saml-role/sso"
_ATTRIBUTES = "https://www.aliyun.com/SAML-Role/Attributes/"
_KEY_INFO = '<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{}'
_KEY_INFO += "</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"


def arn(kind: str, name: str) -> str:
    """Return the ARN of a role or provider."""
    return f"acs:ram::{ACCOUNT}:{kind}/{name}"


@dataclass(frozen=True, slots=True)
class Said:
    """What an assertion says; dates are in minutes from now."""

    roles: Sequence[str]
    session: str = "ann@example.com"
    issuer: str = ISSUER
    recipient: str = RECIPIENT
    audience: str = "urn:alibaba:cloudcomputing"
    ends_in: float = 5
    confirmed_until: float = 5
    begins_in: float = -1


@dataclass(frozen=True, slots=True)
class SamlIdentityProvider:
    """A key and what is signed with it."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def metadata(self, use: str = ' use="signing"') -> str:
        """Return the metadata in Base64, as RAM takes it."""
        certificate = base64.b64encode(self._certificate().public_bytes(Encoding.DER)).decode()
        key = f"<KeyDescriptor{use}>{_KEY_INFO.format(certificate)}</KeyDescriptor>"
        protocol = 'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"'
        text = (
            f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ISSUER}">'
            f"<IDPSSODescriptor {protocol}>{key}</IDPSSODescriptor></EntityDescriptor>"
        )
        return base64.b64encode(text.encode()).decode()

    def response(self, said: Said) -> str:
        """Return a response with a signed assertion, in Base64."""
        return encoded(self.signed(said))

    def signed(self, said: Said) -> Any:
        """Return a response with a signed assertion."""
        response = etree.fromstring(_response(said))
        assertion = response.find("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        signer = XMLSigner(c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
        signed = signer.sign(assertion, key=key, cert=[self._certificate()], reference_uri="#a1")
        response.replace(assertion, signed)
        return response

    def _certificate(self) -> x509.Certificate:
        name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")]), datetime(2026, 1, 1, tzinfo=UTC)
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), 1, now, now + timedelta(days=36500))
        return builder.sign(self.key, SHA256())


def encoded(response: Any) -> str:
    """Return a response in Base64."""
    return base64.b64encode(etree.tostring(response)).decode()


def _response(said: Said) -> str:
    roles = "".join(f"<saml:AttributeValue>{role}</saml:AttributeValue>" for role in said.roles)
    confirmed = f'NotOnOrAfter="{_date(said.confirmed_until)}" Recipient="{said.recipient}"'
    dates = f'NotBefore="{_date(said.begins_in)}" NotOnOrAfter="{_date(said.ends_in)}"'
    return f"""<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
      xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="r1" Version="2.0">
      <saml:Assertion ID="a1" Version="2.0"><saml:Issuer>{said.issuer}</saml:Issuer>
      <saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">ann</saml:NameID>
      <saml:SubjectConfirmation><saml:SubjectConfirmationData {confirmed}/></saml:SubjectConfirmation></saml:Subject>
      <saml:Conditions {dates}><saml:AudienceRestriction><saml:Audience>{said.audience}</saml:Audience>
      </saml:AudienceRestriction></saml:Conditions><saml:AttributeStatement>
      <saml:Attribute Name="{_ATTRIBUTES}Role">{roles}</saml:Attribute>
      <saml:Attribute Name="{_ATTRIBUTES}RoleSessionName"><saml:AttributeValue>{said.session}</saml:AttributeValue>
      </saml:Attribute></saml:AttributeStatement></saml:Assertion></samlp:Response>"""


def _date(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
