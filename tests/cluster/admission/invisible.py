"""Characters that people cannot see, wherever a document has a text: controls, zero widths, directions, odd blanks."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.cluster.admission.case import Case, Spec, policy, statement, trust_statement

CHARACTERS: Mapping[str, str] = {
    "NUL": "\0",
    "backspace": "\b",
    "escape": "\x1b",
    "delete": "\x7f",
    "next line": "\x85",
    "no-break space": "\xa0",
    "soft hyphen": "\xad",
    "Hangul filler": "\u3164",
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "right-to-left override": "\u202e",
    "line separator": "\u2028",
    "word joiner": "\u2060",
    "left-to-right isolate": "\u2066",
    "byte order mark": "\ufeff",
    "thin space": "\u2009",
    "braille blank": "\u2800",
}
PLACES: Mapping[str, Callable[[str], Spec]] = {
    "action": lambda sign: statement(Action=f"oss:Get{sign}*"),
    "resource": lambda sign: statement(Resource=[f"acs:oss:*:*:b/a{sign}b"]),
    "condition key": lambda sign: statement(Condition={"StringEquals": {f"oss:Pre{sign}fix": "x"}}),
    "tag": lambda sign: statement(Condition={"StringEquals": {f"acs:ResourceTag/a{sign}b": "x"}}),
    "condition value": lambda sign: statement(Condition={"StringNotEquals": {"oss:Prefix": ["x", f"a{sign}b"]}}),
    "operator": lambda sign: statement(Condition={f"String{sign}Equals": {"oss:Prefix": "x"}}),
    "key": lambda sign: {**statement(), f"Condi{sign}tion": {}},
}
PRINCIPALS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "service": lambda sign: {"Service": f"ecs{sign}.aliyuncs.com"},
    "account": lambda sign: {"RAM": [f"acs:ram::1:role/a{sign}b"]},
    "provider": lambda sign: {"Federated": f"acs:ram::1:oidc-provider/a{sign}b"},
}
SEEN = ("日志", "é", "a b", "†", "日　志", "I\u0307")

INVISIBLE = (
    *(
        Case(
            f"{name} in the {place} of a policy",
            "RamPolicy",
            policy(document={"Statement": [make(sign)]}),
            "spec.document",
        )
        for name, sign in CHARACTERS.items()
        for place, make in PLACES.items()
    ),
    *(
        Case(
            f"{name} in the {place} of a trust",
            "RamRole",
            {"trust": {"document": {"Statement": [trust_statement(Principal=make(sign))]}}},
            "spec.trust.document",
        )
        for name, sign in CHARACTERS.items()
        for place, make in PRINCIPALS.items()
    ),
    *(
        Case(f"other script {number} in a {place}", "RamPolicy", policy(document={"Statement": [PLACES[place](sign)]}))
        for number, sign in enumerate(SEEN)
        for place in ("resource", "tag", "condition value")
    ),
)
