"""Gives ECS nodes their instance RAM roles, declaratively: the operator. Start reading at `__main__` and `kinds`."""
