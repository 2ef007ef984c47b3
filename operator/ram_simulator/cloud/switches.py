"""Behaviours that the documentation leaves open, as named switches: each has a default, and tests can try the others.

Set by `--switch NAME=VALUE` and by the control service, listed by `ram-simulator switches`, read by the rules.

Left open as well, and without a switch: that AttachmentCount counts users, groups and roles alike (its page says
"references", which is all of them); how soon a changed policy counts for credentials handed out (at once, say the
pages, which give no figure); codes of STS and IMS about tokens and their providers that neither pages nor clients know
(`sts.oidc`, `sts.saml` and `ims.oidc_providers` say which); that ECS sometimes answers 200 without a body (a fault of
the control service).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ram_simulator.cloud.spelling import suggestion


class SwitchName(StrEnum):
    """All switches."""

    SECOND_ROLE = "second-role"
    SECOND_ROLE_CODE = "second-role-code"
    SAME_ROLE = "same-role"
    DETACH_NONE = "detach-none"
    DETACH_OTHER_ROLE = "detach-other-role"
    DESCRIBE_ROLELESS = "describe-roleless"
    DESCRIBE_ROLE_IDS = "describe-role-ids"
    ROLE_TO_ECS = "role-to-ecs-seconds"
    TRUST_TO_ECS = "trust-to-ecs-seconds"
    ROLE_TO_METADATA = "role-to-metadata-seconds"
    ROLE_SEEN = "role-seen-seconds"
    POLICY_SEEN = "policy-seen-seconds"
    POLICY_EFFECT = "policy-effect-seconds"
    DETACH_SEEN = "detach-seen-seconds"
    LISTS_SEEN = "lists-seen-seconds"
    UPDATE_SEEN = "update-seen-seconds"
    DELETE_POLICY_ON_ROLE_CODE = "delete-policy-on-role-code"
    DELETE_ROLE_IN_USE = "delete-role-in-use"
    UPDATE_ROLE_DURATION = "update-role-duration"
    UPDATE_DATE_ON_ATTACH = "update-date-on-attach"
    UPDATE_DATE_ON_TAG = "update-date-on-tag"
    VERSION_NUMBERS = "version-numbers"
    STORED_DOCUMENTS = "stored-documents"
    UNDOCUMENTED_ELEMENTS = "undocumented-policy-elements"
    UNKNOWN_KEYS = "unknown-policy-keys"
    REPEATED_KEYS = "repeated-policy-keys"
    UNREADABLE_VALUES = "unreadable-condition-values"
    UNKNOWN_SERVICES = "unknown-trust-services"
    TRUST_LENGTH = "trust-length"
    SESSION_DURATION_CODE = "session-duration-code"
    ROLE_DESCRIPTION_CODE = "role-description-code"
    ROLE_NAME_CASE = "role-name-case"
    UNDERSCORES = "underscores-in-role-names"
    ROLES = "roles"
    POLICIES = "policies"
    SYSTEM_POLICIES = "system-policies-per-holder"
    CUSTOM_POLICIES = "custom-policies-per-holder"
    TRUST_REMOVED = "trust-removed"
    ROLE_DETACHED = "role-detached"
    METADATA_ROLE_CASE = "metadata-role-case"
    METADATA_OTHER_ROLE_STATUS = "metadata-other-role-status"
    METADATA_NOT_FOUND_BODY = "metadata-not-found-body"
    METADATA_DISABLED_STATUS = "metadata-disabled-status"
    METADATA_HOPS = "metadata-hops"
    METADATA_CALLS = "metadata-calls-per-second"
    METADATA_THROTTLE_STATUS = "metadata-throttle-status"
    SECURITY_TOKEN_STATUS = "security-token-status"
    OIDC_ERROR_STATUS = "oidc-error-status"
    TAG_ERROR_STATUS = "tag-error-status"
    TAG_ERROR_CODE = "tag-error-code"
    ACCESS_DENIED_DETAIL = "access-denied-detail"
    DEFAULT_FORMAT = "default-format"
    GET_KILOBYTES = "get-kilobytes"
    SECURE_TRANSPORT = "secure-transport"
    MFA_PRESENT = "mfa-present"
    READS = "reads-per-second"
    WRITES = "writes-per-second"
    ECS_CALLS = "ecs-calls-per-minute"


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch: a number between 0 and `most`, or a text, of `choices` if there are any."""

    default: str | int
    meaning: str
    choices: tuple[str, ...] = ()
    most: int = 3600

    @property
    def values(self) -> str:
        """What it can be set to, for people."""
        if isinstance(self.default, int):
            return f"0 to {self.most}"
        return ", ".join(self.choices) or "an error code"

    def read(self, value: object) -> str | int:
        """Return a value of the command line or of JSON as the switch keeps it; raise ValueError if it is none."""
        if isinstance(self.default, int):
            text = str(value)
            if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) <= 9):
                raise ValueError(f"must be a whole number, {self.values}")
            if int(text) > self.most:
                raise ValueError(f"must be {self.values}")
            return int(text)
        if not isinstance(value, str) or not value or (self.choices and value not in self.choices):
            raise ValueError(f"must be one of {self.values}" if self.choices else f"must be {self.values}")
        return value


