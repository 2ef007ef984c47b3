"""`lint` and `explain`: what they find, where they say it is, and what tools get of it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from ram_operator.commands.explain import explain, overview, reasons
from ram_operator.commands.lint import RULES, Finding, as_json, as_sarif, lint
from ram_operator.commands.manifests import parse, read
from ram_operator.errors import StartupError
from ram_operator.kinds.instance_role_binding import InstanceRoleBindingKind
from ram_operator.kinds.ram_policy import RamPolicyKind
from ram_operator.kinds.ram_role import RamRoleKind
from ram_operator.model import Reason

FULL_CHECK = timedelta(hours=6)
KINDS = {
    kind.resource.kind: kind for kind in (RamPolicyKind(FULL_CHECK), RamRoleKind(FULL_CHECK), InstanceRoleBindingKind())
}
POLICY = """\
apiVersion: ram.alicloud.dev/v1alpha1
kind: RamPolicy
metadata: {name: x}
spec:
  document:
    Statement:
    - Effect: Allow
      Action: %s
      Resource: "*"
"""
GOOD = POLICY % "oss:GetObject"
SARIF = Draft4Validator(json.loads((Path(__file__).parent / "sarif-2.1.0.schema.json").read_text()))
"""OASIS' own schema without its descriptions."""
SAMPLES = Path(__file__).parents[2] / "deploy/samples"


def found(text: str) -> list[tuple[int, str, str]]:
    return [(one.line, one.rule.value, one.place) for one in findings(text)]


def findings(text: str) -> list[Finding]:
    return lint(parse("x.yaml", text), KINDS)


CASES = {
    "a good object": (GOOD, []),
    "another resource": ("kind: ConfigMap\napiVersion: v1\n", []),
    "nothing": ("---\n", []),
    "a blank in an action": (POLICY % '"oss: Get"', [(8, "invalid-spec", "spec.document.Statement[0].Action")]),
    "an action that no list knows": (POLICY % "oss:Foo", [(8, "doubtful", "spec.document.Statement[0].Action")]),
    "the second document": (
        GOOD + "---\n" + POLICY % '[""]',
        [(18, "invalid-spec", "spec.document.Statement[0].Action[0]")],
    ),
    "a kind that there is not": (
        "apiVersion: ram.alicloud.dev/v1alpha1\nkind: RamRoles\n",
        [(2, "invalid-spec", "kind")],
    ),
    "not YAML": ("a: [\n", [(2, "unreadable", "")]),
    "a bare policy": ('{"Version": "2016-10-17", "Statement": []}', [(1, "invalid-document", "Version")]),
    "a bare trust policy": (
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",\n'
        '"Principal": {"Service": ["ecs.aliyun.com"]}}]}',
        [(2, "doubtful", "Statement[0].Principal.Service[0]")],
    ),
    "a place with a colon in it": (
        GOOD + '      Condition: {StringEquals: {"oss:a: b": []}}\n',
        [
            (10, "invalid-spec", "spec.document.Statement[0].Condition.StringEquals"),
            (10, "invalid-spec", 'spec.document.Statement[0].Condition.StringEquals["oss:a: b"]'),
        ],
    ),
    "a list of kubectl": ("kind: List\napiVersion: v1\nitems:\n- " + "\n  ".join(GOOD.splitlines()), []),
    "a list of kubectl with something wrong in it": (
        "kind: List\napiVersion: v1\nitems:\n- " + "\n  ".join((POLICY % '"a b"').splitlines()),
        [(11, "invalid-spec", "spec.document.Statement[0].Action")],
    ),
    "items that are no list": ("kind: List\napiVersion: v1\nitems: 5\n", []),
    "a key twice": (GOOD + '      Action: "oss:*"\n', [(10, "unreadable", "")]),
    "a key twice, of another resource": ("kind: ConfigMap\napiVersion: v1\nkind: Secret\n", []),
    "a date where a version belongs": (
        GOOD.replace("Statement:", "Version: 2016-10-17\n    Statement:"),
        [(6, "invalid-spec", "spec.document.Version")],
    ),
    "what refers to itself": ("a: &x [*x]\n", [(1, "unreadable", "")]),
    "a misspelt value": (GOOD + "  managementPolicy: Plam\n", [(10, "invalid-spec", "spec.managementPolicy")]),
    "a misspelt field": (GOOD + "  policyname: x\n", [(4, "invalid-spec", "spec")]),
    "another version": (GOOD.replace("v1alpha1", "v1"), [(1, "invalid-spec", "apiVersion")]),
    "a name in capitals": (GOOD.replace("name: x", "name: Xy"), [(3, "invalid-spec", "metadata.name")]),
    "a name that the API server makes": (GOOD.replace("name: x", "generateName: x-"), []),
    "a name in capitals that the API server makes": (
        GOOD.replace("name: x", "generateName: Xy-"),
        [(3, "invalid-spec", "metadata.name")],
    ),
    "a name that the API server cannot make": (
        GOOD.replace("name: x", "generateName: 7"),
        [(3, "invalid-spec", "metadata"), (3, "invalid-spec", "metadata.generateName")],
    ),
    "no name": (GOOD.replace("name: x", ""), [(3, "invalid-spec", "metadata")]),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_lint_finds_each_problem_at_its_line(text: str, expected: list[tuple[int, str, str]]) -> None:
    assert found(text)[: len(expected) or None] == expected


TAGS = ("bool", "int", "float", "timestamp", "binary", "null", "str", "set", "omap", "pairs", "map", "seq", "x")
UNFIT = ('""', "foo", "[a]", "{a: b}", "{=: a}", "1:1", ":".join(["1"] * 400), "0x", "2001-99-99", "[[]]", '"_"')


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_that_is_not_fit_for_its_value_makes_its_file_unreadable_and_no_other(tag: str, tmp_path: Path) -> None:
    for number, value in enumerate(UNFIT):
        (tmp_path / f"{number}.yaml").write_text(f"a: !!{tag} {value}\n")
    (tmp_path / "z.yaml").write_text(POLICY % '"a b"')
    *others, last = lint(read([str(tmp_path)]), KINDS)
    assert {one.rule.value for one in others} <= {"unreadable"}
    assert last.rule.value == "invalid-spec"


@pytest.mark.parametrize("text", ["!!timestamp foo", "!!bool foo", '!!int ""', '!!float ""', '"\\UFFFFFFFF"'])
def test_a_value_that_is_not_what_it_says_it_is_cannot_be_read(text: str) -> None:
    assert found(f"a: {text}\n") == [(1, "unreadable", "")]


@pytest.mark.parametrize("indent", ["\t", "  ", None])
def test_json_is_read_with_the_lines_of_its_parts_however_it_is_indented(indent: str | None) -> None:
    statement = {"Effect": "Allow", "Action": "oss:\tGet", "Resource": "*"}
    text = json.dumps({"Version": "1", "Statement": [statement]}, indent=indent)
    line = text.partition('"Action"')[0].count("\n") + 1
    assert found(text) == [(line, "invalid-document", "Statement[0].Action")]
    [manifest] = parse("x.json", text)
    assert manifest.value == json.loads(text)


def test_a_finding_says_what_to_write_instead() -> None:
    text = GOOD.replace("name: x", "name: 7") + "  managementPolicy: Plam\n  policyname: x\n  description: [x]\n"
    assert [f"{one.place}: {one.message}" for one in findings(text)] == [
        "metadata.name: is a number; write text, in quotes where it looks like something else",
        'spec: unknown key "policyname"; write "policyName"',
        "spec.description: is a list; write text, in quotes where it looks like something else",
        'spec.managementPolicy: "Plam" is not known; write Plan',
    ]


def test_a_file_that_is_not_text_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b.yaml").write_text(POLICY % '"a b"')
    assert [one.rule.value for one in lint(read([str(tmp_path)]), KINDS)] == ["unreadable", "invalid-spec"]


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(StartupError, match=r"cannot read nosuch\.yaml: No such file"):
        list(read(["nosuch.yaml"]))


def test_what_is_refused_is_not_doubted_as_well() -> None:
    text = POLICY.replace("    - Effect", "    - Sid: x\n      Effect") % "oss:GetObject"
    assert [one.severity for one in findings(text)] == ["error"]


def test_the_samples_have_no_finding() -> None:
    assert lint(read([str(SAMPLES)]), KINDS) == []


def test_tools_get_every_finding_with_its_id_severity_place_and_line() -> None:
    made = [*findings(POLICY % '"oss: Get"'), *findings(POLICY % "oss:Foo")]
    rows = json.loads(as_json(made))
    assert [(row["id"], row["severity"], row["line"]) for row in rows] == [
        ("invalid-spec", "error", 8),
        ("doubtful", "warning", 8),
    ]
    [run] = json.loads(as_sarif(made, "1.2.3"))["runs"]
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {rule.value for rule in RULES}
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("invalid-spec", "error"),
        ("doubtful", "warning"),
    ]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 8}


