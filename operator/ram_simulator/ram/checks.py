"""The checks that RAM's calls share: names, lengths, documents, things that must exist, and their ARNs.

Codes and limits are those of the error tables and limitations page of RAM's documentation.
"""

import json
import re
from collections.abc import Callable, Sequence

from ram_simulator.cloud.calls import Call
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.people import Group, User
from ram_simulator.cloud.ram_store import Holder, Policy, PolicyKey, PolicyType, Role, key_of
from ram_simulator.cloud.switches import SwitchName
from ram_simulator.policies import DocumentKind, PolicyDocument, parse_document
from ram_simulator.policies.model import MalformedDocument

_ROLE_NAME = re.compile(r"[A-Za-z0-9.-]*")
_ROLE_NAME_WITH_UNDERSCORE = re.compile(r"[A-Za-z0-9._-]*")
_SERVICE_DOMAIN = ".aliyuncs.com"
LINKED_ROLE = "AliyunServiceRoleFor"
_POLICY_NAME = re.compile(r"[A-Za-z0-9-]*")
_USER_NAME = re.compile(r"[A-Za-z0-9._-]*")
_DESCRIPTION_LENGTH = 1024
_COMMENTS_LENGTH = 128
DOCUMENT_LENGTH = 6144


def role_name(cloud: Cloud, call: Call) -> str:
    """Return RoleName; raise ApiError if it cannot be one."""
    name = call.text("RoleName")
    # that of a service-linked role has one before its suffix
    underscores = cloud.switches.text(SwitchName.UNDERSCORES) == "allowed" or name.startswith(LINKED_ROLE)
    return _name(name, "RoleName", _ROLE_NAME_WITH_UNDERSCORE if underscores else _ROLE_NAME, 64)


def policy_name(call: Call) -> str:
    """Return PolicyName; raise ApiError if it cannot be one."""
    return _name(call.text("PolicyName"), "PolicyName", _POLICY_NAME, 128)


def user_name(call: Call) -> str:
    """Return UserName; raise ApiError if it cannot be one."""
    return person_name(call, "UserName")


def group_name(call: Call) -> str:
    """Return GroupName; raise ApiError if it cannot be one."""
    return person_name(call, "GroupName")


def person_name(call: Call, parameter: str) -> str:
    """Return the name of a user or group; raise ApiError if it cannot be one."""
    return _name(call.text(parameter), parameter, _USER_NAME, 64)


def _name(value: str, parameter: str, allowed: re.Pattern[str], longest: int) -> str:
    if not 1 <= len(value) <= longest:
        message = f"The parameter {parameter} must have 1 to {longest} characters."
        raise ApiError(400, f"InvalidParameter.{parameter}.Length", message)
    if not allowed.fullmatch(value):
        message = f"The parameter {parameter} contains invalid chars; {allowed.pattern[:-1]} are allowed."
        raise ApiError(400, f"InvalidParameter.{parameter}.InvalidChars", message)
    return value


def display_name(call: Call, parameter: str) -> str:
    """Return a display name, empty if it was not sent; raise ApiError if it is too long."""
    return _short_text(call, parameter)


def comments(call: Call, parameter: str) -> str:
    """Return comments on a user or group, empty if none were sent; raise ApiError if they are too long."""
    return _short_text(call, parameter)


def _short_text(call: Call, parameter: str) -> str:
    value = call.text(parameter)
    if len(value) > _COMMENTS_LENGTH:
        message = f"The parameter {parameter} must not be longer than {_COMMENTS_LENGTH}."
        raise ApiError(400, f"InvalidParameter.{parameter}.Length", message)
    return value


def policy_type(call: Call) -> PolicyType:
    """Return PolicyType; raise ApiError if it is neither System nor Custom."""
    value = call.text("PolicyType")
    if value not in set(PolicyType):
        raise ApiError(400, "InvalidParameter.PolicyType", "The parameter PolicyType must be System or Custom.")
    return PolicyType(value)


def description(call: Call, parameter: str) -> str:
    """Return a description, empty if it was not sent; raise ApiError if it is too long."""
    value = call.text(parameter)
    if len(value) > _DESCRIPTION_LENGTH:
        message = f"The parameter {parameter} must not be longer than {_DESCRIPTION_LENGTH}."
        raise ApiError(400, f"InvalidParameter.{parameter}.Length", message)
    return value


