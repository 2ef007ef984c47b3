"""IMS 2019-08-15, the sister of RAM, as far as it goes here: identity providers, settings, limits and counts."""

from ram_simulator.cloud.calls import Product
from ram_simulator.ims import (
    access_key_policies,
    account_settings,
    oidc_client_ids,
    oidc_providers,
    saml_providers,
    summary,
)

PRODUCT = Product(
    name="Ims",
    version="2019-08-15",
    service="ims",
    denial="NoPermission",
    actions={
        **summary.ACTIONS,
        **account_settings.ACTIONS,
        **oidc_providers.ACTIONS,
        **oidc_client_ids.ACTIONS,
        **saml_providers.ACTIONS,
        **access_key_policies.ACTIONS,
    },
)
