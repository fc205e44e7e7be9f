"""Damaged entries made sound by copying text: the same comes out as token by token, or nothing."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icapdiag.logs.damage import mending
from icapdiag.logs.damage.mending import Repairs, by_splicing, by_tokens
from tests.examples import examples
from tests.logs.generate import ORDERS, generated

HEADERS = "icap_headers_sent_to_server"
# Damaged text, what is read, and for each repair the beginning of its words and where it is.
DAMAGED: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ('{"a":1,"b":"cut of', {"a": 1}, [("cut off inside a string", ""), ("missing } added at the end", '"b"')]),
    ('{"a":1,"b":{"c":"cut of', {"a": 1}, [("cut off inside a string", ""), ("missing }} added", '"c"')]),
    ('{"a":1,"b":{"c":2,"d":[[{"e', {"a": 1, "b": {"c": 2}}, [("cut off inside a key", ""), ("missing }]]}}", '"e')]),
    ('{"a":1,"bc"', {"a": 1}, [("cut off inside a key", ""), ("missing }", '"bc"')]),
    ('{"a":1, "bc": ', {"a": 1}, [("cut off inside a member", ""), ("missing }", ' "bc"')]),
    ('{"a":1,"b":-12.5', {"a": 1}, [("cut off inside a number", ""), ("missing }", '"b"')]),
    ('{"a":1,"b":[12,1', {"a": 1, "b": [12]}, [("cut off inside a number", ""), ("missing ]}", "1")]),
    ('{"a":1,"b":1.5e', {"a": 1}, [("cut off inside a value", ""), ("missing }", '"b"')]),
    ('{"a":1,"b":[true,fal', {"a": 1, "b": [True]}, [("cut off inside a value", ""), ("missing ]}", "fal")]),
    ('{"a":1,"b":false', {"a": 1, "b": False}, [("missing }", "")]),
    ('{"a":1,"b":["x"', {"a": 1, "b": ["x"]}, [("missing ]}", "")]),
    ('{"a":{"b":[]}', {"a": {"b": []}}, [("missing }", "")]),
    ('{"a":1,"b":{"c":[', {"a": 1}, [("missing ]}}", "")]),
    ('{"a":1,"b":{"c":2,', {"a": 1, "b": {"c": 2}}, [("missing }}", "")]),
    (f'{{"a":1,"{HEADERS}":"A: b\\r\\nC: d\\r\\nE: f', {"a": 1, HEADERS: "A: b\r\nC: d\r\n"},
     [("cut off inside a string", ""), ("missing }", f'"{HEADERS}"')]),
    (f'{{"a":1,"b":{{"{HEADERS}":"A: b\\\\nC: d', {"a": 1}, [("cut off inside a string", ""), ("missing }}", '"icap')]),
    ('{"a":1,,"b":[,2 , ,3,],"c":{,}}', {"a": 1, "b": [2, 3], "c": {}},
     [("an extra comma", ',"b"'), ("an extra comma", ",2"), ("an extra comma", ",3"), ("a comma before ]", ",],"),
      ("an extra comma", ",}}"), ("a comma before }", ",}}")]),
    ('{"a":1,,"b":[2,,{"c":"x', {"a": 1, "b": [2]},
     [("an extra comma", ',"b"'), ("an extra comma", ',{"c"'), ("cut off inside a", ""), ("missing }]}", '"c"')]),
]  # fmt: skip
NOT_SURE = (
    *('{"a":1}', '{"a":1} ', '{"a":1}{"b":2', '{"a":1 "b":2,', '{"a":1,"b":[2}', '{"a":1,"b":{"c":2} "d":3,', "[1,"),
    *('{"a":tru,"b":"x', '{"a":1,"b\\', '{"a":1,"b":"x\\u00', '{"a":1,"b":"x\\q', '{"a":1,"b":"x\ny', '{"a":1,"b":NaN'),
    *('{"a":1,"b":\'x', '{"a":1,b:2,', '{"a":1,"a":2,"b', '{"a":1.0e5,"b', '{"a":"\\/","b', '{"a":"\\ud83d\\ude00","b'),
    *('{"a":1,"results":[1,', f'{{"a":1,"{HEADERS}":"A: b\\u000aC: d', '{"b":1,"c', '{"a', "{", '{"a":1,"b":01'),
    *('{"a":1,"b":{{"c":2,', '{"a":[1]: 2,', '{"a":' + "[" * 60, '{"a":1' + "," * 30 + '"b', '{"a":1,{', ""),
    *('{"a":1,"\\u0q":{"b":nul', '{"a":1,"b":[{"\\q":{'),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _short_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mending, "_ENTRY_KEYS", ("a",))  # what has one is an entry


def _same(text: str, found: tuple[bytes, Repairs]) -> None:
    other = by_tokens(text)
    assert other is not None
    assert (json.loads(other[0]), list(json.loads(other[0])), other[1]) == (
        json.loads(found[0]),
        list(json.loads(found[0])),
        found[1],
    )


@pytest.mark.parametrize(("text", "value", "repairs"), DAMAGED, ids=[text[:24] for text, _, _ in DAMAGED])
def test_damage(text: str, value: dict[str, Any], repairs: list[tuple[str, str]]) -> None:
    found = by_splicing(text)

    assert found is not None
    assert value == json.loads(found[0])
    told = [(what, text[at:]) for what, at in found[1]]
    assert len(repairs) == len(told), told
    for (words, place), (what, where) in zip(repairs, told, strict=True):
        assert what.startswith(words)
        assert where.startswith(place), (place, where)
        assert place or not where
    _same(text, found)


@pytest.mark.parametrize("text", NOT_SURE)
def test_what_is_not_sure_is_left_to_the_other(text: str) -> None:
    assert by_splicing(text) is None


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    value=st.dictionaries(st.sampled_from(["b", HEADERS, "é", 'q"', "c\n"]), _values, max_size=5),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (",\n", ": ")]),
    put=st.lists(st.tuples(st.integers(0, 200), st.sampled_from([",", ",,", " ,", "\n", '"', "\\", "}", "["]))),
    cut=st.integers(0, 200),
    ascii_only=st.booleans(),
)
@settings(max_examples=examples(400), suppress_health_check=list(HealthCheck), deadline=None)
def test_it_is_what_reading_by_tokens_gives(
    value: dict[str, Any], separators: tuple[str, str], put: list[tuple[int, str]], cut: int, *, ascii_only: bool
) -> None:
    text = json.dumps({"a": 1} | value, separators=separators, ensure_ascii=ascii_only)
    for at, piece in put[:3]:
        text = text[:at] + piece + text[at:]
    text = text[: len(text) - cut] if 0 < cut < len(text) else text

    if found := by_splicing(text):
        _same(text, found)


def test_most_lines_that_are_cut_need_nothing_else() -> None:
    choose = random.Random(1)  # noqa: S311 - damage, not secrets
    texts = [json.dumps({"a": 1} | one, separators=(",", ":")) for order in ORDERS
               for one in generated(200, share=0.7, order=order, seed=3)]  # fmt: skip
    cut = [text[: choose.randrange(8, len(text))].rstrip(",") for text in texts]

    found = [by_splicing(text) for text in cut]

    assert len(cut) * 0.9 < sum(one is not None for one in found)
    for text, one in zip(cut, found, strict=True):
        if one is not None:
            _same(text, one)
