"""What the settings of the boundary are by default, and what they may say. `rules.boundary` judges by them."""

from __future__ import annotations

import re

DENIED_ACTIONS = (
    # identities and rights
    "ram:*",
    "sts:*",
    "ims:*",
    "eiam:*",
    "cloudsso:*",
    # accounts
    "resourcemanager:*",
    "resourcedirectory:*",
    "resourcesharing:*",
    "governance:*",
    # clusters
    "cs:*",
    "adcp:*",
    "servicemesh:*",
    # what runs code or makes things for whoever may ask it, with roles of its own
    "oos:*",
    "ros:*",
    "computenest:*",
    "servicecatalog:*",
    "cloudcontrol:*",
    "edas:*",
    "sae:*",
    "emr:*",
    "hbr:*",
    "swas-open:*",
    # instances that are there: commands, sessions, logins, roles, start scripts and system disks
    "ecs:RunCommand",
    "ecs:CreateCommand",
    "ecs:ModifyCommand",
    "ecs:InvokeCommand",
    "ecs:SendFile",
    "ecs:StartTerminalSession",
    "ecs:ModifyCloudAssistantSettings",
    "ecs:AttachKeyPair",
    "ecs:ModifyInstanceVncPasswd",
    "ecs:AttachInstanceRamRole",
    "ecs:DetachInstanceRamRole",
    "ecs:ModifyInstanceAttribute",
    "ecs:ReplaceSystemDisk",
    "ecs:ReInitDisk",
    # new ones, which start with a role and a script of their own
    "ecs:CreateInstance",
    "ecs:RunInstances",
    "ecs:CreateLaunchTemplate",
    "ecs:CreateLaunchTemplateVersion",
    "ecs:ModifyLaunchTemplateDefaultVersion",
    "ecs:CreateAutoProvisioningGroup",
    "ess:CreateScalingGroup",
    "ess:ModifyScalingGroup",
    "ess:ApplyScalingGroup",
    "ess:CreateScalingConfiguration",
    "ess:ModifyScalingConfiguration",
    "ess:CreateEciScalingConfiguration",
    "ess:ModifyEciScalingConfiguration",
    "ess:ApplyEciScalingConfiguration",
    "eci:CreateContainerGroup",
    "eci:UpdateContainerGroup",
    "eci:ExecContainerCommand",
    "fc:CreateService",
    "fc:UpdateService",
    "fc:CreateFunction",
    "fc:UpdateFunction",
    "fc:InstanceExec",
    # what hides all that
    "actiontrail:UpdateTrail",
    "actiontrail:DeleteTrail",
    "actiontrail:StopLogging",
)
"""Identities and rights themselves, and what takes instances, clusters or accounts over or hides that; no plain data.

The actions that only read ECS are not among them (`ecs:Describe*`), although one of them gives the address of an
instance's console: the console asks for the password that `ecs:ModifyInstanceVncPasswd` sets, and for a login.
"""
SYSTEM_POLICIES = ("Aliyun*ReadOnlyAccess",)
DENIED_SYSTEM_POLICIES = (
    "AliyunRAM*",
    "AliyunSTS*",
    "AliyunIMS*",
    "AliyunIDaaS*",
    "AliyunCloudSSO*",
    "AliyunResourceManager*",
    "AliyunResourceDirectory*",
    "AliyunResourceSharing*",
    "AliyunGovernance*",
    "AliyunCSReadOnly*",
    "AliyunCSFull*",
    "AliyunCSManaged*",
    "AliyunCSDefault*",
    "AliyunAdcp*",
    "AliyunASM*",
    "AliyunOOS*",
    "AliyunROS*",
    "AliyunComputeNest*",
    "AliyunServiceCatalog*",
    "AliyunCloudControl*",
    "AliyunEDAS*",
    "AliyunSAE*",
    "AliyunEMR*",
    "AliyunHBR*",
    "AliyunSWAS*",
)
"""System policies of the services of which every action is denied: reading them is denied as well."""
TRUST_PRINCIPALS = ("ecs.aliyuncs.com",)
GRANTEE_KINDS = ("user", "group", "role")
ACTION = re.compile(r"\*|[A-Za-z0-9*?_.-]+:[A-Za-z0-9*?_.:/-]+")
"""What RAM's policy language has as an action: `service:Operation` with `*` and `?`, or `*` alone."""
_PRINCIPAL = re.compile(r"(?:[0-9]+@)?[a-z0-9-]+(?:\.[a-z0-9-]+)+|acs:ram::[0-9]+:[A-Za-z0-9._@/-]+")
_NAME = re.compile(r"[A-Za-z0-9._*?-]{1,128}")
# What begins with a bracket or a quote, or has a semicolon, is a list in another form than ours.
_CLUSTER_ID = re.compile(r"[^,;\s\[({\"'][^,;\s]{0,127}")


def action_problem(action: str) -> str:
    """What is wrong with a pattern of actions; nothing where it can be judged by."""
    if ACTION.fullmatch(action):
        return ""
    return f"has {action!r}: write service:Operation, in which * and ? stand for characters"


def principal_problem(principal: str) -> str:
    """What is wrong with a principal that roles may trust."""
    if _PRINCIPAL.fullmatch(principal):
        return ""
    return f"has {principal!r}: write each service and ARN out, such as ecs.aliyuncs.com, without * and ?"


def grantee_problem(grantee: str) -> str:
    """What is wrong with a pattern of grantees."""
    kind, _, name = grantee.partition("/")
    if kind in GRANTEE_KINDS and _NAME.fullmatch(name):
        return ""
    return f"has {grantee!r}: write user/NAME, group/NAME or role/NAME"


def name_problem(name: str) -> str:
    """What is wrong with a pattern of names of roles or policies: one that no name can match."""
    if _NAME.fullmatch(name):
        return ""
    return f"has {name!r}: write names, and no ARNs, in which * and ? stand for characters"


def cluster_id_problem(cluster_id: str) -> str:
    """What is wrong with the id of a cluster, which RAM keeps in the tags of its objects."""
    if _CLUSTER_ID.fullmatch(cluster_id):
        return ""
    return (
        f"has {cluster_id!r}: write at most 128 characters, no comma, semicolon or blank, and no bracket or quote first"
    )
