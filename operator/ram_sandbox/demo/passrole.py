"""The pages' last row: a RAM user who creates an instance with a role needs ram:PassRole. Called by steps.

Done with the SDK by the account's owner and by the built-in fixture's user ``dev``.
"""

import json
from typing import Any, Final

from ram_sandbox.demo.applications import Person, account_owner
from ram_sandbox.demo.story import StepFailed, Story

_POLICY: Final = "DevMayCreateInstances"
_DEV_KEY: Final = ("simulator-dev", "simulator-dev-secret")
_CREATE: Final = {
    "RegionId": "cn-hangzhou",
    "ImageId": "centos_7_03_64_40G_alibase_20170503.vhd",
    "InstanceType": "ecs.xn4.small",
    "RamRoleName": "EcsRamRoleDocumentTesting",
}
_VSWITCH: Final = {"VSwitchId": "vsw-bp1simulator00000001"}


def developer_needs_pass_role(story: Story) -> None:
    """Refused without ram:PassRole, refused without a VSwitch, created with both."""
    simulator = story.sandbox.simulator
    owner, dev = account_owner(simulator), Person(simulator, *_DEV_KEY)
    _must(owner.call("Ram", "CreatePolicy", {"PolicyName": _POLICY, "PolicyDocument": _document("ecs:CreateInstance")}))
    holder = {"PolicyType": "Custom", "PolicyName": _POLICY, "UserName": "dev"}
    _must(owner.call("Ram", "AttachPolicyToUser", holder))
    answer = dev.call("Ecs", "CreateInstance", _CREATE | _VSWITCH)
    _refused(story, "without ram:PassRole", "InvalidUser.PassRoleForbidden", answer)
    document = _document("ecs:CreateInstance", "ram:PassRole")
    version = {"PolicyName": _POLICY, "PolicyDocument": document, "SetAsDefault": "true"}
    _must(owner.call("Ram", "CreatePolicyVersion", version))
    _refused(
        story, "without VSwitchId", "InvalidNetworkType.MismatchRamRole", dev.call("Ecs", "CreateInstance", _CREATE)
    )
    instance = str(_must(dev.call("Ecs", "CreateInstance", _CREATE | _VSWITCH))["InstanceId"])
    story.show(f"CreateInstance as dev, with ram:PassRole: {instance}")
    _must_play(story, instance)
    simulator.delete(f"/instances/{instance}")
    _must(owner.call("Ram", "DetachPolicyFromUser", holder))
    _must(owner.call("Ram", "DeletePolicyVersion", {"PolicyName": _POLICY, "VersionId": "v1"}))
    _must(owner.call("Ram", "DeletePolicy", {"PolicyName": _POLICY}))


def _document(*actions: str) -> str:
    return json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]})


def _must(answer: dict[str, Any]) -> dict[str, Any]:
    if "Code" in answer:
        raise StepFailed("an answer without an error", f"{answer['Code']}: {answer.get('Message')}")
    return answer


def _refused(story: Story, case: str, code: str, answer: dict[str, Any]) -> None:
    if answer.get("Code") != code:
        raise StepFailed(f"CreateInstance {case} refused with {code}", answer)
    story.show(f"CreateInstance as dev, {case}: {code}: {answer['Message']}")


def _must_play(story: Story, instance: str) -> None:
    role = [
        entry.get("ramRoleName")
        for entry in story.sandbox.simulator.get("/state")["instances"]
        if entry["instanceId"] == instance
    ]
    if role != [_CREATE["RamRoleName"]]:
        raise StepFailed([_CREATE["RamRoleName"]], role)