def test_what_code_scanners_get_is_valid_sarif() -> None:
    made = [one for text, _ in CASES.values() for one in lint(parse("a folder/x y.yaml", text), KINDS)]
    log = json.loads(as_sarif(made, "1.2.3"))
    SARIF.validate(log)
    assert {one["ruleId"] for one in log["runs"][0]["results"]} == {rule.value for rule in RULES}
    [uri] = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log["runs"][0]["results"]}
    assert uri == "a%20folder/x%20y.yaml"


def test_every_reason_is_explained_in_words_for_a_terminal() -> None:
    assert set(reasons()) >= {reason.value for reason in Reason}
    for name in reasons():
        words = explain(name.lower())
        assert words.startswith(f"{name}\n")
        assert "](" not in words


def test_without_a_reason_each_has_one_line_that_says_what_it_means() -> None:
    lines = overview()
    assert [line.split()[0] for line in lines] == list(reasons())
    assert all(len(line.split(maxsplit=1)) == 2 and line.endswith(".") and "](" not in line for line in lines)


def test_what_people_copy_out_of_an_explanation_is_not_broken_and_links_say_where_they_lead() -> None:
    words = explain("MassRelease")
    assert "ram.alicloud.dev/allow-release" in words
    assert "(docs/ack.md#which-nodes)" in explain("OtherRole").replace("\n ", "")
    assert "RolledBack" in explain("RolloutStopped")
    assert "adoptionPolicy" in explain("NotOwned")


def test_a_word_that_is_like_no_reason_gets_no_guess() -> None:
    with pytest.raises(KeyError, match="`explain` lists all"):
        explain("Bogus")


def test_a_misspelt_reason_gets_the_nearest() -> None:
    with pytest.raises(KeyError, match="NotOwned"):
        explain("NotOwnd")
