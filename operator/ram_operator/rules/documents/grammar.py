"""The words of RAM's policy language and the checks of single texts in it.

Sources: RAM's pages "Policy structure and grammar" and "Policy elements". What they leave open is refused only where
RAM could not mean anything by it, the rest is left to the API.
"""

from __future__ import annotations

import re

from ram_operator.grantable import ACTION
from ram_operator.rules.wording import as_meant, has_blank, invisible, is_blank, quoted

VERSION = "1"
EFFECTS = ("Allow", "Deny")
DOCUMENT_KEYS = ("Version", "Statement")
POLICY_KEYS = ("Effect", "Action", "NotAction", "Resource", "Condition")
TRUST_KEYS = ("Effect", "Action", "NotAction", "Principal", "Condition")
PRINCIPALS = ("Service", "RAM", "Federated")

UNDOCUMENTED_KEYS = ("Id", "Sid")
"""Keys of a document and of a statement that RAM's documentation does not have; published documents have them."""
UNDOCUMENTED_KEY = "RAM's documentation has no such key; remove it, or let RAM judge it with documentValidation: Warn"
_NOT_IN_RAM = "RAM's policy language has no such key, remove it"
POLICY_HINTS = {
    "NotPrincipal": _NOT_IN_RAM,
    "NotResource": "RAM does not support it, list what is meant under Resource",
    "Principal": "it belongs into a role's trust policy; a policy applies to whom it is attached, remove it",
}
TRUST_HINTS = {
    "NotPrincipal": _NOT_IN_RAM,
    "NotResource": "a trust policy is about the role itself, remove it",
    "Resource": "a trust policy is about the role itself, remove it",
}

# Alibaba Cloud's own page "Use the instance RAM role by calling APIs" prints it in one of its languages.
_MISPRINTS = {"ecs:dettachinstanceramrole": "ecs:DetachInstanceRamRole"}
_SERVICE_NAME = re.compile(r"[A-Za-z0-9*?_-]+")
_SERVICE_PRINCIPAL = re.compile(r"(?:[0-9]+@)?[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_RAM_PRINCIPAL = re.compile(r"\*|acs:ram:[^:\s]*:[^:\s]+:[^\s]+")
_FEDERATED_PRINCIPAL = re.compile(r"acs:ram::[^:\s]+:(?:saml|oidc)-provider/\S+")
_RESOURCE_FORM = 'write "*" or "acs:<service>:<region>:<account>:<resource>", such as "acs:oss:*:*:my-bucket/*"'


def meant_instead(text: str, pattern: re.Pattern[str]) -> str | None:
    """The problem of a text that would match but for its blanks or full-width signs; None where that is not it."""
    clean = as_meant(text)
    if clean == text or not pattern.fullmatch(clean):
        return None
    fault = "has a blank" if has_blank(text) else "has a sign that does not belong"
    return f"{fault}; write {quoted(clean)}"


def action_problem(text: str) -> str | None:
    """What is wrong with an entry of Action or NotAction: `service:Operation` with `*` and `?`, or `*` alone."""
    clean = as_meant(text)
    if actual := _MISPRINTS.get(clean.lower()):
        return f"is a misprint, there is no such action; write {quoted(actual)}"
    if ACTION.fullmatch(text):
        return None
    if "[" in text or "<" in text:
        return 'is a placeholder; write an action such as "ecs:CreateInstance" or "ecs:*"'
    if problem := meant_instead(text, ACTION):
        return problem
    service, colon, operation = clean.partition(":")
    if colon and not operation and _SERVICE_NAME.fullmatch(service):
        return f"names no operation; write {quoted(service + ':*')} or one operation of it"
    if clean and not colon:
        return f"names no service; write {quoted('<service>:' + clean)}, such as " + quoted("oss:GetObject")
    return 'is not an action; write "<service>:<Operation>", such as "oss:Get*"'


def resource_problem(text: str) -> str | None:
    """What is wrong with an entry of Resource: `*`, or an ARN of five fields."""
    clean = as_meant(text)
    if text == "*":
        return None
    fields = text.split(":", 4)
    if has_blank(text) and not _blank_is_in_object_name(fields):
        return f"has a blank; write {quoted(clean)}" if _is_arn(clean) else f"has a blank; {_RESOURCE_FORM}"
    if invisible(text):
        return "has characters that cannot be seen; remove them"
    if _is_arn(text):
        return None
    if clean != text and _is_arn(clean):
        return f"has a sign that does not belong; write {quoted(clean)}"
    if fields[0] == "acs" and len(fields) > 1 and all(fields[1:]):
        return f"has {len(fields)} of the 5 fields of an ARN; {_RESOURCE_FORM}"
    return f"is not a resource; {_RESOURCE_FORM}"


def _is_arn(text: str) -> bool:
    fields = text.split(":", 4)
    if text == "*":
        return True
    return len(fields) == 5 and fields[0] == "acs" and bool(_SERVICE_NAME.fullmatch(fields[1])) and bool(fields[4])


def _blank_is_in_object_name(fields: list[str]) -> bool:
    """OSS object names may hold blanks: within an OSS resource after the bucket's slash, and not at the end."""
    if len(fields) < 5 or fields[1] != "oss":
        return False
    head, slash, name = fields[4].partition("/")
    return bool(slash) and not has_blank("".join(fields[:4]) + head) and bool(name) and not is_blank(name[-1])


def principal_problem(kind: str, text: str) -> str | None:
    """What is wrong with a trusted principal.

    Args:
        kind: `Service` (a host name), `RAM` (an account, user or role) or `Federated` (an identity provider).
        text: the principal.
    """
    pattern, form = {
        "Service": (_SERVICE_PRINCIPAL, 'a service\'s address, such as "ecs.aliyuncs.com"'),
        "RAM": (_RAM_PRINCIPAL, 'an ARN such as "acs:ram::<account>:root" or "acs:ram::<account>:role/<name>"'),
        "Federated": (_FEDERATED_PRINCIPAL, 'an ARN such as "acs:ram::<account>:oidc-provider/<name>"'),
    }[kind]
    if invisible(text):
        return meant_instead(text, pattern) or "has characters that cannot be seen; remove them"
    if pattern.fullmatch(text):
        return None
    return meant_instead(text, pattern) or f"is not what {kind} names; write {form}"
