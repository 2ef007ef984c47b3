"""ECS 2014-05-26, as far as instances and their roles go. `actions.PRODUCT` is its table."""
