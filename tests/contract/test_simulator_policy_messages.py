"""What is said of a document that RAM's grammar refuses: the place, the mistake and the fix, word for word."""

import json
from typing import Any

import pytest

from ram_simulator.policies import DOCUMENTED, DocumentKind, Grammar, MalformedDocument, parse_document
from ram_simulator.policies.operators import OPERATORS

Raw = dict[str, Any]
STATEMENT: Raw = {"Effect": "Allow", "Action": "*", "Resource": "*"}
NO_RESOURCE = 'Resource is missing; write "Resource": "*" or a list of ARNs.'
DOCUMENTS: list[tuple[Raw, str]] = [
    ({"Id": "x"}, 'the key "Id" is not known; the keys are Version, Statement.'),
    ({" Id": "x"}, 'the key " Id" is not known; the keys are Version, Statement.'),
    ({"é": "x"}, 'the key "é" is not known; the keys are Version, Statement.'),
    ({" version": "1"}, 'the key " version" has a blank; write "Version".'),
    ({"version": "1"}, 'the key "version" is not known; write "Version".'),
    ({"Version": "2016-10-17"}, 'Version: "2016-10-17" is not a version of RAM\'s grammar; write "Version": "1".'),
    ({"Version": 1}, 'Version: 1 is not a version of RAM\'s grammar; write "Version": "1".'),
    ({"Version": None}, 'Version: null is not a version of RAM\'s grammar; write "Version": "1".'),
    ({"Statement": []}, "Statement: must be a list with at least one statement."),
    ({"Statement": STATEMENT}, "Statement: must be a list with at least one statement."),
    ({"Statement": ["x"]}, "Statement[0]: must be an object."),
    (
        {"Statement": [STATEMENT, STATEMENT | {"Action": ["a:b", "a: b"]}]},
        'Statement[1].Action[1]: "a: b" has a blank; write "a:b".',
    ),
    ({"Statement": [{"Effect": "Allow", "Action": "*"}]}, f"Statement[0]: {NO_RESOURCE}"),
    (
        {"Statement": [{"Effect": "Allow", "Resource": "*"}]},
        "Statement[0]: exactly one of Action and NotAction is required.",
    ),
]
NO_VALUES: tuple[Any, ...] = (None, [], {}, ["true", None])
NO_VALUE = "a value or a list of values is required."
STATEMENTS: list[tuple[Raw, str]] = [
    ({"condition": {}}, 'Statement[0]: the key "condition" is not known; write "Condition".'),
    ({"Effect": "allow"}, 'Statement[0].Effect: "allow" must be "Allow" or "Deny".'),
    ({"Effect": None}, 'Statement[0].Effect: null must be "Allow" or "Deny".'),
    ({"Action": "a: b\tc"}, 'Statement[0].Action: "a: b\\tc" has a blank; write "a:bc".'),
    (
        {"Action": "ecs:[ECS]"},
        'Statement[0].Action: "ecs:[ECS]" is a placeholder; write an action instead, or all of them: "ecs:*".',
    ),
    ({"Action": []}, "Statement[0].Action: must be a string or a list of strings."),
    ({"Action": 1}, "Statement[0].Action: must be a string or a list of strings."),
    ({"Action": {"a:b": 1}}, "Statement[0].Action: must be a string or a list of strings."),
    ({"Action": [1]}, "Statement[0].Action: must be a string or a list of strings."),
    ({"NotAction": "x:y"}, "Statement[0]: exactly one of Action and NotAction is required."),
    ({"Principal": {"RAM": "*"}}, "Statement[0]: Principal belongs to trust policies only; leave it out."),
    ({"Action": ["*", "Get"]}, 'Statement[0].Action[1]: "Get" is no action; write "<service>:<operation>" or "*".'),
    ({"Resource": "acs:b "}, 'Statement[0].Resource: "acs:b " has a blank; write "acs:b".'),
    ({"Resource": "\nacs:b"}, 'Statement[0].Resource: "\\nacs:b" has a blank; write "acs:b".'),
    (
        {"Resource": "b"},
        'Statement[0].Resource: "b" is no ARN; write "*" or one such as "acs:oss:*:*:bucket/*".',
    ),
    ({"Condition": []}, "Statement[0].Condition: must be an object of operators."),
    ({"Condition": {"Bool": {}}}, "Statement[0].Condition.Bool: must be an object of keys and values."),
    ({"Condition": {"Bool": "a:b"}}, "Statement[0].Condition.Bool: must be an object of keys and values."),
    (
        {"Condition": {"Bool": {" a:b": "true"}}},
        'Statement[0].Condition.Bool: " a:b" is no condition key such as "acs:SourceIp".',
    ),
    (
        {"Condition": {"Bool": {"ab": "true"}}},
        'Statement[0].Condition.Bool: "ab" is no condition key such as "acs:SourceIp".',
    ),
    *(({"Condition": {"Bool": {"a:b": wrong}}}, f"Statement[0].Condition.Bool.a:b: {NO_VALUE}") for wrong in NO_VALUES),
    (
        {"Condition": {"StringIs": {"a:b": "c"}}},
        f'Statement[0].Condition: the key "StringIs" is not known; the keys are {", ".join(OPERATORS)}.',
    ),
    ({"Condition": {"bool": {}}}, 'Statement[0].Condition: the key "bool" is not known; write "Bool".'),
]
NO_OBJECTS: tuple[Any, ...] = ({}, "*", None)
PRINCIPALS: list[tuple[Any, str]] = [
    *(
        (
            wrong,
            "Statement[0].Principal: an object is required; "
            'write for example "Principal": {"Service": ["ecs.aliyuncs.com"]}.',
        )
        for wrong in NO_OBJECTS
    ),
    ({"RAM": []}, "Statement[0].Principal.RAM: must be a string or a list of strings."),
    ({"RAM": [], "Service": []}, "Statement[0].Principal: must name at least one principal."),
    ({"RAM": ["*"], "Service": [1]}, "Statement[0].Principal.Service: must be a string or a list of strings."),
    ({"Service ": "x"}, 'Statement[0].Principal: the key "Service " has a blank; write "Service".'),
    ({"AWS": "*"}, 'Statement[0].Principal: the key "AWS" is not known; the keys are Service, RAM, Federated.'),
]


