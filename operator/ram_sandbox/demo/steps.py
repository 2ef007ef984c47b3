"""The steps of the demo, in order. Each does one thing as a person would, and checks what came of it."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from ram_sandbox.demo.applications import account_owner, list_bucket, masked, metadata_url, read_metadata
from ram_sandbox.demo.authoring import paste_with_mistakes
from ram_sandbox.demo.passrole import developer_needs_pass_role
from ram_sandbox.demo.replacing import replace_worker_role
from ram_sandbox.demo.story import StepFailed, Story
from ram_sandbox.installation import RUN_LABEL
from ram_sandbox.sources import source

ROLE: Final = "EcsRamRoleDocumentTesting"
BUCKET: Final = "ramroletest"
OBJECTS: Final = ["ramroletest.txt", "test.sh"]
SAMPLES: Final = ("rampolicy/oss-read", "ramrole/oss-reader", "instancerolebinding/storage-pool")
_NODES: Final = 2
_READ_ONLY: Final = ["oss:Get*", "oss:List*"]


def apply_samples(story: Story) -> None:
    """Policy, role and binding become Ready, and the cloud has the policy in the role."""
    story.before = story.sandbox.simulator.get("/state")
    story.kubectl("apply", "-f", str(source("samples")))
    story.await_ready(*SAMPLES)
    story.kubectl("get", "rampolicies,ramroles,instancerolebindings")
    attachments = [entry for entry in story.sandbox.simulator.get("/state")["attachments"] if "roleName" in entry]
    wanted = {"policyType": "Custom", "policyName": f"{ROLE}Policy", "roleName": ROLE}
    if wanted not in attachments:
        raise StepFailed(wanted, attachments)


def nodes_join(story: Story) -> None:
    """Two nodes of the pool appear, and their instances get the role."""
    story.sandbox.add_nodes(_NODES)
    story.expect(["Attached"] * _NODES, lambda: [row.get("state") for row in _rows(story)])
    story.expect([ROLE] * _NODES, lambda: [_role_of(story, instance) for instance in _instances(story)])
    story.kubectl("get", "nodes", "-o", "custom-columns=NAME:.metadata.name,INSTANCE:.spec.providerID")
    story.await_ready(SAMPLES[-1])
    story.kubectl("get", "instancerolebinding", "storage-pool")
    for row in _rows(story):
        story.show(f"{row['node']}: {row['instance']} is {row['state']}")


def take_credential(story: Story) -> None:
    """The metadata service of a node's instance hands out a credential, under both spellings of the pages."""
    instance = _instances(story)[0]
    listed = read_metadata(story.sandbox.simulator, instance, "ram/security-credentials/").split()
    if listed != [ROLE]:
        raise StepFailed([ROLE], listed)
    address = metadata_url(story.sandbox.simulator, instance, "")
    story.show(f"METADATA={address}\nin the instance itself it is http://100.100.100.200/latest/meta-data/")
    for spelling in ("ram", "Ram"):
        path = f"{spelling}/security-credentials/{ROLE}"
        story.credential = json.loads(read_metadata(story.sandbox.simulator, instance, path))
        if story.credential.get("Code") != "Success":
            raise StepFailed("Code: Success", story.credential.get("Code"))
        if spelling == "ram":
            story.show(f"$ curl ${{METADATA}}{path}\n{_without_secrets(story.credential)}")
    story.show("the documentation writes Ram/ in places: that path answers as well")


def _without_secrets(credential: Mapping[str, str]) -> str:
    hidden = ("AccessKeyId", "AccessKeySecret", "SecurityToken")
    return json.dumps(
        {name: masked(value) if name in hidden else value for name, value in credential.items()}, indent=2
    )


def list_objects(story: Story) -> None:
    """The pages' own program lists the bucket with that credential."""
    story.expect(OBJECTS, lambda: list_bucket(story.sandbox.simulator, story.credential, BUCKET))
    story.show(f"oss2.ObjectIterator({BUCKET}): {', '.join(OBJECTS)}")


def edit_policy(story: Story) -> None:
    """Only the policy is edited, nothing is done on the node: the same credential may list no more, then again."""
    for actions, expected in ((["oss:GetObject"], ["AccessDenied"]), (_READ_ONLY, OBJECTS)):
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        patch = {"spec": {"document": {"Statement": [statement]}}}
        story.kubectl("patch", "rampolicy", "oss-read", "--type=merge", "-p", json.dumps(patch))
        story.expect(expected, lambda: list_bucket(story.sandbox.simulator, story.credential, BUCKET))
        story.show(f"with {' and '.join(actions)}, the same credential lists: {', '.join(expected)}")
    story.await_ready(SAMPLES[0])


def detach_behind_our_back(story: Story) -> None:
    """Somebody detaches the role in the console, and the operator's sweep gives it back."""
    instance = _instances(story)[0]
    region = str(_rows(story)[0]["instance"]).partition(".")[0]
    call = {"RegionId": region, "InstanceIds": json.dumps([instance]), "RamRoleName": ROLE}
    answer = account_owner(story.sandbox.simulator).call("Ecs", "DetachInstanceRamRole", call)
    gone = _role_of(story, instance)
    if "Code" in answer or gone == ROLE:
        raise StepFailed(f"{instance} without a role", answer)
    story.show(f"DetachInstanceRamRole {instance}: it has {gone or 'no role'} now")
    story.expect(ROLE, lambda: _role_of(story, instance))
    story.show(f"it has {ROLE} again")
    story.await_ready(SAMPLES[-1])


def delete_everything(story: Story) -> None:
    """All objects go, and the cloud is as it was before the first step."""
    story.kubectl("delete", "-f", str(source("samples")), "--timeout=60s")
    run = story.sandbox.installation.run
    story.sandbox.kubectl.ok("delete", "nodes", "-l", f"{RUN_LABEL}={run}")
    story.expect(story.before, lambda: story.sandbox.simulator.get("/state"))
    story.show("the cloud's state equals the one before the first step")


def _rows(story: Story) -> list[dict[str, Any]]:
    binding = story.sandbox.kubectl.get("instancerolebinding", "storage-pool")
    rows: list[dict[str, Any]] = binding.get("status", {}).get("instances", [])
    return rows


def _instances(story: Story) -> list[str]:
    return [str(row["instance"]).partition(".")[2] for row in _rows(story)]


def _role_of(story: Story, instance: str) -> str | None:
    instances = story.sandbox.simulator.get("/state")["instances"]
    roles = [entry.get("ramRoleName") for entry in instances if entry["instanceId"] == instance]
    return roles[0] if roles else None


Step = tuple[str, Callable[[Story], None]]

# what --keep leaves running: all but the last
KEPT: Final[tuple[Step, ...]] = (
    ("policy, role and binding, applied from deploy/samples", apply_samples),
    ("nodes join, and get the role", nodes_join),
    ("a node's credential, from the metadata service", take_credential),
    ("the program of Alibaba Cloud's documentation lists a bucket with it", list_objects),
    ("the policy is edited, and the same credential is refused", edit_policy),
    ("a role detached behind our back comes back", detach_behind_our_back),
    ("the worker role of ACK's nodes is replaced step by step, and given back", replace_worker_role),
    ("a policy with mistakes of the documentation is refused, with the fix", paste_with_mistakes),
    ("a developer may pass the role only with ram:PassRole", developer_needs_pass_role),
)
STEPS: Final[tuple[Step, ...]] = (*KEPT, ("everything deleted, the cloud as it was", delete_everything))