SWITCHES: Mapping[SwitchName, Switch] = {
    SwitchName.SECOND_ROLE: Switch(
        "row", "where a second role is refused: in the instance's row, or for the call", ("row", "error")
    ),
    SwitchName.SECOND_ROLE_CODE: Switch("InvalidInstanceRamRole.NotSupport", "the code of that refusal"),
    SwitchName.SAME_ROLE: Switch("refused", "attaching the role that an instance has already", ("refused", "succeeds")),
    SwitchName.DETACH_NONE: Switch(
        "row",
        "detaching from an instance without a role: a failed row, an error of the call, or nothing",
        ("row", "error", "succeeds"),
    ),
    SwitchName.DETACH_OTHER_ROLE: Switch(
        "refused", "detaching with the name of another role than the instance has", ("refused", "succeeds")
    ),
    SwitchName.DESCRIBE_ROLELESS: Switch(
        "listed",
        "instances without a role in DescribeInstanceRamRole: in the list without a name, or not in it. Terraform's "
        "data source of instances drops those that are not",
        ("listed", "absent"),
    ),
    SwitchName.DESCRIBE_ROLE_IDS: Switch(100, "ids that DescribeInstanceRamRole takes; one page says 50", most=100),
    SwitchName.ROLE_TO_ECS: Switch(0, "until ECS sees a new role (InvalidRamRole.NotFound)"),
    SwitchName.TRUST_TO_ECS: Switch(0, "until ECS sees a changed trust policy (InvalidRamRole.NotEcsRole)"),
    SwitchName.ROLE_TO_METADATA: Switch(0, "until the metadata service sees a role attached or detached"),
    SwitchName.ROLE_SEEN: Switch(0, "until RAM itself shows a new role (EntityNotExist.Role)"),
    SwitchName.POLICY_SEEN: Switch(0, "until RAM itself shows a new custom policy (EntityNotExist.Policy)"),
    SwitchName.POLICY_EFFECT: Switch(0, "until a policy that was attached counts where calls are authorised"),
    SwitchName.DETACH_SEEN: Switch(0, "until deleting a role or policy sees a detachment (DeleteConflict)"),
    SwitchName.LISTS_SEEN: Switch(
        0,
        "how old what lists show is: ListRoles, ListPolicies, ListPoliciesFor..., ListEntitiesForPolicy, "
        "DescribeInstanceRamRole",
    ),
    SwitchName.UPDATE_SEEN: Switch(
        0, "until GetRole, GetPolicy, its versions and ListTagResources show a change of a role or policy"
    ),
    SwitchName.DELETE_POLICY_ON_ROLE_CODE: Switch(
        "DeleteConflict.Policy.Role",
        "the code of deleting a policy that a role holds",
        ("DeleteConflict.Policy.Role", "DeleteConflict.Role.Policy"),
    ),
    SwitchName.DELETE_ROLE_IN_USE: Switch(
        "allowed", "deleting a role that instances have (DeleteConflict.Role.Instance)", ("allowed", "refused")
    ),
    SwitchName.UPDATE_ROLE_DURATION: Switch(
        "kept", "the session duration after an UpdateRole that does not name it", ("kept", "reset")
    ),
    SwitchName.UPDATE_DATE_ON_ATTACH: Switch(
        "kept", "a role's UpdateDate when a policy is attached or detached", ("kept", "moved")
    ),
    SwitchName.UPDATE_DATE_ON_TAG: Switch(
        "kept", "the UpdateDate of a role or policy when it is tagged or untagged", ("kept", "moved")
    ),
    SwitchName.VERSION_NUMBERS: Switch(
        "grow",
        "numbers of deleted policy versions: the next one is always higher, or they are used again",
        ("grow", "reused"),
    ),
    SwitchName.STORED_DOCUMENTS: Switch("as-sent", "how policy documents are given back", ("as-sent", "reformatted")),
    SwitchName.UNDOCUMENTED_ELEMENTS: Switch(
        "refused",
        "NotResource, NotPrincipal, ...IfExists, ForAnyValue:, ForAllValues: and Null: malformed, or obeyed",
        ("refused", "obeyed"),
    ),
    SwitchName.UNKNOWN_KEYS: Switch(
        "refused", "documents and statements with a key that the grammar does not have", ("refused", "ignored")
    ),
    SwitchName.REPEATED_KEYS: Switch(
        "refused",
        "documents with a key twice in one object: malformed, or the last one counts",
        ("refused", "last-counts"),
    ),
    SwitchName.UNREADABLE_VALUES: Switch(
        "refused",
        "values of conditions that their operator cannot read as a number, date, address or boolean: malformed, or "
        "never matching",
        ("refused", "never-matching"),
    ),
    SwitchName.UNKNOWN_SERVICES: Switch(
        "accepted",
        "trust policies for a service whose name does not end with .aliyuncs.com (MalformedPolicyDocument)",
        ("accepted", "refused"),
    ),
    SwitchName.TRUST_LENGTH: Switch(2048, "characters that a trust policy may have", most=100_000),
    SwitchName.SESSION_DURATION_CODE: Switch(
        "InvalidParameter.MaxSessionDuration", "the code for a session duration out of range"
    ),
    SwitchName.ROLE_DESCRIPTION_CODE: Switch(
        "InvalidParameter.Description.Length", "the code for a role's description that is too long"
    ),
    SwitchName.ROLE_NAME_CASE: Switch(
        "ignored",
        "names of roles that differ in case only: one role, or two (ARNs are in lower case all the same)",
        ("ignored", "distinct"),
    ),
    SwitchName.UNDERSCORES: Switch("refused", "names of roles with an underscore", ("refused", "allowed")),
    SwitchName.ROLES: Switch(1000, "roles that the account may have (LimitExceeded.Role)", most=100_000),
    SwitchName.POLICIES: Switch(1500, "custom policies that the account may have (LimitExceeded.Policy)", most=100_000),
    SwitchName.SYSTEM_POLICIES: Switch(20, "system policies that a role, user or group may have", most=1000),
    SwitchName.CUSTOM_POLICIES: Switch(10, "custom policies that a role, user or group may have", most=1000),
    SwitchName.TRUST_REMOVED: Switch(
        "old-token-lives", "the metadata service when the role no longer trusts ECS", ("old-token-lives", "no-token")
    ),
    SwitchName.ROLE_DETACHED: Switch(
        "old-token-lives",
        "credentials of the metadata service when the role is detached",
        ("old-token-lives", "old-token-ends"),
    ),
    SwitchName.METADATA_ROLE_CASE: Switch(
        "exact", "the role's name in the path of the metadata service", ("exact", "any")
    ),
    SwitchName.METADATA_OTHER_ROLE_STATUS: Switch(
        "404", "its status for the path of another role than the instance has", ("404", "403", "400")
    ),
    SwitchName.METADATA_NOT_FOUND_BODY: Switch(
        "xhtml",
        "the body of its 404: the page of the cloud's web server, a line, or another page",
        ("xhtml", "text", "html"),
    ),
    SwitchName.METADATA_DISABLED_STATUS: Switch(
        "403", "its status where an instance has it disabled (HttpEndpoint)", ("403", "404", "503")
    ),
    SwitchName.METADATA_HOPS: Switch(
        0,
        "hops between callers and it, for HttpPutResponseHopLimit: with more than that a token's PUT has no answer; "
        "0 as in the pages, which call that parameter not available",
        most=64,
    ),
    SwitchName.METADATA_CALLS: Switch(0, "calls that it answers for an instance in a second, 0 for any", most=100_000),
    SwitchName.METADATA_THROTTLE_STATUS: Switch("429", "the status of calls beyond that", ("429", "503", "400")),
    SwitchName.SECURITY_TOKEN_STATUS: Switch("400", "the status of InvalidSecurityToken.*", ("400", "401", "403")),
    SwitchName.OIDC_ERROR_STATUS: Switch("401", "the status of AuthenticationFail.*", ("401", "400", "403")),
    SwitchName.TAG_ERROR_STATUS: Switch("400", "the status of wrong tags", ("400", "403", "409")),
    SwitchName.TAG_ERROR_CODE: Switch("InvalidParameter", "how the codes for wrong tags begin"),
    SwitchName.ACCESS_DENIED_DETAIL: Switch(
        "shown", "AccessDeniedDetail in refusals by policies", ("shown", "left-out")
    ),
    SwitchName.DEFAULT_FORMAT: Switch("JSON", "the format where a client asks for none", ("JSON", "XML")),
    SwitchName.GET_KILOBYTES: Switch(
        0,
        "kilobytes that a GET may have, 0 for any: the pages say 4, and some clients GET with whole policies",
        most=9999,
    ),
    SwitchName.SECURE_TRANSPORT: Switch(
        "false", "the key acs:SecureTransport of calls without TLS; with TLS it is true", ("false", "true")
    ),
    SwitchName.MFA_PRESENT: Switch("false", "the key acs:MFAPresent of all calls", ("false", "true")),
    SwitchName.READS: Switch(100, "with quotas: calls of a reading action of RAM that the quota page leaves out"),
    SwitchName.WRITES: Switch(20, "with quotas: calls of a writing one"),
    SwitchName.ECS_CALLS: Switch(500, "with quotas: calls of an action of ECS in a region", most=100_000),
}