def refusal(document: object, kind: DocumentKind = DocumentKind.IDENTITY, grammar: Grammar = DOCUMENTED) -> str:
    with pytest.raises(MalformedDocument) as caught:
        parse_document(json.dumps(document), kind, grammar)
    return str(caught.value)


@pytest.mark.parametrize(("change", "said"), DOCUMENTS)
def test_a_wrong_document_is_explained(change: Raw, said: str) -> None:
    assert refusal({"Version": "1", "Statement": [STATEMENT]} | change) == said


@pytest.mark.parametrize(("change", "said"), STATEMENTS)
def test_a_wrong_statement_is_explained(change: Raw, said: str) -> None:
    assert refusal({"Version": "1", "Statement": [STATEMENT | change]}) == said


@pytest.mark.parametrize(("principal", "said"), PRINCIPALS)
def test_a_wrong_principal_is_explained(principal: Any, said: str) -> None:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    assert refusal({"Version": "1", "Statement": [statement]}, DocumentKind.TRUST) == said


@pytest.mark.parametrize("value", [1, "", None, []])
def test_only_an_object_is_a_document(value: Any) -> None:
    assert refusal(value) == 'The document must be a JSON object: {"Version": "1", "Statement": [...]}.'


def test_a_trust_policy_has_no_resource() -> None:
    said = refusal({"Version": "1", "Statement": [STATEMENT]}, DocumentKind.TRUST)
    assert said == "Statement[0]: a trust policy has no Resource; leave it out."


def test_what_takes_the_place_of_json_in_other_languages_is_none() -> None:
    for text in ("NaN", '{"Version": Infinity}', "{'Version': '1'}", "", "[" * 100_000):
        with pytest.raises(MalformedDocument, match=r"^The document is not JSON: .*\.$"):
            parse_document(text, DocumentKind.IDENTITY)


def test_an_empty_kind_of_principals_says_nothing_beside_another_one() -> None:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [], "Federated": "acs:ram::1:x"}}
    document = json.dumps({"Version": "1", "Statement": [statement]})
    (parsed,) = parse_document(document, DocumentKind.TRUST).statements
    assert parsed.principals == {"RAM": (), "Federated": ("acs:ram::1:x",)}