def permissions(cloud: Cloud, call: Call) -> PolicyDocument:
    """Return PolicyDocument, parsed; raise ApiError if RAM would not take it."""
    text = call.text("PolicyDocument")
    _check_length(text, "PolicyDocument", DOCUMENT_LENGTH)
    return _parsed(cloud, text, DocumentKind.IDENTITY)


def trust(cloud: Cloud, call: Call, parameter: str) -> PolicyDocument:
    """Return a trust policy, parsed; its users and roles of this account must exist."""
    text = call.text(parameter)
    _check_length(text, parameter, cloud.switches.number(SwitchName.TRUST_LENGTH))
    document = _parsed(cloud, text, DocumentKind.TRUST)
    for statement in document.statements:
        for arn in statement.principals.get("RAM", ()):
            _check_principal(cloud, arn)
        for arn in statement.principals.get("Federated", ()):
            if not _provider_exists(cloud, arn):
                raise ApiError(400, "MalformedPolicyDocument", f"The principal {arn} does not exist.")
        for service in statement.principals.get("Service", ()):
            _check_service(cloud, service)
    return document


def _provider_exists(cloud: Cloud, arn: str) -> bool:
    own = arn.lower().startswith(f"acs:ram::{cloud.account.account_id}:")
    kind = arn.rpartition(":")[2].partition("/")[0]
    match kind:
        case "oidc-provider":
            return cloud.account.identity_provider(arn) is not None
        case "saml-provider" if own:
            return cloud.account.saml_provider(arn) is not None
    return True


def _check_service(cloud: Cloud, service: str) -> None:
    refuses = cloud.switches.text(SwitchName.UNKNOWN_SERVICES) == "refused"
    if refuses and service != "*" and not service.lower().endswith(_SERVICE_DOMAIN):
        message = f"The service {service} does not exist; the names of services end with {_SERVICE_DOMAIN}."
        raise ApiError(400, "MalformedPolicyDocument", message)


def _check_length(text: str, parameter: str, longest: int) -> None:
    if not 1 <= len(text) <= longest:
        message = f"The parameter {parameter} must have 1 to {longest} characters."
        raise ApiError(400, f"InvalidParameter.{parameter}.Length", message)


def _parsed(cloud: Cloud, text: str, kind: DocumentKind) -> PolicyDocument:
    try:
        return parse_document(text, kind, cloud.grammar)
    except MalformedDocument as error:
        raise ApiError(400, "MalformedPolicyDocument", str(error)) from error


def _check_principal(cloud: Cloud, arn: str) -> None:
    match arn.split(":"):
        case ["acs", "ram", "" | "*", account, name] if account == cloud.account.account_id:
            exists = _principal_exists(cloud, name)
        case ["acs", "ram", "" | "*", account, _] if account.isdigit():
            exists = True
        case _:
            exists = arn == "*"
    if not exists:
        raise ApiError(400, "MalformedPolicyDocument", f"The principal {arn} does not exist.")


def _principal_exists(cloud: Cloud, name: str) -> bool:
    kind, _, rest = name.partition("/")
    match kind:
        case "root" | "*":
            return not rest
        case "user":
            return rest == "*" or cloud.account.people.users.get(rest) is not None
        case "role":
            return rest == "*" or cloud.ram.roles.get(rest) is not None
    return False


def existing_role(cloud: Cloud, call: Call) -> Role:
    """Return the role that the call names; raise ApiError if there is none."""
    name = role_name(cloud, call)
    role = cloud.role(name)
    if role is None or cloud.is_new(role.create_date, SwitchName.ROLE_SEEN):
        raise ApiError(404, "EntityNotExist.Role", f"The role does not exist: {name}.")
    return role


def add_role(cloud: Cloud, role: Role) -> None:
    """Keep a new role; raise ApiError if its name is taken or the account has no room for it."""
    if cloud.role(role.name) is not None:
        raise ApiError(409, "EntityAlreadyExists.Role", f"The role already exists: {role.name}.")
    if len(cloud.ram.roles) >= (most := cloud.switches.number(SwitchName.ROLES)):
        raise ApiError(409, "LimitExceeded.Role", f"An account has at most {most} roles.")
    cloud.ram.past_roles.note(role.name, None, cloud.clock.now())
    cloud.ram.roles.add(role.name, role)


