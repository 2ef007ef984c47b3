"""STS's table of actions, put together from its parts; the gateway and the documentation read it."""

from ram_simulator.calls import Product
from ram_simulator.sts import oidc, roles

PRODUCT = Product(
    name="Sts",
    version="2015-04-01",
    service="sts",
    denial="NoPermission",
    actions={**roles.ACTIONS, **oidc.ACTIONS},
)