class Switches:
    """The values of the moment; a reset brings back those of the start."""

    def __init__(self, start: Mapping[str, object] | None = None) -> None:
        self._start = {name: switch.default for name, switch in SWITCHES.items()}
        self._start |= _read(start or {})
        self._values = dict(self._start)

    def text(self, name: SwitchName) -> str:
        """Return the value as a text."""
        return str(self._values[name])

    def number(self, name: SwitchName) -> int:
        """Return the value of a switch that is a number."""
        return int(self._values[name])

    def delay(self, name: SwitchName) -> timedelta:
        """Return the value of a switch that is in seconds."""
        return timedelta(seconds=self.number(name))

    def change(self, values: Mapping[str, object]) -> None:
        """Set some; raise ValueError, and set none, if one is unknown or has a value that it cannot have."""
        self._values |= _read(values)

    def shown(self) -> dict[str, str | int]:
        """Return all by name."""
        return {name.value: value for name, value in self._values.items()}

    def reset(self) -> None:
        """Bring back the values of the start."""
        self._values = dict(self._start)


def _read(values: Mapping[str, object]) -> dict[SwitchName, str | int]:
    found = {}
    for name, value in values.items():
        if name not in set(SwitchName):
            raise ValueError(
                f"there is no switch {name!r}.{suggestion(name, SwitchName)} They are {', '.join(SwitchName)}"
            )
        try:
            found[SwitchName(name)] = SWITCHES[SwitchName(name)].read(value)
        except ValueError as error:
            raise ValueError(f"the switch {name} {error}") from error
    return found
