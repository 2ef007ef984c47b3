"""The checks that the calls on OIDC providers share: formats, limits, what must exist, resources and condition keys."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from ram_simulator.cloud.calls import Answer, Call
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.identity_providers import IdentityProvider

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
_FINGERPRINT = re.compile(r"[A-Za-z0-9]+")
_LONGEST, _LONGEST_URL, _LONGEST_DESCRIPTION = 128, 255, 256
_MOST_CLIENT_IDS, _MOST_FINGERPRINTS = 50, 5


def provider_name(call: Call, parameter: str = "OIDCProviderName") -> str:
    """Return a provider's name, of SAML's as of OIDC's; raise ApiError if it cannot be one."""
    name = call.text(parameter)
    if not 1 <= len(name) <= _LONGEST:
        message = f"The parameter {parameter} must have 1 to {_LONGEST} characters."
        raise ApiError(400, f"InvalidParameter.{parameter}.Length", message)
    if not _NAME.fullmatch(name):
        message = f"The parameter {parameter} may have A-Za-z0-9 and, but for both ends, ._-."
        raise ApiError(400, f"InvalidParameter.{parameter}.InvalidChars", message)
    return name


def issuer_url(call: Call) -> str:
    """Return IssuerUrl; raise ApiError unless it is an https URL without query, fragment and credentials."""
    url = call.text("IssuerUrl")
    if not 1 <= len(url) <= _LONGEST_URL:
        message = f"The parameter IssuerUrl must have 1 to {_LONGEST_URL} characters."
        raise ApiError(400, "InvalidParameter.IssuerUrl.Length", message)
    try:
        host = urlsplit(url).hostname if url.startswith("https://") and url.isascii() else None
    except ValueError:
        host = None
    if not host or re.search(r"[?#@\s\x00-\x1f]", url):
        message = "The parameter IssuerUrl must be a URL that begins with https:// and has none of ? # @."
        raise ApiError(400, "InvalidParameter.IssuerUrl", message)
    return url


def short_text(call: Call, parameter: str) -> str:
    """Return a description, empty if it was not sent; raise ApiError if it is too long."""
    value = call.text(parameter)
    if len(value) > _LONGEST_DESCRIPTION:
        message = f"The parameter {parameter} must not be longer than {_LONGEST_DESCRIPTION}."
        raise ApiError(400, f"InvalidParameter.{parameter}.Length", message)
    return value


def client_ids(text: str, parameter: str) -> tuple[str, ...]:
    """Return client ids from a list with commas; raise ApiError if one cannot be one, or they are too many."""
    found = _listed(text, parameter, _CLIENT_ID)
    if len(found) > _MOST_CLIENT_IDS:
        message = f"An OIDC provider has at most {_MOST_CLIENT_IDS} client ids."
        raise ApiError(409, "LimitExceeded.OIDCProvider.ClientId", message)
    return found


def fingerprints(text: str, parameter: str) -> tuple[str, ...]:
    """Return fingerprints from a list with commas; raise ApiError if one cannot be one, or they are too many."""
    found = _listed(text, parameter, _FINGERPRINT)
    if len(found) > _MOST_FINGERPRINTS:
        message = f"An OIDC provider has at most {_MOST_FINGERPRINTS} fingerprints."
        raise ApiError(409, "LimitExceeded.OIDCProvider.Fingerprint", message)
    return found


def _listed(text: str, parameter: str, allowed: re.Pattern[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(text.split(","))) if text else ()
    for item in found:
        if not (allowed.fullmatch(item) and len(item) <= _LONGEST):
            message = f"The parameter {parameter} has to be {allowed.pattern}, up to {_LONGEST} characters each."
            raise ApiError(400, f"InvalidParameter.{parameter}", message)
    return found


def existing_provider(cloud: Cloud, call: Call) -> IdentityProvider:
    """Return the provider that the call names; raise ApiError if there is none."""
    name = provider_name(call)
    provider = cloud.account.identity_providers.get(name)
    if provider is None:
        raise ApiError(404, "EntityNotExist.OIDCProvider", f"The OIDC provider does not exist: {name}.")
    return provider


def shown_provider(cloud: Cloud, provider: IdentityProvider) -> Answer:
    """Render a provider as answers show it."""
    return {
        "OIDCProvider": {
            "OIDCProviderName": provider.name,
            "Arn": provider.arn(cloud.account.account_id),
            "IssuerUrl": provider.issuer,
            "Description": provider.description,
            "ClientIds": ",".join(provider.client_ids),
            "Fingerprints": ",".join(provider.fingerprints),
            "IssuanceLimitTime": provider.issuance_limit_hours,
            "CreateDate": to_seconds(provider.create_date),
            "UpdateDate": to_seconds(provider.update_date),
            "GmtCreate": str(int(provider.create_date.timestamp() * 1000)),
            "GmtModified": str(int(provider.update_date.timestamp() * 1000)),
        }
    }


def on_provider(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resource of calls on the provider that the call names."""
    return (f"acs:ram:*:{cloud.account.account_id}:oidc-provider/{call.text('OIDCProviderName')}",)


def on_all_providers(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resource of calls that are about no provider in particular."""
    return (f"acs:ram:*:{cloud.account.account_id}:oidc-provider/*",)


def issuer_key(cloud: Cloud, call: Call) -> Mapping[str, str]:
    """Return the condition key of creating: the issuer."""
    return {"ram:OidcIssuerUrl": call.text("IssuerUrl")}


def own_issuer_key(cloud: Cloud, call: Call) -> Mapping[str, str]:
    """Return the condition key of calls on a provider: its issuer, if there is the provider."""
    provider = cloud.account.identity_providers.get(call.text("OIDCProviderName"))
    return {} if provider is None else {"ram:OidcIssuerUrl": provider.issuer}
