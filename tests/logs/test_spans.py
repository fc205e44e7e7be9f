"""Where values end: as the json module finds it, and nowhere in what is cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.logs.blocks.spans import MISMATCHED, UNFINISHED, end_of_value

_LEAVES = st.none() | st.booleans() | st.integers() | st.text(alphabet='ab\\"{}[],: \u00e9', max_size=6)
VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
).filter(lambda value: isinstance(value, list | dict))


@given(
    value=VALUES, indent=st.sampled_from([None, 1]), ascii_only=st.booleans(), tail=st.sampled_from(["", ",{", "]]"])
)
def test_as_json_has_it(value: object, indent: int | None, tail: str, *, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    data = bytearray(b"x" + text + tail.encode())

    assert 1 + len(text) == end_of_value(data, 1, len(data))
    assert all(UNFINISHED == end_of_value(data, 1, cut) for cut in range(2, 1 + len(text)))


@pytest.mark.parametrize("text", ["[}", "{]", '{"a":[}', "[{]", '[[1,2],{"a":"]"}}', "{" + "[" * 1001])
def test_brackets_of_the_wrong_kind(text: str) -> None:
    assert MISMATCHED == end_of_value(bytearray(text.encode()), 0, len(text))


def test_a_long_flat_value_in_one_go() -> None:
    data = bytearray(b"[" + b'{"a":[1,"]"]},' * 100_000 + b"{}]")

    assert len(data) == end_of_value(data, 0, len(data))
