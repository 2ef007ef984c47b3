"""A real kube-apiserver and etcd on this computer: ``binaries`` finds them, ``build`` makes them, ``server`` runs them.

No controller manager, scheduler or kubelet runs: what those would make (ServiceAccounts, pods) does not appear by
itself. RBAC is on. Called by ``ram_sandbox.sandbox``, the tests and ``ram-sandbox setup``.
"""
