"""A local Alibaba Cloud: RAM, ECS (instances and roles), STS, instance metadata and a little OSS on loopback.

It exists so that code written for Alibaba Cloud can be run and tested without an account: the official SDKs talk to it
unchanged, and it enforces the policies it is given. `python -m ram_simulator serve` starts it.
"""
