"""A policy pasted with the mistakes that the documentation prints, corrected as the answers say. Called by steps."""

import copy
import json
from collections.abc import Callable
from typing import Any, Final

from ram_sandbox.demo.story import StepFailed, Story

_NAME: Final = "pasted"
_HEAD: Final = (
    f"apiVersion: ram.alicloud.dev/v1alpha1\nkind: RamPolicy\nmetadata: {{name: {_NAME}}}\nspec:\n  document:\n"
)

# as printed in the pages: a version that RAM does not know, a blank in an action, a blank in a key
_DOCUMENT: Final = {
    "Version": "2016-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["ecs: CreateInstance", "ecs:DescribeInstances"], "Resource ": "*"}],
}


def paste_with_mistakes(story: Story) -> None:
    """Each answer names a mistake and its fix; done as told, the policy is accepted and becomes Ready."""
    document = copy.deepcopy(_DOCUMENT)
    mistakes = dict(_FIXES)
    title = "as printed in Alibaba Cloud's documentation"
    while mistakes:
        code, answer = _apply(story, title, document)
        if code == 0:
            raise StepFailed(f"refused for {', '.join(mistakes)}", answer)
        named = [mistake for mistake in mistakes if mistake in answer]
        if not named:
            raise StepFailed(f"a message that names one of {', '.join(mistakes)}", answer)
        for mistake in named:
            mistakes.pop(mistake)(document)
        title = f"corrected: {', '.join(named)}"
    code, answer = _apply(story, title, document)
    if code != 0:
        raise StepFailed("accepted", answer)
    story.await_ready(f"rampolicy/{_NAME}")
    story.kubectl("delete", "rampolicy", _NAME, "--timeout=30s")


def _apply(story: Story, title: str, document: dict[str, Any]) -> tuple[int, str]:
    """Show the document, apply it, show the answer, and return kubectl's exit code and the answer."""
    path = story.sandbox.folder / f"{_NAME}.yaml"
    lines = [f'Version: "{document["Version"]}"', "Statement:"]
    lines += [f"- {json.dumps(statement)}" for statement in document["Statement"]]
    path.write_text(_HEAD + "".join(f"    {line}\n" for line in lines))
    done = story.sandbox.kubectl("apply", "-f", str(path))
    answer = done.stdout + done.stderr
    story.show("\n".join([f"{path.name}, {title}:", *(f"    {line}" for line in lines)]))
    story.show(f"$ kubectl apply -f {path}\n{answer}")
    return done.returncode, answer


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
