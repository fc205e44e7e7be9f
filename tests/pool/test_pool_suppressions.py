"""``suppressions:`` of a pool file: what is accepted, and the mistakes, each with its place."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from icapdiag.pool import Pool, Suppression

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = "service_uri: /avscan\nmembers: [192.0.2.7]\nsuppressions:\n"
GOOD = "{finding: slow-member, reason: replaced soon, owner: J. Doe, until: 2026-12-31}"


def test_a_suppression_with_its_place(load: Callable[..., Pool]) -> None:
    pool = load(HEAD + f"  - {GOOD}\n  - finding: slow-member\n    member: 'av?'\n    reason: x\n    owner: y\n"
                "    until: '2026-01-01'\n")  # fmt: skip

    assert (
        Suppression(finding="slow-member", reason="replaced soon", owner="J. Doe", until=date(2026, 12, 31), index=0,
                    line=4, column=15),
        Suppression(finding="slow-member", member="av?", reason="x", owner="y", until=date(2026, 1, 1), index=1,
                    line=5, column=14),
    ) == pool.suppressions  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "written"),
    [
        (["suppressions: there is a single value here: write a list of {finding, reason, owner, until}"], " x"),
        (["suppressions: there is no value here: write a list of {finding, reason, owner, until}"], ""),
        (["suppressions[0]: there is a single value here: write a mapping (key: value)"], "  - slow-member"),
        (
            [f"suppressions[0].{key}: missing: write {key}: …" for key in ("finding", "reason", "owner", "until")],
            "  - {member: av1}",
        ),
        (
            ["suppressions[0].finding: '*' is not the id of a finding, not a pattern: write one such as slow-member"],
            "  - {finding: '*', reason: a, owner: b, until: 2026-12-31}",
        ),
        (
            ["suppressions[0].until: 2026-02-30 is not a date: write it as YYYY-MM-DD, such as 2027-01-31"],
            "  - {finding: a, reason: a, owner: b, until: 2026-02-30}",
        ),
        (
            ["suppressions[0].until: tomorrow is not a date: write it as YYYY-MM-DD, such as 2027-01-31"],
            "  - {finding: a, reason: a, owner: b, until: tomorrow}",
        ),
        (
            ["suppressions[0].expires: unknown key; did you mean 'until'?",
             "suppressions[0].until: missing: write until: …"],
            "  - {finding: a, reason: a, owner: b, expires: 2026-12-31}",
        ),
        (
            ["suppressions[0].owner: has no value: write one, or delete the line"],
            "  - {finding: a, reason: a, owner: , until: 2026-12-31}",
        ),
        (
            ["suppressions[1]: the same finding and member are there already, in line 4: delete one"],
            f"  - {GOOD}\n  - {GOOD}",
        ),
    ],
)  # fmt: skip
def test_a_mistake(expected: list[str], written: str, mistakes: Callable[..., list[str]]) -> None:
    assert sorted(expected) == sorted(line.split(": ", 1)[1] for line in mistakes(f"{HEAD.rstrip()}{written}\n"
                                      if not written.startswith("  -") else f"{HEAD}{written}\n"))  # fmt: skip


def test_too_many(mistakes: Callable[..., list[str]]) -> None:
    lines = "".join(f"  - {{finding: a, member: m{n}, reason: a, owner: b, until: 2026-12-31}}\n" for n in range(1001))

    assert ["pool.yaml:4:3: suppressions: 1001 suppressions: write at most 1000"] == mistakes(HEAD + lines)


@pytest.mark.parametrize(
    ("expected", "pattern", "member"),
    [
        (True, "*", ""),
        (True, "*", "192.0.2.7:1344"),
        (False, "av*", ""),
        (True, "AV*", "av1.example.com:1344"),
        (True, "av?", "av1"),
        (False, "av?", "av12"),
        (True, "[2001:db8::1]:1344", "[2001:db8::1]:1344"),
        (False, "[2001:db8::1]:1344", "2:1344"),
        (True, "[2001:db8:*]:*", "[2001:db8::1]:1344"),
        (False, "a.c", "abc"),
        (False, "*a" * 120 + "b", "a" * 250),
    ],
)
def test_whom_a_pattern_means(expected: bool, pattern: str, member: str) -> None:
    suppression = Suppression(finding="x", reason="r", owner="o", until=date(2026, 1, 1), member=pattern)

    assert expected is suppression.covers(member)
