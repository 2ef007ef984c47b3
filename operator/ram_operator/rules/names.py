"""Names, descriptions, tags and durations: RAM's limits, checked before the API says no.

Sources: RAM's API reference (CreateRole, CreatePolicy, TagResources) and its Limitations page. Every check takes the
place of the value and returns problems, one sentence each with place and fix; none means RAM should take it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ram_operator.errors import Problem
from ram_operator.model import TAG_PREFIX, Json
from ram_operator.rules.wording import capped, child, quoted, type_name

ROLE_NAME = re.compile(r"[A-Za-z0-9.-]{1,64}")
PERSON_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
POLICY_NAME = re.compile(r"[A-Za-z0-9-]{1,128}")
DESCRIPTION_LIMIT = 1024
TAG_LIMIT = 17
"""RAM takes 20 tags; three are the operator's own marks."""
TAG_KEY_LIMIT, TAG_VALUE_LIMIT = 128, 256
RESERVED_TAG_PREFIXES = ("aliyun", "acs:", "http://", "https://", TAG_PREFIX)
SESSION_SECONDS = range(3600, 43200 + 1)


def check_role_name(name: Json, where: str = "spec.roleName") -> tuple[Problem, ...]:
    """Check a role's name: 1 to 64 letters, digits, `.` and `-`."""
    return _name_problems(name, where, ROLE_NAME, "1 to 64 letters, digits, '.' and '-'")


def check_person_name(name: Json, where: str) -> tuple[Problem, ...]:
    """Check the name of a user or group: 1 to 64 letters, digits, `.`, `-` and `_`, without `@` and a domain."""
    return _name_problems(name, where, PERSON_NAME, "1 to 64 letters, digits, '.', '-' and '_'")


def check_policy_name(name: Json, where: str = "spec.policyName") -> tuple[Problem, ...]:
    """Check a policy's name: 1 to 128 letters, digits and `-`; unlike role names without `.`."""
    return _name_problems(name, where, POLICY_NAME, "1 to 128 letters, digits and '-'")


def check_description(description: Json, where: str = "spec.description") -> tuple[Problem, ...]:
    """Check a description: at most 1,024 characters; an empty or absent one is none."""
    if description is None:
        return ()
    if not isinstance(description, str):
        return (Problem(where, f"is {type_name(description)}; write a text"),)
    if len(description) > DESCRIPTION_LIMIT:
        return (Problem(where, f"has {len(description)} characters; shorten it to {DESCRIPTION_LIMIT}"),)
    return ()


def check_tags(tags: Json, where: str = "spec.tags") -> tuple[Problem, ...]:
    """Check the tags a user wants: at most 17, no reserved keys, keys to 128 and values to 256 characters."""
    if not isinstance(tags, Mapping):
        return (Problem(where, f"is {type_name(tags)}; write keys and values, such as {{team: storage}}"),)
    problems = []
    if len(tags) > TAG_LIMIT:
        problems.append(
            Problem(where, f"has {len(tags)} tags; keep at most {TAG_LIMIT}, RAM takes 20 and 3 are the operator's")
        )
    for key in sorted(tags):
        problems.extend(Problem(child(where, key), problem) for problem in _tag_problems(key, tags[key]))
    return capped(problems, where)


def check_session_seconds(seconds: Json, where: str = "spec.maxSessionDurationSeconds") -> tuple[Problem, ...]:
    """Check how long a session of a role may last: 3,600 to 43,200 seconds; absent is RAM's default."""
    if seconds is None:
        return ()
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        return (Problem(where, f"is {type_name(seconds)}; write whole seconds, such as 3600"),)
    if seconds not in SESSION_SECONDS:
        low, high = SESSION_SECONDS[0], SESSION_SECONDS[-1]
        return (
            Problem(
                where,
                f"{seconds} is out of range; write {low} to {high}, the nearest is {min(max(seconds, low), high)}",
            ),
        )
    return ()


def _name_problems(name: Json, where: str, pattern: re.Pattern[str], rule: str) -> tuple[Problem, ...]:
    if not isinstance(name, str):
        return (Problem(where, f"is {type_name(name)}; write a name of {rule}"),)
    if pattern.fullmatch(name):
        return ()
    letters = re.sub(r"\s*-\s*", "-", name.strip())
    guess = "".join(sign if pattern.fullmatch(sign) else "-" for sign in letters)
    fix = f", such as {quoted(guess)}" if pattern.fullmatch(guess) else ""
    return (Problem(where, f"{quoted(name)} is no name that RAM takes; write {rule}{fix}"),)


def _tag_problems(key: str, value: Json) -> list[str]:
    problems = []
    if reserved := next((prefix for prefix in RESERVED_TAG_PREFIXES if key.lower().startswith(prefix)), None):
        problems.append(f"keys that start with {quoted(reserved)} are reserved; choose another key")
    if not 1 <= len(key) <= TAG_KEY_LIMIT:
        problems.append(f"the key has {len(key)} characters; write 1 to {TAG_KEY_LIMIT}")
    if not isinstance(value, str):
        problems.append(f"is {type_name(value)}; write a text in quotes")
    elif len(value) > TAG_VALUE_LIMIT:
        problems.append(f"the value has {len(value)} characters; shorten it to {TAG_VALUE_LIMIT}")
    return problems
