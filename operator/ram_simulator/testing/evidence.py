"""How sure it is that an action behaves here as in the cloud: documented, reported by users, or guessed.

What is guessed in one place and could be otherwise is a switch; the rest is named with what is not known of it. The
page of the actions shows it.
"""

from collections.abc import Mapping

from ram_simulator.cloud.switches import SwitchName

_ATTACH, _DETACH, _DESCRIBE = (f"Ecs {verb}InstanceRamRole" for verb in ("Attach", "Detach", "Describe"))
_LAUNCH = ("Ecs RunInstances", "Ecs CreateInstance")
_TRUSTS = ("Ram CreateRole", "Ram UpdateRole")
_DOCUMENTS = (
    *_TRUSTS,
    "Ram CreatePolicy",
    "Ram CreatePolicyVersion",
    "Sts AssumeRole",
    "Sts AssumeRoleWithOIDC",
    "Sts AssumeRoleWithSAML",
    _ATTACH,
)
_HOLDERS = ("Role", "User", "Group")
_ATTACHING = tuple(f"Ram AttachPolicyTo{holder}" for holder in _HOLDERS)
_DETACHING = tuple(f"Ram DetachPolicyFrom{holder}" for holder in _HOLDERS)
_LISTING = ("Ram ListEntitiesForPolicy", *(f"Ram ListPoliciesFor{holder}" for holder in _HOLDERS))
_VERSIONS = ("Ram GetPolicyVersion", "Ram ListPolicyVersions")
_READS = ("Ram GetRole", "Ram GetPolicy", "Ram ListTagResources", *_VERSIONS)
_TAGGING = ("Ram TagResources", "Ram UntagResources")

