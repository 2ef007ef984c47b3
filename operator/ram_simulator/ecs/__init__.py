"""ECS 2014-05-26, as far as instances and their roles go."""

from ram_simulator.cloud.calls import Product
from ram_simulator.ecs import (
    attached,
    attributes,
    batches,
    catalog,
    descriptions,
    instance_roles,
    instances,
    life_cycle,
    security_groups,
    tags,
)

PRODUCT = Product(
    name="Ecs",
    version="2014-05-26",
    service="ecs",
    denial="Forbidden.RAM",
    actions={
        **descriptions.ACTIONS,
        **attributes.ACTIONS,
        **attached.ACTIONS,
        **catalog.ACTIONS,
        **instances.ACTIONS,
        **life_cycle.ACTIONS,
        **batches.ACTIONS,
        **tags.ACTIONS,
        **security_groups.ACTIONS,
        **instance_roles.ACTIONS,
    },
)
