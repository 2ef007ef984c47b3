"""RAM behind its port: roles, policies, attachments, tags.

Built in `cloud.connection`. Parameters and shapes: https://api.aliyun.com, RAM 2015-05-01. Tags are one parameter with
a JSON array, which the SDK's setters write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from aliyunsdkram.request.v20150501.AttachPolicyToGroupRequest import AttachPolicyToGroupRequest
from aliyunsdkram.request.v20150501.AttachPolicyToRoleRequest import AttachPolicyToRoleRequest
from aliyunsdkram.request.v20150501.AttachPolicyToUserRequest import AttachPolicyToUserRequest
from aliyunsdkram.request.v20150501.CreatePolicyRequest import CreatePolicyRequest
from aliyunsdkram.request.v20150501.CreatePolicyVersionRequest import CreatePolicyVersionRequest
from aliyunsdkram.request.v20150501.CreateRoleRequest import CreateRoleRequest
from aliyunsdkram.request.v20150501.DeletePolicyRequest import DeletePolicyRequest
from aliyunsdkram.request.v20150501.DeleteRoleRequest import DeleteRoleRequest
from aliyunsdkram.request.v20150501.DetachPolicyFromGroupRequest import DetachPolicyFromGroupRequest
from aliyunsdkram.request.v20150501.DetachPolicyFromRoleRequest import DetachPolicyFromRoleRequest
from aliyunsdkram.request.v20150501.DetachPolicyFromUserRequest import DetachPolicyFromUserRequest
from aliyunsdkram.request.v20150501.GetPolicyRequest import GetPolicyRequest
from aliyunsdkram.request.v20150501.GetRoleRequest import GetRoleRequest
from aliyunsdkram.request.v20150501.ListEntitiesForPolicyRequest import ListEntitiesForPolicyRequest
from aliyunsdkram.request.v20150501.ListPoliciesForRoleRequest import ListPoliciesForRoleRequest
from aliyunsdkram.request.v20150501.ListPoliciesRequest import ListPoliciesRequest
from aliyunsdkram.request.v20150501.ListRolesRequest import ListRolesRequest
from aliyunsdkram.request.v20150501.ListTagResourcesRequest import ListTagResourcesRequest
from aliyunsdkram.request.v20150501.TagResourcesRequest import TagResourcesRequest
from aliyunsdkram.request.v20150501.UpdatePolicyDescriptionRequest import UpdatePolicyDescriptionRequest
from aliyunsdkram.request.v20150501.UpdateRoleRequest import UpdateRoleRequest

from ram_operator.cloud import (
    Entities,
    Grantee,
    GranteeKind,
    NewPolicy,
    NewRole,
    Policy,
    PolicyEntry,
    PolicyName,
    PolicyType,
    Role,
    RoleChange,
    RoleEntry,
    Taggable,
)
from ram_operator.cloud.client import Client, RequestClass
from ram_operator.cloud.client.answers import Answer
from ram_operator.cloud.client.listing import pages

_GRANTEES: Mapping[GranteeKind, tuple[str, RequestClass, RequestClass]] = {
    GranteeKind.USER: ("UserName", AttachPolicyToUserRequest, DetachPolicyFromUserRequest),
    GranteeKind.GROUP: ("GroupName", AttachPolicyToGroupRequest, DetachPolicyFromGroupRequest),
    GranteeKind.ROLE: ("RoleName", AttachPolicyToRoleRequest, DetachPolicyFromRoleRequest),
}
"""The parameter that names a grantee, and the requests that attach to it and detach from it."""
PAGE = 1000
TAG_PAGE = 100
"""Rows a page, the most that ListRoles and ListPolicies, and ListTagResources allow."""


class Ram:
    """Implements `RamApi`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get_role(self, name: str) -> Role:
        """Return the role; raises NotFound."""
        return _role((await self._client.call(GetRoleRequest, {"RoleName": name})).part("Role"))

    async def list_roles(self) -> Sequence[RoleEntry]:
        """Return all roles of the account: one request per 1,000."""
        return [_role_entry(row) async for page in self._pages(ListRolesRequest) for row in page.rows("Roles", "Role")]

    async def create_role(self, role: NewRole) -> Role:
        """Create the role together with its tags; raises AlreadyExists."""
        parameters = {
            "RoleName": role.name,
            "AssumeRolePolicyDocument": role.trust,
            "MaxSessionDuration": role.max_session_seconds,
            **_described(role.description, role.tags),
        }
        return _role((await self._client.call(CreateRoleRequest, parameters)).part("Role"), trust=role.trust)

    async def update_role(self, name: str, change: RoleChange) -> None:
        """Change what `change` names and leave the rest."""
        parameters: dict[str, object] = {"RoleName": name, "NewMaxSessionDuration": change.max_session_seconds}
        if change.trust is not None:
            parameters["NewAssumeRolePolicyDocument"] = change.trust
        if change.description is not None:
            parameters["NewDescription"] = change.description
        await self._client.call(UpdateRoleRequest, parameters)

    async def delete_role(self, name: str) -> None:
        """Delete the role; raises NotFound, and InUse while policies are attached."""
        await self._client.call(DeleteRoleRequest, {"RoleName": name})

    async def get_policy(self, policy: PolicyName) -> Policy:
        """Return the policy with its default version's document; raises NotFound."""
        answer = await self._client.call(GetPolicyRequest, _named(policy))
        return _policy(answer.part("Policy"), answer.part("DefaultPolicyVersion"))

    async def list_policies(self, policy_type: PolicyType) -> Sequence[PolicyEntry]:
        """Return all policies of a type: one request per 1,000."""
        pages = self._pages(ListPoliciesRequest, {"PolicyType": policy_type.value})
        return [_policy_entry(row) async for page in pages for row in page.rows("Policies", "Policy")]

    async def create_policy(self, policy: NewPolicy) -> None:
        """Create a custom policy together with its tags; raises AlreadyExists."""
        parameters = {
            "PolicyName": policy.name,
            "PolicyDocument": policy.document,
            **_described(policy.description, policy.tags),
        }
        await self._client.call(CreatePolicyRequest, parameters)

    async def update_policy_description(self, name: str, description: str) -> None:
        """Change a custom policy's description."""
        await self._client.call(UpdatePolicyDescriptionRequest, {"PolicyName": name, "NewDescription": description})

    async def create_policy_version(self, name: str, document: str) -> None:
        """Make `document` the default version, rotating out the oldest non-default one where five exist."""
        parameters = {
            "PolicyName": name,
            "PolicyDocument": document,
            # As text: the SDK would send Python's True.
            "SetAsDefault": "true",
            "RotateStrategy": "DeleteOldestNonDefaultVersionWhenLimitExceeded",
        }
        await self._client.call(CreatePolicyVersionRequest, parameters)

    async def delete_policy(self, name: str) -> None:
        """Delete a custom policy with all its versions; raises NotFound, and InUse while attached."""
        await self._client.call(DeletePolicyRequest, {"PolicyName": name, "CascadingDelete": "true"})

    async def attach_policy_to_role(self, policy: PolicyName, role: str) -> None:
        """Attach; raises AlreadyExists where it is attached already."""
        await self._client.call(AttachPolicyToRoleRequest, {**_named(policy), "RoleName": role})

    async def detach_policy_from_role(self, policy: PolicyName, role: str) -> None:
        """Detach; raises NotFound where it is not attached."""
        await self._client.call(DetachPolicyFromRoleRequest, {**_named(policy), "RoleName": role})

    async def attach_policy(self, policy: PolicyName, grantee: Grantee) -> None:
        """Attach to a user, group or role; raises AlreadyExists where it is attached already."""
        parameter, attach, _ = _GRANTEES[grantee.kind]
        await self._client.call(attach, {**_named(policy), parameter: grantee.name})

    async def detach_policy(self, policy: PolicyName, grantee: Grantee) -> None:
        """Detach from a user, group or role; raises NotFound where it is not attached."""
        parameter, _, detach = _GRANTEES[grantee.kind]
        await self._client.call(detach, {**_named(policy), parameter: grantee.name})

    async def list_policies_for_role(self, role: str) -> Mapping[PolicyName, str]:
        """Return the policies attached to a role, each with its default version; raises NotFound."""
        answer = await self._client.call(ListPoliciesForRoleRequest, {"RoleName": role})
        rows = answer.rows("Policies", "Policy")
        return {
            PolicyName(row.choice("PolicyType", PolicyType), row.word("PolicyName")): row.word("DefaultVersion")
            for row in rows
        }

    async def list_entities_for_policy(self, policy: PolicyName) -> Entities:
        """Return what a policy is attached to; raises NotFound."""
        answer = await self._client.call(ListEntitiesForPolicyRequest, _named(policy))
        return Entities(
            roles=tuple(row.word("RoleName") for row in answer.rows("Roles", "Role")),
            users=tuple(row.word("UserName") for row in answer.rows("Users", "User")),
            groups=tuple(row.word("GroupName") for row in answer.rows("Groups", "Group")),
        )

    async def list_tags(self, resource: Taggable, name: str) -> Mapping[str, str]:
        """Return the tags of one role or policy."""
        parameters = {**_tagged(resource, name), "PageSize": TAG_PAGE}
        listed = pages(self._client, ListTagResourcesRequest, parameters, _by_token)
        return {row.text("TagKey"): row.text("TagValue") async for page in listed for row in page.rows("TagResources")}

    async def tag(self, resource: Taggable, name: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags of one role or policy."""
        await self._client.call(TagResourcesRequest, {**_tagged(resource, name), "Tag": _tag_list(tags)})

    def _pages(self, request_class: RequestClass, filters: Mapping[str, object] | None = None) -> AsyncIterator[Answer]:
        return pages(self._client, request_class, {"MaxItems": PAGE, **(filters or {})}, _by_marker)


def _by_marker(page: Answer) -> Mapping[str, object] | None:
    return {"Marker": page.text("Marker")} if page.flag("IsTruncated") else None


def _by_token(page: Answer) -> Mapping[str, object] | None:
    return {"NextToken": token} if (token := page.text("NextToken")) else None


def _named(policy: PolicyName) -> dict[str, object]:
    return {"PolicyType": policy.type.value, "PolicyName": policy.name}


def _tagged(resource: Taggable, name: str) -> dict[str, object]:
    return {"ResourceType": resource.value, "ResourceNames": [name]}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _described(description: str, tags: Mapping[str, str]) -> dict[str, object]:
    """Leave out what is empty: RAM wants a description of at least one character, and at least one tag."""
    found: dict[str, object] = {}
    if description:
        found["Description"] = description
    if tags:
        found["Tag"] = _tag_list(tags)
    return found


def _role(row: Answer, trust: str = "") -> Role:
    return Role(
        name=row.word("RoleName"),
        role_id=row.word("RoleId"),
        arn=row.word("Arn"),
        description=row.text("Description"),
        trust=row.text("AssumeRolePolicyDocument") or trust,
        max_session_seconds=row.number("MaxSessionDuration"),
        # CreateRole answers without UpdateDate, and a role just created has it equal to CreateDate.
        update_date=row.word("UpdateDate") or row.word("CreateDate"),
    )


def _role_entry(row: Answer) -> RoleEntry:
    return RoleEntry(
        name=row.word("RoleName"),
        role_id=row.word("RoleId"),
        arn=row.word("Arn"),
        description=row.text("Description"),
        max_session_seconds=row.number("MaxSessionDuration"),
        update_date=row.word("UpdateDate"),
        tags=row.tags(),
        create_date=row.word("CreateDate"),
    )


def _policy(row: Answer, version: Answer) -> Policy:
    return Policy(
        name=row.word("PolicyName"),
        type=row.choice("PolicyType", PolicyType),
        description=row.text("Description"),
        default_version=row.word("DefaultVersion"),
        document=version.text("PolicyDocument"),
        update_date=row.word("UpdateDate"),
        attachment_count=row.number("AttachmentCount"),
    )


def _policy_entry(row: Answer) -> PolicyEntry:
    return PolicyEntry(
        name=row.word("PolicyName"),
        type=row.choice("PolicyType", PolicyType),
        description=row.text("Description"),
        default_version=row.word("DefaultVersion"),
        update_date=row.word("UpdateDate"),
        attachment_count=row.number("AttachmentCount"),
        tags=row.tags(),
        create_date=row.word("CreateDate"),
    )
