"""ECS 2014-05-26, as far as instances and their roles go."""

from ram_simulator.cloud.calls import Product
from ram_simulator.ecs import descriptions, instance_roles, instances, life_cycle

PRODUCT = Product(
    name="Ecs",
    version="2014-05-26",
    service="ecs",
    denial="Forbidden.RAM",
    actions={**descriptions.ACTIONS, **instances.ACTIONS, **life_cycle.ACTIONS, **instance_roles.ACTIONS},
)
