"""Regular expressions of runbooks: what a hostile text can cost, and what lint says of those that can't be used."""

from __future__ import annotations

import time

import pytest

from icapdiag.runbook.conditions import ConditionError, parse_condition

# Each has run for minutes or for good in an engine that backtracks, on the text beside it.
SLOW = [
    (r"(?:a{0,20}){0,20}c", "a"),
    (r"(?:.{0,30}x){0,10}y", "x"),
    (r"^(a+)+$", "a"),
    (r"(a+){2,9}b", "a"),
    (r"(a|a)*b", "a"),
    (r"(a|aa)+$", "a"),
    (r"(.*)*=", "x"),
    (r"(?:.*a){12}b", "a"),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a"),
    (r"(\w+\s*)+:", "a "),
    (r"(?:a?){25}a{25}b", "a"),
    (r"(x+x+)+y", "x"),
    (r"^(?:\d+\.?)+!", "1"),
    (r"\s+$", " "),
    (r".*.*.*.*=.*", "x=x"),
    (r"<.*?<.*?<.*?>", "<"),
    (r"^([a-z0-9]+[._-]?)*[a-z0-9]+@", "a."),
    (r"(?:[^,]*,){11}P", "1,"),
]
LONG = 64 * 1024


@pytest.mark.parametrize(("pattern", "piece"), SLOW)
def test_no_text_makes_a_pattern_slow(pattern: str, piece: str) -> None:
    condition = parse_condition("f|re", pattern)
    for text in (
        piece * (LONG // len(piece)),
        piece * 20 + "!" * LONG,
        "\n" + piece * LONG,
        "é" * LONG,
        piece * 2000 + "!",
    ):
        started = time.thread_time()
        condition.holds({"f": text})
        assert time.thread_time() - started < 0.1


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing ): ("),
        ("a*+", "bad repetition operator: *+; write one repeat, as in a+"),
        (r"(a)\1", r"invalid escape sequence: \1; there are no back-references: write the alternatives out"),
        (r"a\Z", r"invalid escape sequence: \Z; write $ for the end of the text"),
        ("^(?!no)", "invalid perl operator: (?!; look-around is not supported: put what must not match under 'unless'"),
        (
            "(?<=no) rule",
            "invalid perl operator: (?<=; look-around is not supported: put what must not match under 'unless'",
        ),
        ("a{,20}", "{,n} would be taken literally: write {0,n}"),
        ("a{1001}", "invalid repetition size: {1001}; nested repeats multiply, and may count to 1000"),
        (r"(?:\w{1,1000})x", "pattern too large; shorten its counted repeats, as in .{0,80}"),
    ],
)
def test_what_can_not_be_used_is_named_with_what_to_write_instead(pattern: str, reason: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition("f|re", pattern)

    assert f"RE2 can't use the regular expression {pattern!r}: {reason}" == str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [
        ("no SECURITY rule", "No security rule", True),
        ("a.c", "a\ud800c", True),  # half a character, as JSON can have it
        ("a.c", "a\nc", False),
        (r"a\{,3}b", "a{,3}b", True),
        ("É", "é", True),
        ("a\x00b", "a\x00b", True),
    ],
)
def test_text_of_any_kind(pattern: str, text: str, *, holds: bool) -> None:
    assert holds is parse_condition("f|re", pattern).holds({"f": text})
