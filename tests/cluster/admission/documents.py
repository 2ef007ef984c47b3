"""The documents of the three kinds: what is a string or a list, and the mistakes that people paste from pages."""

from typing import Any

from tests.cluster.admission.case import Case, Spec, binding, policy, statement, trust_statement
from tests.cluster.admission.conditions import CONDITIONS, IP
from tests.cluster.admission.invisible import INVISIBLE

FIRST = "spec.document.Statement[0]"
LONG = [f"oss:Get{'x' * 52}*"] * 10  # 620 characters in a document


def policies(title: str, refusal: str | None = None, *statements: Spec, **keys: Any) -> Case:
    """A RamPolicy with these statements, or with one good statement and these keys in its document."""
    document = {"Statement": list(statements) or [statement()], **keys}
    return Case(f"document {title}", "RamPolicy", policy(document=document), refusal)


def trusts(title: str, refusal: str | None = None, **changes: Any) -> Case:
    """A RamRole with a trust document whose only statement is changed."""
    spec = {"trust": {"document": {"Statement": [trust_statement(**changes)]}}}
    return Case(f"trust {title}", "RamRole", spec, refusal)


def sessions(title: str, refusal: str | None = None, **changes: Any) -> Case:
    """An InstanceRoleBinding with a session policy whose only statement is changed."""
    spec = binding(sessionPolicy={"Statement": [statement(**changes)]})
    return Case(f"session {title}", "InstanceRoleBinding", spec, refusal)


PASTED = {"ecs: [ECS RAM Action]": "x", "Resource": "*", "Effect": "Allow"}

