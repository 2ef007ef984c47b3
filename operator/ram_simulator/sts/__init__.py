"""STS 2015-04-01: who calls, and sessions of roles. `actions.PRODUCT` is its table."""
