"""Roles: CreateRole, GetRole, UpdateRole, DeleteRole, ListRoles."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ram_simulator.cloud.account import random_digits
from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.ram_store import Role
from ram_simulator.cloud.switches import SWITCHES, SwitchName
from ram_simulator.policies import DocumentKind, parse_document
from ram_simulator.policies.model import MalformedDocument
from ram_simulator.ram.checks import (
    add_role,
    description,
    existing_role,
    on_all,
    on_role,
    ordinary_role,
    policies_seen,
    role_arn,
    role_name,
    shown_document,
    trust,
)
from ram_simulator.ram.tags import new_tags, tag_filter, tag_list

_SHORTEST_SESSION, _LONGEST_SESSION = 3600, 43200


def create_role(cloud: Cloud, call: Call) -> Answer:
    """Create a role."""
    name = role_name(cloud, call)
    document = trust(cloud, call, "AssumeRolePolicyDocument")
    now = cloud.clock.now()
    role = Role(
        name=name,
        role_id=random_digits(18),
        description=_description(cloud, call, "Description"),
        trust=document,
        max_session_duration=_session_duration(cloud, call, "MaxSessionDuration", _SHORTEST_SESSION),
        create_date=now,
        update_date=now,
        trust_date=now,
        tags=new_tags(call),
        allows_console_login=_console_login(call, "AllowConsoleLogin", default=True),
    )
    add_role(cloud, role)
    return {"Role": _with_trust(cloud, role)}


def get_role(cloud: Cloud, call: Call) -> Answer:
    """Show a role, its tags apart."""
    role = cloud.seen_role(existing_role(cloud, call))
    shown = _with_trust(cloud, role) | {
        "UpdateDate": to_seconds(role.update_date),
        "IsServiceLinkedRole": bool(role.service),
        "RolePrincipalName": f"{role.name.lower()}@role.{cloud.account.account_id}.onaliyunservice.com",
    }
    return {"Role": shown}


def update_role(cloud: Cloud, call: Call) -> Answer:
    """Change trust, description and session duration; what is not sent stays."""
    role = ordinary_role(cloud, call)
    new_description = _description(cloud, call, "NewDescription")
    reset = cloud.switches.text(SwitchName.UPDATE_ROLE_DURATION) == "reset"
    unnamed = _SHORTEST_SESSION if reset else role.max_session_duration
    duration = _session_duration(cloud, call, "NewMaxSessionDuration", unnamed)
    console_login = _console_login(call, "NewAllowConsoleLogin", default=role.allows_console_login)
    new_trust = None
    if call.optional("NewAssumeRolePolicyDocument") is not None:
        new_trust = trust(cloud, call, "NewAssumeRolePolicyDocument")
    cloud.ram.note_change(role, cloud.clock.now())
    if new_trust is not None:
        role.earlier_trust, role.trust, role.trust_date = role.trust, new_trust, cloud.clock.now()
    if call.optional("NewDescription") is not None:
        role.description = new_description
    role.max_session_duration, role.allows_console_login = duration, console_login
    role.update_date = cloud.clock.now()
    return {"Role": _with_trust(cloud, role) | {"UpdateDate": to_seconds(role.update_date)}}


def delete_role(cloud: Cloud, call: Call) -> Answer:
    """Delete a role that holds no policy; instances that have it are no obstacle."""
    role = ordinary_role(cloud, call)
    if policies_seen(cloud, role.holder):
        message = f"The role still has policies attached: {role.name}. Detach them first."
        raise ApiError(409, "DeleteConflict.Role.Policy", message)
    # no refusal for instances that have it is documented; they keep the name
    if cloud.switches.text(SwitchName.DELETE_ROLE_IN_USE) == "refused" and _is_attached(cloud, role):
        raise ApiError(409, "DeleteConflict.Role.Instance", f"Instances still have the role: {role.name}.")
    cloud.ram.note_change(role, cloud.clock.now())
    cloud.ram.roles.remove(role.name)
    return {}


def _is_attached(cloud: Cloud, role: Role) -> bool:
    holders = cloud.ecs.having_role_anywhere(role.name)
    return any(holder.binding and cloud.is_same_role(holder.binding.role_name, role.name) for holder in holders)


def list_roles(cloud: Cloud, call: Call) -> Answer:
    """List roles by pages, without their trust policies."""
    page = cloud.listed_roles().page(call.marker("Marker"), call.number("MaxItems", 100, 1, 1000), tag_filter(call))
    shown = [
        _summary(cloud, role) | {"UpdateDate": to_seconds(role.update_date), "Tags": tag_list(role.tags)}
        for role in page.items
    ]
    answer: Answer = {"IsTruncated": page.marker is not None, "Roles": {"Role": shown}}
    return answer | ({"Marker": page.marker} if page.marker else {})


def _summary(cloud: Cloud, role: Role) -> Answer:
    return {
        "RoleId": role.role_id,
        "RoleName": role.name,
        "Arn": role_arn(cloud, role.name),
        "Description": role.description,
        "CreateDate": to_seconds(role.create_date),
        "MaxSessionDuration": role.max_session_duration,
        "AllowConsoleLogin": role.allows_console_login,
    }


def _with_trust(cloud: Cloud, role: Role) -> Answer:
    return _summary(cloud, role) | {"AssumeRolePolicyDocument": shown_document(cloud, role.trust)}


def _session_duration(cloud: Cloud, call: Call, parameter: str, default: int) -> int:
    with _coded(cloud, SwitchName.SESSION_DURATION_CODE):
        return call.number(parameter, default, _SHORTEST_SESSION, _LONGEST_SESSION)


def _console_login(call: Call, parameter: str, *, default: bool) -> bool:
    return call.flag(parameter) if call.text(parameter) else default


def _description(cloud: Cloud, call: Call, parameter: str) -> str:
    with _coded(cloud, SwitchName.ROLE_DESCRIPTION_CODE):
        return description(call, parameter)


@contextmanager
def _coded(cloud: Cloud, switch: SwitchName) -> Iterator[None]:
    """Give a refusal the code of a switch that has been changed."""
    try:
        yield
    except ApiError as error:
        code = cloud.switches.text(switch)
        if code == SWITCHES[switch].default:
            raise
        raise ApiError(400, code, error.message) from error


def _trust_keys(cloud: Cloud, call: Call) -> Mapping[str, tuple[str, ...]]:
    """Return the condition keys of CreateRole: the kinds of principals trusted, and the services among them."""
    try:
        document = parse_document(call.text("AssumeRolePolicyDocument"), DocumentKind.TRUST, cloud.grammar)
    except MalformedDocument:
        return {}
    trusting = [statement for statement in document.statements if not statement.excludes_principals]
    principals = [item for statement in trusting for item in statement.principals.items()]
    services = [name for kind, names in principals if kind == "Service" for name in names]
    return {
        "ram:TrustedPrincipalTypes": tuple(dict.fromkeys(kind for kind, _ in principals)),
        "ram:ServiceNames": tuple(services),
    }


ACTIONS = table(
    Action(
        "CreateRole",
        create_role,
        on_role,
        ("RoleName", "AssumeRolePolicyDocument"),
        ("Description", "MaxSessionDuration", "Tag", "AllowConsoleLogin"),
        write=True,
        keys=_trust_keys,
    ),
    Action("GetRole", get_role, on_role, ("RoleName",)),
    Action(
        "UpdateRole",
        update_role,
        on_role,
        ("RoleName",),
        ("NewAssumeRolePolicyDocument", "NewDescription", "NewMaxSessionDuration", "NewAllowConsoleLogin"),
        write=True,
    ),
    Action("DeleteRole", delete_role, on_role, ("RoleName",), write=True),
    Action("ListRoles", list_roles, on_all("role"), (), ("Marker", "MaxItems", "Tag")),
)
