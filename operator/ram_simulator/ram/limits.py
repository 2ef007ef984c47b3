"""How much of everything an account may have: the figures of RAM's "Limitations" page and of GetAccountSummary.

Limits that clients are likely to meet can be set by switches (`switches.py`); these are the ones that are fixed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts of one account; lengths of names and documents are next to the checks."""

    users: int = 1000
    groups: int = 50
    groups_per_user: int = 50
    keys_per_user: int = 2
    versions_per_policy: int = 5
    virtual_mfa_devices: int = 1000


LIMITS = Limits()
