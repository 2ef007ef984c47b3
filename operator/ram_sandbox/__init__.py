"""A whole cluster on this computer, control plane, simulated cloud and operator: for demo, tests and benchmarks.

The parts are separate processes that meet only on the wire: a real kube-apiserver with etcd, ``ram-simulator`` and
``ram-operator``. This package starts, connects and stops them; it imports neither of the other two packages.
"""