WHOLE = (
    policies("with a version", Version="1"),
    policies(
        "with a date for a version",
        f'{FIRST[:13]}.Version: "2016-10-17" is not a RAM version; write "1"',
        Version="2016-10-17",
    ),
    policies("with a number for a version", 'spec.document.Version: is a number; write "1"', Version=1),
    policies("with a list for a version", 'spec.document.Version: is a list; write "1"', Version=["1"]),
    policies("with a lower-case version", 'spec.document: unknown key "version"; write "Version"', version="1"),
    policies("with an id", 'spec.document: unknown key "Id"; RAM\'s documentation has no such key', Id="x"),
    policies("with no statements", "spec.document.Statement: the list is empty; write at least one", Statement=[]),
    Case("document without Statement", "RamPolicy", {"document": {}}, "spec.document: Statement is missing; write it"),
    Case("document as a text", "RamPolicy", {"document": "{}"}, "spec.document in body must be of type object"),
    Case(
        "document with one statement, no list",
        "RamPolicy",
        policy(document={"Statement": statement()}),
        "spec.document.Statement: is one statement; write it as a list of statements, with [ ] around it",
    ),
    policies("with a text for its statements", "spec.document.Statement: is text; write a list", Statement="Allow"),
    policies("with nothing after Statement", "spec.document: Statement is missing; write it", Statement=None),
    policies("with 100 statements", None, *[statement()] * 100),
    policies("with 101 statements", "at most 100 items", *[statement()] * 101),
    policies("of nearly 6144 characters", None, *[statement(Action=LONG)] * 9),
    policies(
        "of more than 6144 characters",
        "spec.document: has more than the 6144 characters",
        *[statement(Action=LONG)] * 10,
    ),
    policies(
        "of far too many actions", "spec.document: has more than the 6144 characters", statement(Action=["*"] * 20000)
    ),
)
KEYS = (
    policies(
        "with a blank after a key",
        f'{FIRST}: unknown key "Resource "; write "Resource"',
        statement(Resource=..., **{"Resource ": "*"}),
    ),
    policies(
        "with a lower-case condition", f'{FIRST}: unknown key "condition"; write "Condition"', statement(condition=IP)
    ),
    policies(
        "with the page's placeholder for a key", 'unknown key "ecs: [ECS RAM Action]" looks like an action', PASTED
    ),
    policies(
        "with NotResource", "RAM does not support it, list what is meant under Resource", statement(NotResource="*")
    ),
    policies("with a principal", "it belongs into a role's trust policy", statement(Principal={"Service": ["a.b"]})),
    policies("with a Sid", f'{FIRST}: unknown key "Sid"; RAM\'s documentation has no such key', statement(Sid="x")),
    policies(
        "with an unheard-of key",
        f'{FIRST}: unknown key "Foo"; the keys are Effect, Action, NotAction',
        statement(Foo=1),
    ),
    policies(
        "with a mistake in its second statement", "spec.document.Statement[1]: unknown key", statement(), statement(a=1)
    ),
    policies("that denies", None, statement(Effect="Deny")),
    policies("without an effect", f'{FIRST}: Effect is missing; write "Allow" or "Deny"', statement(Effect=...)),
    policies("with a lower-case effect", 'supported values: "Allow", "Deny"', statement(Effect="allow")),
    policies(
        "without a resource", f'{FIRST}: Resource is missing; write it, such as Resource: "*"', statement(Resource=...)
    ),
    policies("without an action", f"{FIRST}: Action is missing; write it", statement(Action=...)),
    policies("with NotAction", None, statement(Action=..., NotAction=["ram:*"])),
    policies(
        "with Action and NotAction", f"{FIRST}: has both Action and NotAction; keep one", statement(NotAction="oss:*")
    ),
)
ACTIONS = (
    policies(
        "with every form of an action", None, statement(Action=["oss:Get*", "ecs:*", "*", "*:Describe?ags", "a-b:C"])
    ),
    policies(
        "with a blank in an action",
        f'{FIRST}.Action: "ecs: CreateInstance" has a blank; write "ecs:CreateInstance"',
        statement(Action="ecs: CreateInstance"),
    ),
    policies(
        "with a blank in a listed action",
        f'{FIRST}.Action[1]: "ecs: CreateInstance" has a blank; write "ecs:CreateInstance"',
        statement(Action=["ecs:*", "ecs: CreateInstance"]),
    ),
    policies(
        "with a blank in a NotAction",
        f'{FIRST}.NotAction[0]: "ram: *" has a blank; write "ram:*"',
        statement(Action=..., NotAction=["ram: *"]),
    ),
    policies("with a tab in an action", 'has a blank; write "oss:GetObject"', statement(Action="oss:\tGetObject")),
    policies(
        "with the page's placeholder",
        "is a placeholder; write an action such as",
        statement(Action="ecs: [ECS RAM Action]"),
    ),
    policies(
        "with an action without a service",
        '"GetObject" names no service; write "<service>:GetObject"',
        statement(Action="GetObject"),
    ),
    policies(
        "with an action without an operation", '"oss:" names no operation; write "oss:*"', statement(Action="oss:")
    ),
    policies(
        "with an action that is none",
        '"oss:Gét" is not an action; write "<service>:<Operation>"',
        statement(Action="oss:Gét"),
    ),
    policies(
        "with a number for an action",
        f"{FIRST}.Action: is a number; write a text or a list of texts",
        statement(Action=1),
    ),
    policies(
        "with a mapping for an action",
        f"{FIRST}.Action: is a mapping; write a text or a list of texts",
        statement(Action={"a": "b"}),
    ),
    policies(
        "with a number among the actions",
        f"{FIRST}.Action[1]: is a number; write a text such as",
        statement(Action=["oss:*", 1]),
    ),
    policies(
        "with an action too long to be quoted",
        "is not an action; write",
        statement(Action="é" * 5500),
    ),
    policies("with no actions", f"{FIRST}.Action: the list is empty; write at least one", statement(Action=[])),
)
RESOURCES = (
    policies("with a line break in a resource", "has a blank; write", statement(Resource="acs:oss:*:*:b\n")),
    policies(
        "with resources",
        None,
        statement(Resource=["acs:oss:*:*:b", "acs:oss:*:*:b/*", "acs:ecs:cn-hangzhou:1:instance/i-1"]),
    ),
    policies("with an object with a blank in its name", None, statement(Resource="acs:oss:*:*:b/my file.txt")),
    policies(
        "with a blank in a resource",
        f'{FIRST}.Resource: "acs:oss:*:*:b " has a blank; write "acs:oss:*:*:b"',
        statement(Resource="acs:oss:*:*:b "),
    ),
    policies(
        "with a resource of another cloud",
        f'{FIRST}.Resource[0]: "arn:aws:s3:::b" is not a resource; write "*"',
        statement(Resource=["arn:aws:s3:::b"]),
    ),
    policies("with no resources", f"{FIRST}.Resource: the list is empty", statement(Resource=[])),
    policies(
        "with a number for a resource",
        f"{FIRST}.Resource: is a number; write a text or a list of texts",
        statement(Resource=7),
    ),
)
PRINCIPALS = (
    trusts("of a service"),
    trusts(
        "of everyone RAM knows",
        Principal={
            "Service": "ecs.aliyuncs.com",
            "RAM": ["acs:ram::1:root"],
            "Federated": ["acs:ram::1:saml-provider/x"],
        },
    ),
    trusts("under a condition", Condition=IP),
    trusts(
        "of a resource",
        'spec.trust.document.Statement[0]: unknown key "Resource"; a trust policy is about the role itself',
        Resource="*",
    ),
    trusts("of nobody", "spec.trust.document.Statement[0]: Principal is missing; write it", Principal=...),
    trusts("of an empty principal", "Statement[0].Principal: is empty; write who may take the role", Principal={}),
    trusts("of a star", "Principal in body must be of type object", Principal="*"),
    trusts(
        "of a principal with a blank in its key",
        'unknown key "Service "; write "Service"',
        Principal={"Service ": ["ecs.aliyuncs.com"]},
    ),
    trusts(
        "of another sort of principal",
        'unknown key "AWS"; the keys are Service, RAM, Federated',
        Principal={"AWS": "*"},
    ),
    trusts("of no services", "Principal.Service: write a text or a list of texts", Principal={"Service": []}),
    trusts(
        "of a service with a blank",
        '"ecs.aliyuncs.com " has a blank; write "ecs.aliyuncs.com"',
        Principal={"Service": ["ecs.aliyuncs.com "]},
    ),
    trusts(
        "of a service that is none",
        "is not what Service names; write a service's address",
        Principal={"Service": "ecs"},
    ),
    trusts("of an account without its ARN", "Principal.RAM: ", Principal={"RAM": "1234567890123456"}),
    trusts("of a provider without its ARN", "Principal.Federated: ", Principal={"Federated": ["my-idp"]}),
    trusts("that excepts a principal", "RAM's policy language has no such key, remove it", NotPrincipal={}),
    trusts("with a blank in its action", 'has a blank; write "sts:AssumeRole"', Action="sts: AssumeRole"),
)
SESSIONS = (
    sessions("that is fine"),
    sessions("with a blank in an action", "spec.sessionPolicy", Action="oss: Get"),
    sessions("of more than 1024 characters", "spec.sessionPolicy", Action=LONG * 2),
    sessions("with a lower-case condition", "spec.sessionPolicy", condition=IP),
)

