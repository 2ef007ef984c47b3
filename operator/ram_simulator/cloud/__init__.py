"""What the cloud has: the account, its roles, policies, instances and buckets, and the words that calls are made of.

The services change it by their rules; nothing here knows HTTP, or that tests look on.
"""
