"""Differences between members: what is shown, what is left out, and how it gets narrower."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from icapdiag.facts.pool import ComparedFact, ValueGroup
from icapdiag.model import Facts
from icapdiag.report.document.evidence import describe, where
from icapdiag.report.document.findings import Budget
from icapdiag.report.machine.to_json import render as to_json
from icapdiag.text import UNSAFE
from tests.report.documents import section, seen
from tests.report.documents import table as render
from tests.report.samples import HEALTHY, REFUSED, report

A, B, C, D = (f"10.0.0.{number}:1344" for number in (5, 6, 7, 8))


def fact(name: str, kind: str, *groups: tuple[str, Sequence[str]], unknown: Sequence[str] = ()) -> ComparedFact:
    listed = tuple(ValueGroup(value=value, members=tuple(members)) for value, members in groups)
    odd = tuple(name for _, members in groups[1:] for name in members) if kind == "outlier" else ()
    return ComparedFact(fact=name, kind=kind, value_groups=listed, outliers=odd, unknown=tuple(unknown))


def drawn(comparison: Sequence[ComparedFact], width: int) -> list[str]:
    return section(replace(report(), comparison=tuple(comparison)), "Differences between members", width)


POOL = (
    fact("server", "same", ("C-ICAP/0.5.10", (A, B, C, D))),
    fact("istag", "outlier", ("CI0001-9OPRPm4oRCAVcJKwg9DiggAA", (A, B)), ("CI0001-1B2M2Y8AsgTpgAmY7PhCfgAA", (C,)),
         unknown=(D,)),
    fact("preview", "two-groups", ("1024", (A, C)), ("0", (B, D))),
    fact("options_outcome", "outlier", ("ok", (A, B, C)), ("refused", (D,))),
)  # fmt: skip


def golden(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_a_column_a_member() -> None:
    expected = golden("""
        Differences between members:
                 10.0.0.5:1344                    10.0.0.6:1344                    10.0.0.7:1344                      10.0.0.8:1344
        -------  -------------------------------  -------------------------------  ---------------------------------  -------------
        ISTag    CI0001-9OPRPm4oRCAVcJKwg9DiggAA  CI0001-9OPRPm4oRCAVcJKwg9DiggAA  CI0001-1B2M2Y8AsgTpgAmY7PhCfgAA *  -
        Preview  1024                             0                                1024                               0
        * outlier
    """)  # noqa: E501 - as wide as it gets
    assert expected == "\n".join(drawn(POOL, 140))


def test_a_narrow_terminal_gets_the_groups_of_each_fact() -> None:
    expected = golden("""
        Differences between members:
          ISTag: CI0001-1B2M2Y8AsgTpgAmY7PhCfgAA at 10.0.0.7:1344 (outlier);
            CI0001-9OPRPm4oRCAVcJKwg9DiggAA at 10.0.0.5:1344, 10.0.0.6:1344
          Preview (two groups): 1024 at 10.0.0.5:1344, 10.0.0.7:1344; 0 at
            10.0.0.6:1344, 10.0.0.8:1344
    """)
    assert expected == "\n".join(drawn(POOL, 70))


def test_many_members_are_named_by_the_first_few() -> None:
    everybody = [f"m{number}" for number in range(5000)]
    found = drawn([fact("preview", "outlier", ("1024", everybody[1:]), ("0", everybody[:1]))], 100)

    assert ["  Preview: 0 at m0 (outlier); 1024 at m1, m2, m3, m4, m5 and 4994 more"] == found[1:]


def test_many_values_are_cut() -> None:
    groups = [(f"CI0001-{number}", [f"m{number}"]) for number in range(300)]
    text = " ".join(drawn([fact("istag", "all-different", *groups)], 90))

    assert "ISTag (all different): CI0001-0 at m0;" in text
    assert text.endswith("296 other values")


@pytest.mark.parametrize("comparison", [(), POOL[:1], POOL[3:]])
def test_nothing_is_shown_where_all_agree(comparison: tuple[ComparedFact, ...]) -> None:
    assert [] == drawn(comparison, 100)
    assert render(report(), detail=2) == render(replace(report(), comparison=comparison), detail=2)


def test_it_stands_below_the_problems() -> None:
    blocks = render(replace(report((HEALTHY, REFUSED)), comparison=POOL), 160, detail=1).split("\n\n")

    assert blocks[3].startswith("Differences between members")


@pytest.mark.parametrize("width", [0, 60, 61, 80, 100, 132, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    hostile = fact("istag", "outlier", ("x" * 900, ["a" * 300, B]), ("\x1b[2J\u202e" * 50, [C]))
    text = render(replace(report(), comparison=(*POOL, hostile)), width)

    assert max(map(len, text.splitlines())) <= max(width, 60)
    assert [] == [line for line in text.splitlines() if UNSAFE.search(line)]


def test_the_json_has_all_of_it() -> None:
    document = json.loads(to_json(replace(report(), comparison=POOL)))

    assert ["server", "istag", "preview", "options_outcome"] == [row["fact"] for row in document["comparison"]]
    assert ([C], [D]) == (document["comparison"][1]["outliers"], document["comparison"][1]["unknown"])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            {"kind": "outlier", "fact": "preview", "value": "0", "majority_value": "1024", "majority_members": [A, B],
             "majority_count": 2},
            f"Preview: 0, but 1024 at {A}, {B}",
        ),
        (
            {"kind": "outlier", "fact": "preview", "value": "0", "majority_value": "1024", "majority_members": [A, B],
             "majority_count": 70},
            "Preview: 0, but 1024 at 70 members",
        ),
        (
            {"kind": "two-groups", "fact": "eicar_verdict", "values": ["allowed", "blocked"],
             "value_groups": [{"value": "allowed", "count": 1, "members": [A]},
                       {"value": "blocked", "count": 1, "members": [B]}]},
            f"verdict on EICAR: allowed at {A}; blocked at {B} (two groups)",
        ),
        (
            {"kind": "same-server", "fact": "address", "value": A, "same_as": ["b"]},
            f"the same server as b: both have {A}",
        ),
        (
            {"kind": "same-server", "fact": "identity", "value": "ISTag 12345678", "same_as": ["b"]},
            "likely the same server as b: both have ISTag 12345678",
        ),
        ({"kind": "all-different", "fact": "odd\x1b", "values": ["\x1b[2J"]}, "odd\\x1b: \\x1b[2J (all different)"),
    ],
)  # fmt: skip
def test_evidence_says_who_has_what(facts: Facts, expected: str) -> None:
    assert expected == describe(seen("pool", **facts))


@pytest.mark.parametrize(("member", "expected"), [("m1", "m1"), ("", "the pool")])
def test_evidence_is_about_a_member_or_about_the_pool(member: str, expected: str) -> None:
    assert expected == where(seen("pool", member=member))


def test_all_facts_of_an_observation_name_the_kind_of_difference_in_words() -> None:
    groups = [{"value": "allowed", "count": 1, "members": [A]}, {"value": "blocked", "count": 1, "members": [B]}]
    rows = dict(Budget().rows(seen("pool", kind="two-groups", fact="eicar_verdict", value_groups=groups)))

    assert "two groups" == rows["kind"]
    assert "camp" not in f"{rows}"