JUDGED = {"Id": "x", "Statement": [statement(Sid="a", Condition={"ForAnyValue:StringLikeIfExists": {"Action": "x"}})]}
WARNED = (
    Case("document left to RAM's judgement", "RamPolicy", policy(document=JUDGED, documentValidation="Warn")),
    Case(
        "trust left to RAM's judgement",
        "RamRole",
        {"trust": {"document": {"Statement": [trust_statement(Sid="a")]}}, "documentValidation": "Warn"},
    ),
    Case("document judged strictly", "RamPolicy", policy(document=JUDGED), "RAM's documentation has no such key"),
    *(
        Case(
            f"document left to RAM's judgement with {title}",
            "RamPolicy",
            policy(document={"Statement": [given]}, documentValidation="Warn"),
            refusal,
        )
        for title, given, refusal in (
            ("a lower-case condition", statement(condition=IP), 'unknown key "condition"; write "Condition"'),
            ("another unheard-of key", statement(Foo=1), 'unknown key "Foo"'),
            ("an operator that nobody has", statement(Condition={"Equals": {"a:b": "c"}}), "unknown operator"),
            ("a common key without its product", statement(Condition={"Bool": {"MFAPresent": True}}), 'write "acs:'),
            ("an odd value", statement(Condition={"ForAllValues:Bool": {"a:b": "yes"}}), ".Condition"),
            ("an empty operator", statement(Condition={"BoolIfExists": {}}), ".Condition.BoolIfExists"),
        )
    ),
)

DOCUMENTS = (*WHOLE, *KEYS, *ACTIONS, *RESOURCES, *CONDITIONS, *PRINCIPALS, *INVISIBLE, *WARNED, *SESSIONS)
