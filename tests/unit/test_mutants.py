"""The mutants of a module: what is changed, and what is left alone because no behaviour is in it."""

import ast

import pytest
from tests.mutation.mutants import mutants

CHANGED = [
    ("a == b", ["a != b"]),
    ("a < b", ["a <= b"]),
    ("a in b", ["a not in b"]),
    ("a < b < c", []),
    ("a and b", ["a or b", "b", "a"]),
    ("a or b or c", ["a and b and c", "b or c", "a or c", "a or b"]),
    ("a - b", ["a + b"]),
    ("a * b", []),
    ("not a", ["bool(a)"]),
    ("-a", ["a"]),
    ("True", ["False"]),
    ("None", []),
    ("'a'", ["'aX'"]),
    ("any(a)", ["all(a)"]),
    ("a.strip()", ["a"]),
    ("a.strip(b)", []),
    ("a if b else c", ["a if not b else c"]),
    ("{a for a in b if c}", ["{a for a in b}"]),
    ("{a: b for a, b in c if d}", ["{a: b for a, b in c}"]),
    ("f'a{b == c}'", []),
    ("lambda: a is b", ["lambda: a is not b"]),
]


@pytest.mark.parametrize(("text", "others"), CHANGED)
def test_an_expression_is_changed_in_each_place_alone(text: str, others: list[str]) -> None:
    assert [mutant.source.removeprefix("x = ") for mutant in mutants("m", f"x = {text}")] == others


STATEMENTS = [
    ("if a:\n    b\nelse:\n    c", ["if not a:\n    b\nelse:\n    c"]),
    ("for a in b:\n    continue", ["for a in b:\n    break"]),
    ("raise A('a' == b)", ["pass"]),
    ("a(b)", ["pass"]),
    ("a: 'b' = c", []),
    ("import a", []),
    ("@a(1)\nclass A(b[0]):\n    '''c'''", []),
    (
        "def a(b: 'c'=2) -> 'd':\n    '''e'''",
        ["def a(b: 'c'=3) -> 'd':\n    '''e'''", "def a(b: 'c'=1) -> 'd':\n    '''e'''"],
    ),
]


@pytest.mark.parametrize(("text", "others"), STATEMENTS)
def test_a_statement_is_changed_or_left_out(text: str, others: list[str]) -> None:
    assert [mutant.source for mutant in mutants("m", text)] == [ast.unparse(ast.parse(other)) for other in others]


def test_a_name_says_where_and_what_and_is_there_once() -> None:
    source = "class A:\n    def b(self):\n        return 1 == 1\nc = 1 == 1"
    names = [mutant.name for mutant in mutants("m", source)]
    assert names == [
        *("m.A.b: 1 == 1 -> 1 != 1", "m.A.b: 1 -> 2", "m.A.b: 1 -> 0", "m.A.b: 1 -> 2 (2)", "m.A.b: 1 -> 0 (2)"),
        *("m: 1 == 1 -> 1 != 1", "m: 1 -> 2", "m: 1 -> 0", "m: 1 -> 2 (2)", "m: 1 -> 0 (2)"),
    ]
