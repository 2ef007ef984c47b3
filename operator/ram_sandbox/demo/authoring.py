"""A policy pasted with the mistakes that the pages print, corrected one by one as the answers say. Called by steps."""

import json
from collections.abc import Callable
from typing import Any, Final

from ram_sandbox.demo.story import StepFailed, Story

_NAME: Final = "pasted"

# as printed in the pages: a version that RAM does not know, a blank in an action, a blank in a key
_DOCUMENT: Final = {
    "Version": "2016-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["ecs: CreateInstance", "ecs:DescribeInstances"], "Resource ": "*"}],
}


def paste_with_mistakes(story: Story) -> None:
    """Each answer names a mistake and its fix; done as told, the policy is accepted and becomes Ready."""
    document = json.loads(json.dumps(_DOCUMENT))
    mistakes = dict(_FIXES)
    while mistakes:
        refused = story.sandbox.kubectl("apply", "-f", "-", input=json.dumps(_policy(document)))
        if refused.returncode == 0:
            raise StepFailed(f"refused for {', '.join(mistakes)}", refused.stdout)
        story.show(f"$ kubectl apply -f {_NAME}.yaml\n{refused.stderr}")
        named = [mistake for mistake in mistakes if mistake in refused.stderr]
        if not named:
            raise StepFailed(f"a message that names one of {', '.join(mistakes)}", refused.stderr)
        for mistake in named:
            mistakes.pop(mistake)(document)
    accepted = story.sandbox.kubectl.ok("apply", "-f", "-", input=json.dumps(_policy(document)))
    story.show(f"$ kubectl apply -f {_NAME}.yaml\n{accepted}")
    story.await_ready(f"rampolicy/{_NAME}")
    story.kubectl("delete", "rampolicy", _NAME, "--timeout=30s")


def _policy(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "ram.alicloud.dev/v1alpha1",
        "kind": "RamPolicy",
        "metadata": {"name": _NAME},
        "spec": {"document": document},
    }


def _fix_version(document: dict[str, Any]) -> None:
    document["Version"] = "1"


def _fix_action(document: dict[str, Any]) -> None:
    document["Statement"][0]["Action"][0] = "ecs:CreateInstance"


def _fix_key(document: dict[str, Any]) -> None:
    document["Statement"][0]["Resource"] = document["Statement"][0].pop("Resource ")


_FIXES: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    '"2016-10-17"': _fix_version,
    '"ecs: CreateInstance"': _fix_action,
    '"Resource "': _fix_key,
}