# switch -> the actions whose answers it changes
SWITCHED: Mapping[SwitchName, tuple[str, ...]] = {
    SwitchName.SECOND_ROLE: (_ATTACH,),
    SwitchName.SECOND_ROLE_CODE: (_ATTACH,),
    SwitchName.SAME_ROLE: (_ATTACH,),
    SwitchName.DETACH_NONE: (_DETACH,),
    SwitchName.DETACH_OTHER_ROLE: (_DETACH,),
    SwitchName.DESCRIBE_ROLELESS: (_DESCRIBE,),
    SwitchName.DESCRIBE_ROLE_IDS: (_DESCRIBE,),
    SwitchName.ROLE_TO_ECS: (_ATTACH, _DESCRIBE, *_LAUNCH),
    SwitchName.TRUST_TO_ECS: (_ATTACH, *_LAUNCH),
    SwitchName.ROLE_SEEN: ("Ram GetRole", "Ram UpdateRole", "Ram DeleteRole", "Ram AttachPolicyToRole"),
    SwitchName.POLICY_SEEN: ("Ram GetPolicy", *_ATTACHING, *_VERSIONS),
    SwitchName.DETACH_SEEN: ("Ram DeleteRole", "Ram DeletePolicy"),
    SwitchName.LISTS_SEEN: ("Ram ListRoles", "Ram ListPolicies", *_LISTING, _DESCRIBE),
    SwitchName.UPDATE_SEEN: _READS,
    SwitchName.DELETE_POLICY_ON_ROLE_CODE: ("Ram DeletePolicy",),
    SwitchName.DELETE_ROLE_IN_USE: ("Ram DeleteRole",),
    SwitchName.UPDATE_ROLE_DURATION: ("Ram UpdateRole",),
    SwitchName.UPDATE_DATE_ON_ATTACH: ("Ram AttachPolicyToRole", "Ram DetachPolicyFromRole"),
    SwitchName.UPDATE_DATE_ON_TAG: _TAGGING,
    SwitchName.VERSION_NUMBERS: ("Ram CreatePolicyVersion",),
    SwitchName.STORED_DOCUMENTS: ("Ram CreateRole", "Ram UpdateRole", "Ram GetRole", "Ram GetPolicy", *_VERSIONS),
    SwitchName.UNDOCUMENTED_ELEMENTS: _DOCUMENTS,
    SwitchName.UNKNOWN_KEYS: _DOCUMENTS,
    SwitchName.REPEATED_KEYS: _DOCUMENTS,
    SwitchName.UNREADABLE_VALUES: _DOCUMENTS,
    SwitchName.UNKNOWN_SERVICES: _TRUSTS,
    SwitchName.TRUST_LENGTH: _TRUSTS,
    SwitchName.SESSION_DURATION_CODE: _TRUSTS,
    SwitchName.ROLE_DESCRIPTION_CODE: _TRUSTS,
    SwitchName.ROLE_NAME_CASE: ("Ram CreateRole", "Ram GetRole", "Ram UpdateRole", "Ram DeleteRole", _ATTACH),
    SwitchName.UNDERSCORES: ("Ram CreateRole",),
    SwitchName.ROLES: ("Ram CreateRole", "Ram CreateServiceLinkedRole"),
    SwitchName.POLICIES: ("Ram CreatePolicy",),
    SwitchName.SYSTEM_POLICIES: _ATTACHING,
    SwitchName.CUSTOM_POLICIES: _ATTACHING,
    SwitchName.ROLE_DETACHED: (_DETACH,),
    SwitchName.OIDC_ERROR_STATUS: ("Sts AssumeRoleWithOIDC", "Sts AssumeRoleWithSAML"),
    SwitchName.TAG_ERROR_STATUS: (*_TAGGING, "Ram ListTagResources"),
    SwitchName.TAG_ERROR_CODE: (*_TAGGING, "Ram ListTagResources"),
}
# what these change is the same for all actions, or belongs to the metadata service
GENERAL = frozenset(
    (
        SwitchName.POLICY_EFFECT,
        SwitchName.ROLE_TO_METADATA,
        SwitchName.TRUST_REMOVED,
        SwitchName.METADATA_ROLE_CASE,
        SwitchName.METADATA_OTHER_ROLE_STATUS,
        SwitchName.METADATA_NOT_FOUND_BODY,
        SwitchName.METADATA_DISABLED_STATUS,
        SwitchName.METADATA_HOPS,
        SwitchName.METADATA_CALLS,
        SwitchName.METADATA_THROTTLE_STATUS,
        SwitchName.SECURITY_TOKEN_STATUS,
        SwitchName.ACCESS_DENIED_DETAIL,
        SwitchName.DEFAULT_FORMAT,
        SwitchName.GET_KILOBYTES,
        SwitchName.SECURE_TRANSPORT,
        SwitchName.MFA_PRESENT,
        SwitchName.READS,
        SwitchName.WRITES,
        SwitchName.ECS_CALLS,
    )
)
# no page has their codes: they are as public clients expect them
_REPORTED: Mapping[str, str] = {
    **dict.fromkeys(_DETACHING, "the code of what is not attached, by clients"),
    **{
        f"Ims {verb}SAMLProvider{plural}": "EntityNotExist.SAMLProvider by Terraform's provider"
        for verb, plural in (("Get", ""), ("Update", ""), ("Delete", ""))
    },
    "Ims SetAccessKeyPolicy": "the document by Terraform's provider",
    "Ims GetAccessKeyPolicy": "the document by Terraform's provider",
    "Ims SetSecurityPreference": "the verification type mfa by Terraform's provider",
}
# guessed without a switch: what is not known
_GUESSED: Mapping[str, str] = {
    "Ram ChangePassword": "its codes",
    "Sts AssumeRoleWithSAML": "the code where the role does not trust the provider",
    "Ram GetAccessKeyLastUsed": "what it shows of a key that was never used",
    "Ram GetAccountAlias": "the code of an account without one",
    "Ims CreateSAMLProvider": "its codes",
    "Ims ListSAMLProviders": "the code of a wrong marker",
    **{f"Ims {verb}OIDCProvider": "some of its codes" for verb in ("Create", "Get", "Update", "Delete")},
    **{f"Ecs {verb}Resources": "its codes" for verb in ("Tag", "Untag", "ListTag")},
    **{f"Ecs {verb}Instances": "the row of a dry run" for verb in ("Start", "Stop", "Reboot")},
    "Ecs DescribeAvailableResource": "what there is: a few types and disks stand for all",
    "Ecs DescribeInstanceTypes": "what there is: a few types stand for all",
    "Ecs DescribeImageSupportInstanceTypes": "what there is: each of the types starts from each of the images",
    "Ecs DescribeImages": "what there is: a few images stand for all",
    "Ecs DescribeZones": "which zones a region has",
}


def evidence_of(action: str) -> str:
    """Return how sure an action of a product (`Ram GetRole`) is: its class, and what is guessed or reported of it."""
    switches = [f"`{switch.value}`" for switch, actions in SWITCHED.items() if action in actions]
    guessed = ([_GUESSED[action]] if action in _GUESSED else []) + switches
    reported = [_REPORTED[action]] if action in _REPORTED else []
    parts = ["documented"]
    parts += [f"reported: {', '.join(reported)}"] if reported else []
    parts += [f"guessed: {', '.join(guessed)}"] if guessed else []
    return "; ".join(parts)