def ordinary_role(cloud: Cloud, call: Call) -> Role:
    """Return the role that the call would change; raise ApiError if there is none, or a service has it."""
    role = existing_role(cloud, call)
    if role.service:
        message = f"The role {role.name} is linked to {role.service}; only DeleteServiceLinkedRole may change it."
        raise ApiError(403, "NoPermission", message)
    return role


def existing_policy(cloud: Cloud, call: Call, kind: PolicyType) -> Policy:
    """Return the policy that the call names; raise ApiError if there is none."""
    name = policy_name(call)
    policy = cloud.ram.policies[kind].get(name)
    is_new = (
        policy is not None and kind is PolicyType.CUSTOM and cloud.is_new(policy.create_date, SwitchName.POLICY_SEEN)
    )
    if policy is None or is_new:
        raise ApiError(404, "EntityNotExist.Policy", f"The {kind.value.lower()} policy does not exist: {name}.")
    return policy


def holders_seen(cloud: Cloud, policy: Policy) -> set[Holder]:
    """Return who holds a policy, as deleting sees it: a detachment may be seen late."""
    late = {holder for holder, key in _late_detachments(cloud) if key == key_of(policy)}
    return late | set(cloud.ram.attachments.of_policy(key_of(policy)))


def policies_seen(cloud: Cloud, holder: Holder) -> set[PolicyKey]:
    """Return what a holder has, as deleting sees it: a detachment may be seen late."""
    late = {key for other, key in _late_detachments(cloud) if other == holder}
    return late | set(cloud.ram.attachments.of_holder(holder))


def _late_detachments(cloud: Cloud) -> list[tuple[Holder, PolicyKey]]:
    delay = cloud.switches.delay(SwitchName.DETACH_SEEN)
    return cloud.ram.attachments.detached_since(cloud.clock.now() - delay) if delay else []


def shown_document(cloud: Cloud, document: PolicyDocument) -> str:
    """Return the text of a document as answers show it."""
    if cloud.switches.text(SwitchName.STORED_DOCUMENTS) == "as-sent":
        return document.text
    return json.dumps(json.loads(document.text), ensure_ascii=False, indent=2, sort_keys=True)


def existing_user(cloud: Cloud, call: Call) -> User:
    """Return the user that the call names; raise ApiError if there is none."""
    name = user_name(call)
    user = cloud.account.people.users.get(name)
    if user is None:
        raise ApiError(404, "EntityNotExist.User", f"The user does not exist: {name}.")
    return user


def existing_group(cloud: Cloud, call: Call) -> Group:
    """Return the group that the call names; raise ApiError if there is none."""
    name = group_name(call)
    group = cloud.account.people.groups.get(name)
    if group is None:
        raise ApiError(404, "EntityNotExist.Group", f"The group does not exist: {name}.")
    return group


def role_arn(cloud: Cloud, name: str) -> str:
    """Return the ARN of a role as answers show it: the name lower-cased."""
    return f"acs:ram::{cloud.account.account_id}:role/{name.lower()}"


def on_role(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resource of calls on the role that the call names."""
    return (f"acs:ram:*:{cloud.account.account_id}:role/{call.text('RoleName')}",)


def on_policy(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resource of calls on the policy that the call names; system policies belong to no account."""
    owner = "system" if call.text("PolicyType") == PolicyType.SYSTEM else cloud.account.account_id
    return (f"acs:ram:*:{owner}:policy/{call.text('PolicyName')}",)


def on_user(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resource of calls on the user that the call names."""
    return (f"acs:ram:*:{cloud.account.account_id}:user/{call.text('UserName')}",)


def on_group(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resource of calls on the group that the call names."""
    return (f"acs:ram:*:{cloud.account.account_id}:group/{call.text('GroupName')}",)


def on_everything(cloud: Cloud, call: Call) -> Sequence[str]:
    """Return the resource of calls that can be allowed on all resources only."""
    return ("*",)


def on_all(kind: str) -> Callable[[Cloud, Call], Sequence[str]]:
    """Return the resource of calls that list everything of a kind."""

    def resources(cloud: Cloud, call: Call) -> Sequence[str]:
        return (f"acs:ram:*:{cloud.account.account_id}:{kind}/*",)

    return resources
