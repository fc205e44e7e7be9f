"""Damaged JSON: what is read of it, and what is said about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.doubled import every
from icapdiag.logs.damage.records import Places, read_object, read_strict
from icapdiag.logs.damage.recovery import DEPTH, Found, read_members, salvage_object
from icapdiag.logs.damage.tokens import NOTED

OBJECT = '{"a": 1, "b": {"c": [1, 2, {"d": "x"}]}, "e": true}'

# damaged text, what is read, and for each repair the beginning of its words and where it is
DAMAGED: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ('{"a":1,"b":[1,{"c":"x"', {"a": 1, "b": [1, {"c": "x"}]}, [("missing }]} added at the end", "")]),
    ('{"a":1,"b":"cut of', {"a": 1}, [("cut off inside a string", ""), ("missing }", "")]),
    ('{"a":1,"b":12', {"a": 1}, [("cut off inside a number", ""), ("missing }", "")]),
    ('{"a":1,"b":tru', {"a": 1}, [("cut off inside a value", ""), ("missing }", "")]),
    ('{"a":1,"bc', {"a": 1}, [("cut off inside a key", ""), ("missing }", "")]),
    ('{"a":1,"bc"', {"a": 1}, [("cut off inside a key", ""), ("missing }", "")]),
    ('{"a":1,"bc":', {"a": 1}, [("cut off inside a member", ""), ("missing }", "")]),
    ('{"a":1,"b":{"c":[', {"a": 1}, [("missing ]}} added at the end", "")]),
    ('{"a":1,"b":2,}', {"a": 1, "b": 2}, [("a comma before } was left out", ",}")]),
    ('{"a":[1,2,],"b":3}', {"a": [1, 2], "b": 3}, [("a comma before ]", ",]")]),
    ('{"a":1,,"b":2}', {"a": 1, "b": 2}, [("an extra comma", ',"b"')]),
    ('{"a":1 "b":2}', {"a": 1, "b": 2}, [("a missing comma was added", '"b"')]),
    ('{"a":1;"b":2}', {"a": 1, "b": 2}, [("text that is not JSON", ';"b"'), ("a missing comma", '"b"')]),
    ('{"z":0,"a" {"x":1},"b":2}', {"z": 0, "a": {"x": 1}, "b": 2}, [("a missing colon", '{"x"')]),
    ('{"a":;{"x":1},"b":2}', {"a": {"x": 1}, "b": 2}, [("text that is not JSON", ";{")]),
    ('{"a":,"b":2}', {"b": 2}, [("a key without a value", ',"b"')]),
    ('{"a","b":2}', {"b": 2}, [("a key without a value", '"a"')]),
    ('{"a":nul1,"b":2}', {"b": 2}, [("a value that can't be read", "nul1")]),
    ('{"a":[1,2},"b":3}', {"a": [1, 2]}, [("a missing ] was added", '},"b"')]),
    ('{"a":{"x":[1,{"y":2]},"b":3}', {"a": {"x": [1, {"y": 2}]}, "b": 3}, [("a missing } was added", "]},")]),
    ('{"a":["x","y","b":2}', {"a": ["x", "y"], "b": 2}, [("a missing ] was added", ":2}")]),
    ("{“a”: “x”, “b”: “tag \\”7\\” x”}", {"a": "x", "b": 'tag "7" x'}, [("typographic quotes", "“a”")]),
    ("{\u2018a\u2019: \u2018x\u2019}", {"a": "x"}, [("typographic quotes", "\u2018a")]),
    ("{'a': 'it\\'s', 'b': \"o'k\", 'c': True, 'd': None}", {"a": "it's", "b": "o'k", "c": True, "d": None},
     [("single quotes", "'a'"), ("Python's True", "True")]),
    ("{a: 1, b_c: NaN, d: -Infinity}", {"a": 1, "b_c": None, "d": None},
     [("a key without its quotes", "a:"), ("a key without", "b_c"), ("NaN was read as null", "NaN"), ("a key", "d:"),
      ("Infinity was read", "-Inf")]),
    ('{"a": "broken\n   in two", "b": 2}', {"a": "broken in two", "b": 2}, [("a string broken across lines", "\n")]),
    ('{"a": "with a blank \nin two", "b": 2}', {"a": "with a blank in two", "b": 2}, [("a string broken", "\n")]),
    ('{\n"a": "no quote,\n"b": 2}', {"a": "no quote", "b": 2}, [("a missing closing quote", "\n")]),
    ('{\n"a": "no quote\n}', {"a": "no quote"}, [("a missing closing quote", "\n")]),
    ('{"a":1, // why\n"b":2 /* so */, # or\n"c":3}', {"a": 1, "b": 2, "c": 3}, [("a comment was left out", "// why")]),
    ('{"a":1, ..., "c":3}', {"a": 1, "c": 3}, [("text that is not JSON", "...")]),
    ('{"a":1,\n  ...\n  "c":3}', {"a": 1, "c": 3}, [("text that is not JSON", "...")]),
    ('{\n> "a": 1,\n> "b": "x\n> y"\n> }', {"a": 1, "b": "x y"},
     [("mail quoting", '> "a"'), ("a string broken", "\n> y")]),
    ('{"a":\x00\x001}', {"a": 1}, [("NUL bytes", "\x00")]),
    ('{"a":"tab\there"}', {"a": "tab\there"}, [("a control character", "\t")]),
    ('{"a":"c:\\dir"}', {"a": "c:\\dir"}, [("a backslash that is not an escape", "\\dir")]),
    ('{"a":"\\u12","b":1}', {"a": "\\u12", "b": 1}, [("a backslash that is not an escape", "\\u12")]),
    ('{"method":"POSTX,"uri":"/x","b":3}', {"method": "POSTX,", "uri": "/x", "b": 3},
     [("a key without its quotes", "uri")]),
    ('{"a":1e999,"b":+1,"c":01}', {"a": None}, [("a value that can't", "+1"), ("a value that can't", "01")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "repairs"), DAMAGED, ids=[text[:24] for text, _, _ in DAMAGED])
def test_damage_is_repaired_and_told(text: str, value: dict[str, Any], repairs: list[tuple[str, str]]) -> None:
    salvaged = salvage_object(text, 0)
    assert salvaged is not None
    assert value == salvaged.value
    found = [(what, text[at:]) for what, at in salvaged.repairs]
    assert len(repairs) == len(found), found
    for (words, place), (what, where) in zip(repairs, found, strict=True):
        assert what.startswith(words)
        assert where.startswith(place)


def test_sound_json_needs_no_repair() -> None:
    salvaged = salvage_object("  " + OBJECT + ", more", 2)
    assert salvaged == Found(start=2, end=2 + len(OBJECT), value=json.loads(OBJECT))


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ('{"a":1,"b":{"c":2}\n{"a":5}', 19),
        ('{"a":1,"b":{"c":2\n{"a":5}', 18),
        ('{"a":1,"b":[1,2\n{"a":5}', 16),
        ('{"a":1,"b":2,\n{"a":5}', 14),
        ('{"a":1\n"a":5}', 7),
        ('{"icap_log":{"x":1}\n\n  • The next one says more about it\n "b":1', 23),
    ],
)
def test_a_record_ends_where_the_next_one_or_prose_begins(text: str, end: int) -> None:
    salvaged = salvage_object(text, 0)
    assert salvaged is not None
    assert (end, False) == (salvaged.end, salvaged.open_end)
    assert salvaged.repairs[-1][0].startswith("missing ")


@pytest.mark.parametrize("text", ["{foo} and on", "{ is a brace", '{"quoted" prose', "{1: 2}", "{,,,{", "{}"])
def test_what_is_no_object_is_none(text: str) -> None:
    assert salvage_object(text, 0) is None


def test_members_without_braces_end_at_prose_and_at_what_comes_twice() -> None:
    text = '"icap_log": {"action": "A"},\n "x": 1,\n • More of the kind:\n "icap_log": {"action": "B"}'
    salvaged = read_members(text, 0)
    assert salvaged is not None
    assert {"icap_log": {"action": "A"}, "x": 1} == salvaged.value
    assert () == salvaged.repairs
    salvaged = read_members('"icap_log": {"action": "A"}, "icap_log": {"action": "B"}', 0)
    assert salvaged is not None
    assert {"icap_log": {"action": "A"}} == salvaged.value


def test_a_cut_header_block_keeps_its_whole_lines() -> None:
    salvaged = salvage_object(r'{"icap_headers_received_from_server": "ISTag: 1\r\nX-Response-Desc: No sec', 0)
    assert salvaged is not None
    assert {"icap_headers_received_from_server": "ISTag: 1\r\n"} == salvaged.value


def test_lines_broken_at_the_width_of_a_terminal_are_joined_without_a_blank() -> None:
    long = json.dumps({"icap_absolute_uri": "icap://192.0.2.1:1344/scan", "text": "x" * 30 + "y" * 60 + "z" * 40})
    wrapped = "\n".join(long[at : at + 80] for at in range(0, len(long), 80))
    salvaged = salvage_object(wrapped, 0)
    assert salvaged is not None
    assert json.loads(long) == salvaged.value


def test_nesting_is_bounded() -> None:
    deep = '{"a":' * (DEPTH + 50) + "1" + "}" * (DEPTH + 50)
    text = f'{{"x":{deep},"b":2}}'
    salvaged = salvage_object(text, 0)
    assert salvaged is not None
    assert salvaged.value is not None
    assert 2 == salvaged.value["b"]
    assert f"data nested deeper than {DEPTH} levels was left out" == salvaged.repairs[0][0]


def test_repairs_are_bounded() -> None:
    salvaged = salvage_object("{" + '"a":1 ' * 1000 + "}", 0)
    assert salvaged is not None
    assert NOTED == len(salvaged.repairs)


@pytest.mark.parametrize(
    "text",
    [
        '{"":[' * 60_000,
        '{"a":' * 100_000,
        '{"a":nul,' * 60_000,
        '"adf":nul,' * 60_000,
        '{"a":"' * 60_000,
        "{'a':'" * 60_000,
        '{"a":"\n' * 60_000,
        "{" + '"a":1 ' * 100_000,
        '{"a":1}' + "}" * 300_000,
        '{"a":[' + "]}" * 100_000,
        '{"a":1 ' + "/*" * 100_000,
        "> " * 150_000 + '{"a":1',
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.timeout(20)
def test_no_text_takes_long(text: str) -> None:
    salvage_object(text, 0)
    read_members(text, 0)


@pytest.mark.parametrize("end", ["}", ","], ids=["sound", "cut"])
def test_lone_surrogates_go_from_the_earlier_value_of_a_key_too(end: str) -> None:
    found = read_object(r'{"a": {"b": "\ud800"}, "a": 1' + end, 0)
    assert found is not None
    assert found.value is not None
    assert ({"b": "\ufffd"}, 1) == every(found.value, "a")


def test_lone_surrogates_become_a_replacement_and_pairs_stay() -> None:
    text = r'{"a\ud800": ["\ud83d\ude00", {"b": "\udfff!"}], "c": "\ud83d"}'
    value = {"a\ufffd": ["\U0001f600", {"b": "\ufffd!"}], "c": "\ufffd"}
    found = read_strict(text, 0)
    assert found is not None
    assert value == found.value
    salvaged = salvage_object(text[:-1] + ",}", 0)
    assert salvaged is not None
    assert value == salvaged.value


def test_numbers_that_python_refuses() -> None:
    found = read_strict('{"a": %s, "b": 1e999, "c": -7, "d": 2.5}' % ("9" * 5000), 0)
    assert found is not None
    assert {"a": None, "b": None, "c": -7, "d": 2.5} == found.value


def test_places() -> None:
    places = Places("ab\ncd\r\n\nx", line=5)
    expected = [(5, 1), (5, 2), (5, 3), (6, 1), (7, 1), (8, 1), (8, 2)]
    assert [(*place, None) for place in expected] == [places.of(at) for at in (0, 1, 2, 3, 7, 8, 9)]


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.text(min_size=1, max_size=6), _json, min_size=1, max_size=5), st.sampled_from([None, 1]))
def test_the_rough_reader_reads_all_sound_json(value: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    salvaged = salvage_object(text, 0)
    assert salvaged is not None
    assert json.loads(text) == salvaged.value
    assert (len(text), ()) == (salvaged.end, salvaged.repairs)


@given(st.dictionaries(st.text(min_size=1, max_size=6), _json, min_size=1, max_size=5), st.data())
def test_a_cut_object_keeps_the_members_that_were_complete(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = data.draw(st.integers(1, len(text)))
    found = read_object(text[:cut], 0)
    kept = {} if found is None or found.value is None else found.value
    complete = 0
    for count in range(1, len(value) + 1):
        members = json.dumps(dict(list(value.items())[:count]))
        if cut >= len(members):  # without its brace, and with the comma or the brace behind it
            complete = count
    for key in list(value)[:complete]:
        assert json.loads(json.dumps(value[key])) == kept[key]


@given(st.text(alphabet="{}[]\",:'\\ \n\tantrue1.-•“”>/*#é\x00", max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for at in range(len(text)):
        if text[at] == "{":
            salvage_object(text, at)
    read_members(text, 0)
