"""How fast and how frugal the operator is, measured from outside: ``make bench`` prints it, no test asserts it."""
