"""OIDC providers: CreateOIDCProvider, GetOIDCProvider, ListOIDCProviders, UpdateOIDCProvider, DeleteOIDCProvider.

Formats, limits and what policies call these are those of IMS's API pages, whose lists of error codes are empty. Known
from clients are EntityNotExist.OIDCProvider and EntityAlreadyExists.OIDCProvider.Url; the other codes are made as RAM
makes its own.
"""

from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.identity_providers import IdentityProvider
from ram_simulator.ims.oidc_checks import (
    client_ids,
    existing_provider,
    fingerprints,
    issuer_key,
    issuer_url,
    on_all_providers,
    on_provider,
    own_issuer_key,
    provider_name,
    short_text,
    shown_provider,
)

_MOST_PROVIDERS = 100
_DEFAULT_HOURS, _MOST_HOURS = 12, 168


def create_oidc_provider(cloud: Cloud, call: Call) -> Answer:
    """Create a provider; its keys are those that the fixture has for its issuer."""
    name, issuer, now = provider_name(call), issuer_url(call), cloud.clock.now()
    account = cloud.account
    provider = IdentityProvider(
        name=name,
        issuer=issuer,
        client_ids=client_ids(call.text("ClientIds"), "ClientIds"),
        jwks_file=account.key_sets.get(issuer),
        description=short_text(call, "Description"),
        fingerprints=fingerprints(call.text("Fingerprints"), "Fingerprints"),
        issuance_limit_hours=_hours(call, _DEFAULT_HOURS),
        create_date=now,
        update_date=now,
    )
    if account.identity_providers.get(name) is not None:
        raise ApiError(409, "EntityAlreadyExists.OIDCProvider", f"The OIDC provider already exists: {name}.")
    if any(other.issuer == issuer for other in account.identity_providers):
        message = f"An OIDC provider with this issuer URL already exists: {issuer}."
        raise ApiError(409, "EntityAlreadyExists.OIDCProvider.Url", message)
    if len(account.identity_providers) >= _MOST_PROVIDERS:
        raise ApiError(409, "LimitExceeded.OIDCProvider", f"An account has at most {_MOST_PROVIDERS} OIDC providers.")
    account.identity_providers.add(name, provider)
    return shown_provider(cloud, provider)


def get_oidc_provider(cloud: Cloud, call: Call) -> Answer:
    """Show a provider."""
    return shown_provider(cloud, existing_provider(cloud, call))


def list_oidc_providers(cloud: Cloud, call: Call) -> Answer:
    """List providers by pages."""
    page = cloud.account.identity_providers.page(call.marker("Marker"), call.number("MaxItems", 100, 1, 100))
    shown = [shown_provider(cloud, provider)["OIDCProvider"] for provider in page.items]
    answer: Answer = {"IsTruncated": page.marker is not None, "OIDCProviders": {"OIDCProvider": shown}}
    return answer | ({"Marker": page.marker} if page.marker else {})


def update_oidc_provider(cloud: Cloud, call: Call) -> Answer:
    """Change what is sent; client ids as a whole."""
    provider = existing_provider(cloud, call)
    description, hours = short_text(call, "NewDescription"), _hours(call, provider.issuance_limit_hours)
    wanted = client_ids(call.text("ClientIds"), "ClientIds")
    if "ClientIds" in call.params:
        provider.client_ids = wanted
    if "NewDescription" in call.params:
        provider.description = description
    provider.issuance_limit_hours = hours
    provider.update_date = cloud.clock.now()
    return shown_provider(cloud, provider)


def delete_oidc_provider(cloud: Cloud, call: Call) -> Answer:
    """Delete a provider; roles that trust it go on naming it."""
    cloud.account.identity_providers.remove(existing_provider(cloud, call).name)
    return {}


def _hours(call: Call, default: int) -> int:
    return call.number("IssuanceLimitTime", default, 1, _MOST_HOURS)


ACTIONS = table(
    Action(
        "CreateOIDCProvider",
        create_oidc_provider,
        on_all_providers,
        ("OIDCProviderName", "IssuerUrl"),
        ("ClientIds", "Fingerprints", "Description", "IssuanceLimitTime"),
        write=True,
        keys=issuer_key,
        service="ram",
    ),
    Action(
        "GetOIDCProvider", get_oidc_provider, on_provider, ("OIDCProviderName",), keys=own_issuer_key, service="ram"
    ),
    Action("ListOIDCProviders", list_oidc_providers, on_all_providers, (), ("Marker", "MaxItems"), service="ram"),
    Action(
        "UpdateOIDCProvider",
        update_oidc_provider,
        on_provider,
        ("OIDCProviderName",),
        ("ClientIds", "NewDescription", "IssuanceLimitTime"),
        write=True,
        keys=own_issuer_key,
        service="ram",
    ),
    Action(
        "DeleteOIDCProvider",
        delete_oidc_provider,
        on_provider,
        ("OIDCProviderName",),
        write=True,
        keys=own_issuer_key,
        service="ram",
    ),
)
