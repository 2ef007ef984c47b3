"""Another hand: somebody who changes the cloud with the SDK, not knowing of the operator."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

_VERSIONS = {"Ram": "2015-05-01", "Ecs": "2014-05-26"}
ECS_TRUST = {
    "Version": "1",
    "Statement": [{"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}],
}


class Hand:
    """Calls RAM and ECS with the account's own key."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        address = urlsplit(facts["endpoint"])
        self._host = address.hostname
        self._client = AcsClient(
            facts["accessKeyId"], facts["accessKeySecret"], "cn-hangzhou", port=address.port, timeout=10
        )

    def ram(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Call an action of RAM; a refusal is a ServerException."""
        return self._call("Ram", action, parameters)

    def ecs(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Call an action of ECS in cn-hangzhou; a refusal is a ServerException."""
        return self._call("Ecs", action, {"RegionId": "cn-hangzhou", **parameters})

    def create_role(self, name: str, tagged: Mapping[str, str] | None = None) -> None:
        """Create a role that ECS may play."""
        trust = json.dumps(ECS_TRUST)
        self.ram("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust, Tag=tags(tagged or {}))

    def create_policy(self, name: str, document: Mapping[str, Any], tagged: Mapping[str, str] | None = None) -> None:
        """Create a custom policy."""
        self.ram("CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(document), Tag=tags(tagged or {}))

    def tag_role(self, name: str, **pairs: str) -> None:
        """Add or overwrite tags of a role."""
        self.ram("TagResources", ResourceType="role", ResourceNames=json.dumps([name]), Tag=tags(pairs))

    def attach_policy(self, policy: str, role: str, kind: str = "Custom") -> None:
        """Attach a policy to a role."""
        self.ram("AttachPolicyToRole", PolicyType=kind, PolicyName=policy, RoleName=role)

    def detach_policy(self, policy: str, role: str, kind: str = "Custom") -> None:
        """Detach a policy from a role."""
        self.ram("DetachPolicyFromRole", PolicyType=kind, PolicyName=policy, RoleName=role)

    def attach_role(self, role: str, *instances: str) -> None:
        """Give a role to instances."""
        self.ecs("AttachInstanceRamRole", RamRoleName=role, InstanceIds=json.dumps(instances))

    def detach_role(self, role: str, *instances: str) -> None:
        """Take a role from instances."""
        self.ecs("DetachInstanceRamRole", RamRoleName=role, InstanceIds=json.dumps(instances))

    def policy_versions(self, name: str) -> list[str]:
        """Return the versions of a custom policy."""
        answer = self.ram("ListPolicyVersions", PolicyType="Custom", PolicyName=name)
        return [version["VersionId"] for version in answer["PolicyVersions"]["PolicyVersion"]]

    def _call(self, product: str, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        request = CommonRequest(domain=self._host, version=_VERSIONS[product], action_name=action, product=product)
        request.set_method("POST")
        request.set_protocol_type("http")
        for name, value in parameters.items():
            request.add_query_param(name, value)
        try:
            answer: dict[str, Any] = json.loads(self._client.do_action_with_exception(request))
        finally:
            # left open, the garbage collector may come upon the socket before its owner closes it, and warn
            self._client.session.close()
        assert all(row.get("Success") is not False for row in _results(answer)), answer
        return answer


def tags(pairs: Mapping[str, str]) -> str:
    """Tags as the wire has them."""
    return json.dumps([{"Key": key, "Value": value} for key, value in pairs.items()])


def marks(cluster: str, kind: str, name: str) -> dict[str, str]:
    """The tags by which an object of a cluster owns something."""
    return {"ram-operator:cluster": cluster, "ram-operator:kind": kind, "ram-operator:name": name}


def _results(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = answer.get("AttachInstanceRamRoleResults") or answer.get("DetachInstanceRamRoleResults") or {}
    rows: list[Mapping[str, Any]] = [row for rows in found.values() for row in rows]
    return rows


__all__ = ["ECS_TRUST", "Hand", "ServerException"]
