"""The control service: journal, faults, instances, clock, reset, switches and state as JSON, and a page for people.

For tests and demos; it listens on a port of its own, asks for no key and tells no secret.
"""

from ram_simulator.control.routes import ROUTES
from ram_simulator.control.service import Control

__all__ = ["ROUTES", "Control"]
