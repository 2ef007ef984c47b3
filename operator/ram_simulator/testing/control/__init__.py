"""The control service: journal, faults, instances, clock, reset, switches and state as JSON, for tests and demos.

It asks for no key and tells no secret. `routes.ROUTES` is its table; `ram_simulator.wire.control` serves it.
"""
