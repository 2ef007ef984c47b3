"""How fast and how frugal the operator and the simulator are, measured from outside.

``make bench`` prints it, no test asserts it.
"""
