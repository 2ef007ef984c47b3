"""The products that are served by versions, which tell them apart on the wire. The gateway and the tables read it."""

from collections.abc import Mapping

from ram_simulator.calls import Product
from ram_simulator.ecs.actions import PRODUCT as ECS
from ram_simulator.ims.actions import PRODUCT as IMS
from ram_simulator.ram.actions import PRODUCT as RAM
from ram_simulator.sts.actions import PRODUCT as STS

PRODUCTS: Mapping[str, Product] = {product.version: product for product in (RAM, ECS, STS, IMS)}
