"""IMS 2019-08-15, the sister of RAM, as far as it goes here: identity providers, settings, limits and counts."""
