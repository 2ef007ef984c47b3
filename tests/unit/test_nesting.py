"""Objects that are nested more deeply than anything here can read."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ram_operator.cluster.nesting import CUT, MOST_LEVELS, shallow

LEAVES = st.none() | st.booleans() | st.integers() | st.text('[]{}"\\a,:', max_size=6)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\a', max_size=3), inner, max_size=3),
)


def levels(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(levels, value.values()), default=0)
    return 1 + max(map(levels, value), default=0) if isinstance(value, list) else 0


def cut(value: Any, most: int) -> Any:
    """The same, slowly."""
    if isinstance(value, dict | list) and most == 0:
        return CUT
    if isinstance(value, dict):
        return {key: cut(item, most - 1) for key, item in value.items()}
    return [cut(item, most - 1) for item in value] if isinstance(value, list) else value


@settings(deadline=None, max_examples=300)
@given(TREES, st.integers(0, 6), st.booleans())
def test_what_is_deeper_is_cut_and_all_else_is_kept(value: Any, most: int, indented: bool) -> None:
    text = json.dumps(value, indent=2 if indented else None)
    assert json.loads(shallow(text.encode(), most)) == cut(value, most)


@settings(deadline=None)
@given(TREES)
def test_what_is_shallow_is_left_byte_for_byte(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    assert shallow(text, max(levels(value), 1)) == text


@pytest.mark.parametrize("opening", ["[", '{"a":', '[0,{"a]":'])
def test_what_the_parser_cannot_read_is_read(opening: str) -> None:
    closing = opening.replace('"a":', "").replace('0,{"a]":', "{").translate(str.maketrans("[{", "]}"))[::-1]
    deep = opening * 9_990 + '"x"' + closing * 9_990
    read = json.loads(shallow(b'{"spec": %s, "kind": "RamRole"}' % deep.encode()))
    assert read["kind"] == "RamRole"
    assert levels(read) == MOST_LEVELS


@pytest.mark.parametrize("text", [b"", b"[", b'{"a": [', b"]", b'"', b"{}}" * 100, b"[" * 200])
def test_what_is_no_json_stays_none(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Extra|Unterminated|Invalid"):
        json.loads(shallow(text))
