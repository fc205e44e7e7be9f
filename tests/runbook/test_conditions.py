"""Conditions: each modifier, its edges, and that no record can make one raise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.model import JSONValue
from icapdiag.runbook.conditions import MODIFIERS, ConditionError, ConditionResult, parse_condition

RECORD: dict[str, JSONValue] = {
    "probe": "eicar",
    "text": "No Security Rule matched",
    "sharp": "STRASSE",
    "empty": "",
    "status": 500,
    "digits": "500",
    "share": 0.5,
    "yes": True,
    "no": False,
    "null": None,
    "none_of_them": [],
    "methods": ["REQMOD", "RESPMOD"],
    "numbers": [1, 200],
    "mixed": [None, {"rule": "x"}, ["y"], "z"],
    "deviations": [{"rule": "istag-missing"}],
    "object": {"rule": "istag-missing"},
    "address": "10.20.0.5",
    "mapped": "::ffff:10.20.0.5",
    "v6": "2001:db8::1",
    "elapsed_ms": 12000.5,
    "limit_ms": 10000,
    "far_limit_ms": 60000,
    "piece": "security",
    "pieces": ["nothing", "rule"],
    "prefix": "no sec",
    "suffix": "MATCHED",
}

TABLE: list[tuple[str, JSONValue, bool]] = [
    # equality
    ("probe", "eicar", True),
    ("probe", "EICAR", True),
    ("probe", "eica", False),
    ("probe", ["clean", "eicar"], True),
    ("probe", ["clean", "tcp"], False),
    ("sharp", "straße", True),
    # inequality: of what is there
    ("probe|neq", "clean", True),
    ("probe|neq", "EICAR", False),
    ("probe|neq", ["clean", "tcp"], True),
    ("probe|neq", ["clean", "eicar"], False),
    ("status|neq", "500", False),
    ("status|neq", [404, 403], True),
    ("methods|neq", "RESPMOD", False),
    ("methods|neq", "OPTIONS", True),
    ("missing|neq", "x", False),
    ("null|neq", "x", False),
    ("none_of_them|neq", "x", False),
    ("elapsed_ms|neq|fieldref", "limit_ms", True),
    ("elapsed_ms|neq|fieldref", "elapsed_ms", False),
    ("empty", "", True),
    ("missing", "", False),
    ("status", 500, True),
    ("status", 500.0, True),
    ("status", "500", True),
    ("status", 501, False),
    ("digits", 500, True),
    ("digits", "500", True),
    ("yes", True, True),
    ("yes", False, False),
    ("yes", 1, False),
    ("yes", "true", False),
    ("no", False, True),
    ("no", 0, False),
    ("status", True, False),
    ("null", None, True),
    ("missing", None, True),
    ("none_of_them", None, True),
    ("no", None, False),
    ("methods", "respmod", True),
    ("methods", "OPTIONS", False),
    ("numbers", 200, True),
    ("mixed", "z", True),
    ("mixed", "x", False),
    ("mixed", None, False),
    ("object", "istag-missing", False),
    # text
    ("text|contains", "security RULE", True),
    ("text|contains", ["nothing", "rule"], True),
    ("text|contains", "norule", False),
    ("text|contains|all", ["security", "matched"], True),
    ("text|all|contains", ["security", "nothing"], False),
    ("methods|contains", "eqmo", True),
    ("methods|contains|all", ["req", "resp"], True),
    ("methods|all", ["reqmod", "respmod"], True),
    ("methods|all", ["reqmod", "options"], False),
    ("status|contains", "50", True),
    ("status|contains", 50, True),
    ("yes|contains", "true", False),
    ("missing|contains", "x", False),
    ("none_of_them|contains", "x", False),
    ("deviations|contains", "istag", False),
    ("text|startswith", "no s", True),
    ("text|startswith", "security", False),
    ("text|endswith", "MATCHED", True),
    ("text|endswith", "rule", False),
    # re
    ("text|re", r"security\s+rule", True),
    ("text|re", r"^security", False),
    ("text|re", r"^no", True),
    ("status|re", r"^5\d\d$", True),
    ("methods|re", "^resp", True),
    ("missing|re", ".*", False),
    # cidr
    ("address|cidr", "10.0.0.0/8", True),
    ("address|cidr", ["192.168.0.0/16", "10.20.0.5"], True),
    ("address|cidr", "192.168.0.0/16", False),
    ("address|cidr", "::/0", False),
    ("mapped|cidr", "10.0.0.0/8", True),
    ("v6|cidr", "2001:db8::/32", True),
    ("v6|cidr", "10.0.0.0/8", False),
    ("text|cidr", "0.0.0.0/0", False),
    ("status|cidr", "0.0.0.0/0", False),
    # numbers
    ("status|gt", 499, True),
    ("status|gt", 500, False),
    ("status|gte", 500, True),
    ("status|lt", 500.5, True),
    ("status|lt", 500, False),
    ("status|lte", 500, True),
    ("digits|gte", 500, True),
    ("digits|gte", "499.5", True),
    ("share|lt", 1, True),
    ("text|gt", 0, False),
    ("yes|gt", 0, False),
    ("missing|lt", 1, False),
    ("null|lt", 1, False),
    ("numbers|gt", 100, True),
    # exists
    ("text|exists", True, True),
    ("text|exists", False, False),
    ("empty|exists", True, True),
    ("no|exists", True, True),
    ("missing|exists", False, True),
    ("missing|exists", True, False),
    ("null|exists", False, True),
    ("none_of_them|exists", False, True),
    # fieldref
    ("digits|fieldref", "status", True),
    ("status|fieldref", "digits", True),
    ("status|fieldref", "limit_ms", False),
    ("elapsed_ms|gt|fieldref", "limit_ms", True),
    ("elapsed_ms|fieldref|gt", "limit_ms", True),
    ("elapsed_ms|gt|fieldref", "far_limit_ms", False),
    ("elapsed_ms|gt|fieldref", ["far_limit_ms", "limit_ms"], True),
    ("elapsed_ms|gt|fieldref|all", ["far_limit_ms", "limit_ms"], False),
    ("elapsed_ms|lte|fieldref", "far_limit_ms", True),
    ("elapsed_ms|gt|fieldref", "missing", False),
    ("elapsed_ms|gt|fieldref", "text", False),
    ("missing|fieldref", "null", False),
    ("text|contains|fieldref", "piece", True),
    ("text|contains|fieldref", "pieces", True),
    ("text|startswith|fieldref", "prefix", True),
    ("text|endswith|fieldref", "suffix", True),
    ("text|contains|fieldref", "empty", False),
    ("yes|fieldref", "yes", True),
]


@pytest.mark.parametrize(("key", "value", "expected"), TABLE)
def test_condition_holds(key: str, value: JSONValue, expected: bool) -> None:
    condition = parse_condition(key, value)

    assert expected == condition.holds(RECORD)
    assert expected == condition.explain(RECORD).matched


def test_every_modifier_is_in_the_table() -> None:
    used = {modifier for key, _, _ in TABLE for modifier in key.split("|")[1:]}

    assert set(MODIFIERS) == used


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("|contains", "x", "no field name before the first '|'"),
        ("f|contians", "x", "unknown modifier 'contians'; did you mean 'contains'?"),
        ("f|", "x", "unknown modifier ''"),
        ("f|contains|startswith", "x", "'contains' and 'startswith' can't be combined"),
        ("f|contains|contains", "x", "a modifier is written twice"),
        ("f|re|fieldref", "x", "'fieldref' can't be combined with 're'"),
        ("f|fieldref", 5, "'fieldref' needs the name of another field"),
        ("f|contains|all", "x", "'all' needs a list of two or more values"),
        ("f|contains", "", "'contains' with an empty text matches everything"),
        ("f|contains", None, "'contains' needs text, not null"),
        ("f|endswith", True, "'endswith' needs text, not true"),
        ("f|gt", "much", "'gt' needs a number, not much"),
        ("f|lte", False, "'lte' needs a number, not false"),
        ("f|exists", "yes", "'exists' needs true or false"),
        ("f|exists", [True, False], "'exists' needs true or false"),
        ("f|cidr", "10.0.0.1/8", "not a network: 10.0.0.1/8 has host bits set"),
        ("f|cidr", 10, "'cidr' needs a network such as 10.0.0.0/8"),
        ("f|re", "", "'re' needs a regular expression"),
        ("f", [], "an empty list matches nothing"),
        ("f", {"a": 1}, "a value must be text, a number, true, false or null"),
        ("f", [["a"]], "a value must be text, a number, true, false or null"),
    ],
)
def test_condition_that_means_nothing_is_refused(key: str, value: JSONValue, message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(key, value)

    assert message == str(caught.value)


def test_outcome_names_condition_and_value_seen() -> None:
    condition = parse_condition("elapsed_ms|gt|fieldref", ["limit_ms", "missing"])

    assert ConditionResult(
        matched=True,
        condition="elapsed_ms|gt|fieldref: [limit_ms, missing]",
        field="elapsed_ms",
        seen=12000.5,
        present=True,
        reference={"limit_ms": 10000, "missing": None},
    ) == condition.explain(RECORD)


def test_outcome_of_an_absent_field() -> None:
    outcome = parse_condition("missing", None).explain(RECORD)

    assert ("missing: null", None, False) == (outcome.condition, outcome.seen, outcome.present)


def test_expression_sees_only_the_start_of_a_text() -> None:
    condition = parse_condition("f|re", "needle")

    assert condition.holds({"f": "x" * 4090 + "needle"})
    assert not condition.holds({"f": "x" * 4091 + "needle"})


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("9" * 5000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
PAIRS: list[tuple[str, JSONValue]] = [
    ("f", "x"),
    ("f", 5),
    ("f", None),
    ("f", True),
    ("f|contains", "0"),
    ("f|re", r"\d+$"),
    ("f|cidr", "::/0"),
    ("f|gt", 5),
    ("f|lte", 0.5),
    ("f|exists", True),
    ("f|contains|all", ["a", 1]),
    *((f"f|fieldref{operator}", "g") for operator in ("", "|gt", "|contains", "|endswith")),
]
CONDITIONS = [parse_condition(key, value) for key, value in PAIRS]


@given(JSON, JSON)
def test_no_record_makes_a_condition_raise(one: JSONValue, other: JSONValue) -> None:
    record = {"f": one, "g": other}

    for condition in CONDITIONS:
        assert condition.holds(record) is condition.explain(record).matched


def test_an_integer_too_long_to_print_is_still_a_number() -> None:
    record: dict[str, JSONValue] = {"f": 10**5000, "g": 10**5000}

    assert ["f", "f|gt", "f|exists"] == [
        c.key for c in (parse_condition("f", 10**5000), *CONDITIONS) if c.holds(record) and "fieldref" not in c.key
    ]


@given(st.text(max_size=12), JSON)
def test_any_condition_is_compiled_or_refused(modifier: str, value: JSONValue) -> None:
    try:
        condition = parse_condition(f"f|{modifier}", value)
    except ConditionError:
        return

    condition.holds({"f": value})
