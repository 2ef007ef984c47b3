"""Policy evaluation: the one place where it is decided whether a principal may do something.

`patterns` and `conditions` are the two comparisons of the policy language, `engine` walks statements and layers.
"""
