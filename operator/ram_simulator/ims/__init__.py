"""IMS 2019-08-15, the sister of RAM, as far as it goes here: OIDC providers, and limits and counts of the account."""
