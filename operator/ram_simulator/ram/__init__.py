"""RAM 2015-05-01: roles, policies, versions, attachments, users and tags."""

from ram_simulator.cloud.calls import Product
from ram_simulator.ram import (
    access_keys,
    account_settings,
    attachments,
    diagnostics,
    groups,
    login_profiles,
    policies,
    roles,
    service_linked_roles,
    tags,
    users,
    versions,
)

PRODUCT = Product(
    name="Ram",
    version="2015-05-01",
    service="ram",
    denial="NoPermission",
    actions={
        **roles.ACTIONS,
        **policies.ACTIONS,
        **versions.ACTIONS,
        **attachments.ACTIONS,
        **users.ACTIONS,
        **groups.ACTIONS,
        **access_keys.ACTIONS,
        **login_profiles.ACTIONS,
        **account_settings.ACTIONS,
        **tags.ACTIONS,
        **diagnostics.ACTIONS,
        **service_linked_roles.ACTIONS,
    },
)
