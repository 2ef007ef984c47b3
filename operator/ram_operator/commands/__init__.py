"""The command line for people: each command reads, prints and exits; none of them writes to the cloud or the cluster.

`__main__` gives each its arguments and what it needs. Beside kubectl the same commands work as `kubectl ram ...`.
"""
