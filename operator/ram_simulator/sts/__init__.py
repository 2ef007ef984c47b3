"""STS 2015-04-01: who calls, and sessions of roles."""

from ram_simulator.cloud.calls import Product
from ram_simulator.sts import oidc, roles, saml

PRODUCT = Product(
    name="Sts",
    version="2015-04-01",
    service="sts",
    denial="NoPermission",
    actions={**roles.ACTIONS, **oidc.ACTIONS, **saml.ACTIONS},
)
