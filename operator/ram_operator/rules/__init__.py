"""Pure knowledge of the field, without I/O and without a clock: what RAM and Kubernetes accept, and what it means.

`kinds` and `cluster.caches` ask it; it knows only the vocabulary of `model`.
"""
