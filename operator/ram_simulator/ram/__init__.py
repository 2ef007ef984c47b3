"""RAM 2015-05-01: roles, policies, versions, attachments, users and tags. `actions.PRODUCT` is its table."""
