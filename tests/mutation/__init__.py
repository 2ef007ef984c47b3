"""The mutation run: each small change of the simulator's policy engine must fail one of the engine's tests.

`make mutation` runs it whole; what survives and changes nothing that can be seen from outside is in `equivalent.yaml`.
"""
