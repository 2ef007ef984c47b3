"""What the settings of the boundary are by default, and what they may say. `rules.boundary` judges by them."""

from __future__ import annotations

import re

DENIED_ACTIONS = (
    "ram:*",
    "sts:*",
    "ims:*",
    "ecs:RunCommand",
    "ecs:InvokeCommand",
    "ecs:SendFile",
    "ecs:StartTerminalSession",
    "ecs:AttachInstanceRamRole",
    "ecs:ModifyInstanceAttribute",
    "ecs:ReplaceSystemDisk",
    "cs:*",
    "oos:*",
    "ros:*",
    "resourcemanager:*",
    "resourcedirectory:*",
)
"""Identities and rights themselves, and what takes instances or accounts over."""
SYSTEM_POLICIES = ("Aliyun*ReadOnlyAccess",)
TRUST_PRINCIPALS = ("ecs.aliyuncs.com",)
NONE = "none"
"""What a list of the settings says to be empty, since an empty one is its default."""
GRANTEE_KINDS = ("user", "group", "role")
_NAME = re.compile(r"[A-Za-z0-9.*?-]{1,128}")


def action_problem(action: str) -> str:
    """What is wrong with a pattern of actions; nothing where it can be judged by."""
    if action in ("*", NONE) or (action.count(":") == 1 and action == "".join(action.split())):
        return ""
    return f"has {action!r}: write service:Operation, in which * and ? stand for characters"


def principal_problem(principal: str) -> str:
    """What is wrong with a principal that roles may trust."""
    if "*" in principal or "?" in principal:
        return f"has {principal!r}: write each service and ARN out, without * and ?"
    return ""


def grantee_problem(grantee: str) -> str:
    """What is wrong with a pattern of grantees."""
    kind, _, name = grantee.partition("/")
    if grantee == NONE or (kind in GRANTEE_KINDS and name):
        return ""
    return f"has {grantee!r}: write user/NAME, group/NAME or role/NAME"


def name_problem(name: str) -> str:
    """What is wrong with a pattern of names of roles or policies: one that no name can match."""
    if _NAME.fullmatch(name):
        return ""
    return f"has {name!r}: write names, and no ARNs, in which * and ? stand for characters"


def stated(values: tuple[str, ...]) -> tuple[str, ...]:
    """A list of the settings, which may say to be empty."""
    return () if values == (NONE,) else values
