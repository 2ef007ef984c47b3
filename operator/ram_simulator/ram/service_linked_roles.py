"""Roles that belong to a service of the cloud: CreateServiceLinkedRole and DeleteServiceLinkedRole.

Their pages have no error codes; what is refused here has the codes that RAM has for roles. The deletion itself takes no
time, so that its task is at its end before anybody can ask for it; the call that would is Resource Management's.
"""

import json
import re
import uuid
from collections.abc import Mapping

from ram_simulator.cloud.account import random_digits
from ram_simulator.cloud.calls import Action, Answer, Call, table
from ram_simulator.cloud.clock import to_seconds
from ram_simulator.cloud.cloud import Cloud
from ram_simulator.cloud.errors import ApiError
from ram_simulator.cloud.ram_store import Role
from ram_simulator.policies import DocumentKind, parse_document
from ram_simulator.ram.checks import LINKED_ROLE, add_role, description, existing_role, on_all, on_role, role_arn

_SERVICE = re.compile(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,2}\.aliyuncs\.com")
_SUFFIX = re.compile(r"[A-Za-z0-9.-]*")
_LONGEST_NAME = 64
_SESSION_SECONDS = 3600
# those of the pages that cannot be derived from the name of the service
_NAMES: Mapping[str, str] = {
    "polardb.aliyuncs.com": "PolarDB",
    "ops.elasticsearch.aliyuncs.com": "ElasticsearchOps",
}


def create_service_linked_role(cloud: Cloud, call: Call) -> Answer:
    """Create the role of a service, or one of several if they have a suffix."""
    service, suffix = _service(call), _suffix(call)
    name = _role_name(service, suffix)
    # without a suffix the description is the service's own, whatever is sent
    given = description(call, "Description")
    trust = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": [service]}}
    now = cloud.clock.now()
    role = Role(
        name=name,
        role_id=random_digits(18),
        description=given if suffix else f"The service-linked role of {service}.",
        trust=parse_document(json.dumps({"Statement": [trust], "Version": "1"}), DocumentKind.TRUST),
        max_session_duration=_SESSION_SECONDS,
        create_date=now,
        update_date=now,
        trust_date=now,
        service=service,
    )
    add_role(cloud, role)
    return {"Role": _shown(cloud, role)}


def delete_service_linked_role(cloud: Cloud, call: Call) -> Answer:
    """Delete the role of a service, at once, and name the task that has done it."""
    role = existing_role(cloud, call)
    if not role.service:
        message = f"The role {role.name} is no service-linked role; DeleteRole deletes it."
        raise ApiError(400, "InvalidParameter.RoleName", message)
    cloud.ram.roles.remove(role.name)
    return {"DeletionTaskId": f"task/acs-service-role/{role.service}/{role.name}/{uuid.uuid4()}"}


def _service(call: Call) -> str:
    service = call.text("ServiceName")
    if not _SERVICE.fullmatch(service):
        message = "The parameter ServiceName must be one such as polardb.aliyuncs.com."
        raise ApiError(400, "InvalidParameter.ServiceName", message)
    return service


def _suffix(call: Call) -> str:
    suffix = call.text("CustomSuffix")
    if not _SUFFIX.fullmatch(suffix):
        message = "The parameter CustomSuffix contains invalid chars; [A-Za-z0-9.-] are allowed."
        raise ApiError(400, "InvalidParameter.CustomSuffix", message)
    return suffix


def _role_name(service: str, suffix: str) -> str:
    words = re.split(r"[.-]", service.removesuffix(".aliyuncs.com"))
    name = LINKED_ROLE + (_NAMES.get(service) or "".join(word.capitalize() for word in words))
    name += f"_{suffix}" if suffix else ""
    if len(name) > _LONGEST_NAME:
        message = f"The name of the role would have more than {_LONGEST_NAME} characters: {name}."
        raise ApiError(400, "InvalidParameter.CustomSuffix", message)
    return name


def _shown(cloud: Cloud, role: Role) -> Answer:
    return {
        "RoleId": role.role_id,
        "RoleName": role.name,
        "Arn": role_arn(cloud, role.name),
        "Description": role.description,
        "AssumeRolePolicyDocument": role.trust.text,
        "CreateDate": to_seconds(role.create_date),
        "IsServiceLinkedRole": True,
    }


def _service_key(cloud: Cloud, call: Call) -> Mapping[str, str]:
    """Return the condition key of creating: the service."""
    return {"ram:ServiceName": call.text("ServiceName")}


def _own_service_key(cloud: Cloud, call: Call) -> Mapping[str, str]:
    """Return the condition key of deleting: the service of the role, if there is the role."""
    role = cloud.role(call.text("RoleName"))
    return {} if role is None else {"ram:ServiceName": role.service}


ACTIONS = table(
    Action(
        "CreateServiceLinkedRole",
        create_service_linked_role,
        on_all("role"),
        ("ServiceName",),
        ("CustomSuffix", "Description"),
        write=True,
        keys=_service_key,
    ),
    Action(
        "DeleteServiceLinkedRole",
        delete_service_linked_role,
        on_role,
        ("RoleName",),
        write=True,
        keys=_own_service_key,
    ),
)
