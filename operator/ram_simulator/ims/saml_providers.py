"""SAML providers: CreateSAMLProvider, GetSAMLProvider, ListSAMLProviders, UpdateSAMLProvider, DeleteSAMLProvider.

Formats and what policies call these are those of IMS's API pages, whose lists of error codes are empty. Known is
EntityNotExist.SAMLProvider, from Terraform's provider, whose alicloud_ram_saml_provider makes these calls; the other
codes are made as those of OIDC providers.
"""

import base64
import binascii
from collections.abc import Sequence
from xml.etree import ElementTree

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.identity_providers import SamlProvider
from ram_simulator.ims.oidc_checks import provider_name, short_text
from ram_simulator.ram.checks import on_everything

_MOST_PROVIDERS = 100
_ALGORITHMS = ("rsa-sha1", "rsa-sha256")
_ROOTS = tuple(f"{{urn:oasis:names:tc:SAML:2.0:metadata}}{name}" for name in ("EntityDescriptor", "EntitiesDescriptor"))
_CHANGES = ("NewDescription", "NewEncodedSAMLMetadataDocument", "AuthnSignAlgo")


def create_saml_provider(cloud: Cloud, call: Call) -> Answer:
    """Create a provider."""
    name, now, providers = provider_name(call, "SAMLProviderName"), cloud.clock.now(), cloud.account.saml_providers
    provider = SamlProvider(
        name=name,
        description=short_text(call, "Description"),
        metadata_document=_document(call, "EncodedSAMLMetadataDocument"),
        sign_algorithm=_algorithm(call, _ALGORITHMS[0]),
        create_date=now,
        update_date=now,
    )
    if providers.get(name) is not None:
        raise ApiError(409, "EntityAlreadyExists.SAMLProvider", f"The SAML provider already exists: {name}.")
    if len(providers) >= _MOST_PROVIDERS:
        raise ApiError(409, "LimitExceeded.SAMLProvider", f"An account has at most {_MOST_PROVIDERS} SAML providers.")
    providers.add(name, provider)
    return _changed(cloud, provider)


def get_saml_provider(cloud: Cloud, call: Call) -> Answer:
    """Show a provider with its document."""
    provider = _existing(cloud, call)
    shown = _changed(cloud, provider)
    shown["SAMLProvider"]["EncodedSAMLMetadataDocument"] = provider.metadata_document
    return shown


def list_saml_providers(cloud: Cloud, call: Call) -> Answer:
    """List providers by pages."""
    page = cloud.account.saml_providers.page(call.marker("Marker"), call.number("MaxItems", 100, 1, 100))
    shown = [_shown(cloud, provider) for provider in page.items]
    answer: Answer = {"IsTruncated": page.marker is not None, "SAMLProviders": {"SAMLProvider": shown}}
    return answer | ({"Marker": page.marker} if page.marker else {})


def update_saml_provider(cloud: Cloud, call: Call) -> Answer:
    """Change what is sent; an empty document is none, which leaves the old one."""
    provider = _existing(cloud, call)
    if not any(name in call.params for name in _CHANGES):
        raise ApiError(400, "InvalidParameter.AllEmpty", f"One of the parameters {', '.join(_CHANGES)} must be sent.")
    description, document = short_text(call, "NewDescription"), _document(call, "NewEncodedSAMLMetadataDocument")
    provider.sign_algorithm = _algorithm(call, provider.sign_algorithm)
    provider.metadata_document = document or provider.metadata_document
    if "NewDescription" in call.params:
        provider.description = description
    provider.update_date = cloud.clock.now()
    return _changed(cloud, provider)


def delete_saml_provider(cloud: Cloud, call: Call) -> Answer:
    """Delete a provider; roles that trust it go on naming it."""
    cloud.account.saml_providers.remove(_existing(cloud, call).name)
    return {}


def _existing(cloud: Cloud, call: Call) -> SamlProvider:
    name = provider_name(call, "SAMLProviderName")
    provider = cloud.account.saml_providers.get(name)
    if provider is None:
        raise ApiError(404, "EntityNotExist.SAMLProvider", f"The SAML provider does not exist: {name}.")
    return provider


def _document(call: Call, parameter: str) -> str:
    text = call.text(parameter)
    if not text:
        return ""
    try:
        document = base64.b64decode("".join(text.split()), validate=True)
        # with a document type there could be entities that grow without end
        root = None if b"<!DOCTYPE" in document else ElementTree.fromstring(document)
    except (binascii.Error, ValueError, ElementTree.ParseError, LookupError):
        root = None
    if root is None or root.tag not in _ROOTS:
        message = f"The parameter {parameter} must be SAML 2.0 metadata (an EntityDescriptor) in Base64."
        raise ApiError(400, f"InvalidParameter.{parameter}", message)
    return text


def _algorithm(call: Call, default: str) -> str:
    algorithm = call.text("AuthnSignAlgo") or default
    if algorithm not in _ALGORITHMS:
        message = f"The parameter AuthnSignAlgo must be one of {', '.join(_ALGORITHMS)}."
        raise ApiError(400, "InvalidParameter.AuthnSignAlgo", message)
    return algorithm


def _shown(cloud: Cloud, provider: SamlProvider) -> Answer:
    return {
        "SAMLProviderName": provider.name,
        "Arn": provider.arn(cloud.account.account_id),
        "Description": provider.description,
        "CreateDate": to_seconds(provider.create_date),
        "UpdateDate": to_seconds(provider.update_date),
    }


def _changed(cloud: Cloud, provider: SamlProvider) -> Answer:
    return {"SAMLProvider": _shown(cloud, provider) | {"AuthnSignAlgo": provider.sign_algorithm}}


def _on_provider(cloud: Cloud, call: Call) -> Sequence[str]:
    return (f"acs:ram:*:{cloud.account.account_id}:saml-provider/{call.text('SAMLProviderName')}",)


_NAMED, _PAGED = ("SAMLProviderName",), ("Marker", "MaxItems")
_MADE_OF = ("Description", "EncodedSAMLMetadataDocument", "AuthnSignAlgo")
ACTIONS = table(
    Action("CreateSAMLProvider", create_saml_provider, on_everything, _NAMED, _MADE_OF, write=True, service="ram"),
    Action("GetSAMLProvider", get_saml_provider, _on_provider, _NAMED, service="ram"),
    Action("ListSAMLProviders", list_saml_providers, on_everything, (), _PAGED, service="ram"),
    Action("UpdateSAMLProvider", update_saml_provider, _on_provider, _NAMED, _CHANGES, write=True, service="ram"),
    Action("DeleteSAMLProvider", delete_saml_provider, _on_provider, _NAMED, write=True, service="ram"),
)
