"""Members by the rules of RFC 3507: the sheets of the report, and the few lines of the table."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from icapdiag.facts.pool import MemberDeviation, RuleOverview
from icapdiag.icap.conformance import RULES
from icapdiag.model import JSONValue, Report
from icapdiag.report.machine.to_json import render as to_json
from icapdiag.text import UNSAFE
from tests.report.documents import section
from tests.report.documents import table as render
from tests.report.readers import read_json, report_validator
from tests.report.samples import HEALTHY, member, observation, report


def results(**deviating: tuple[str, str, bool]) -> list[JSONValue]:
    """A record a rule; those that are named deviate, with detail, seen and breaks; folding was not tested."""
    records: list[JSONValue] = []
    for name, rule in RULES.items():
        detail, seen, breaks = deviating.get(name.replace("-", "_"), ("", "", False))
        result = "deviates" if detail else "not-tested" if name == "folding" else "pass"
        records.append({"rule": name, "number": rule.number, "section": rule.section, "result": result,
                        "detail": detail, "seen": seen, "breaks": breaks})  # fmt: skip
    return records


def judged(*rules: Sequence[JSONValue]) -> Report:
    members = [member(f"10.0.0.{n}", observation("conformance", rules=listed)) for n, listed in enumerate(rules, 5)]
    return report((*members, HEALTHY))


ONE_METHOD = ("several methods for one URI", "Methods: REQMOD, RESPMOD", False)
POOL = judged(results(methods=ONE_METHOD), results(methods=ONE_METHOD, heads=("no blank line", "X: 1\r\n2", True)))


def test_every_member_that_was_held_to_a_rule_is_named_once() -> None:
    assert list(RULES) == [overview.rule for overview in POOL.conformance]
    for overview in POOL.conformance:
        held = [*overview.passed, *overview.not_tested, *(str(each.member) for each in overview.deviating)]
        assert ["10.0.0.5:1344", "10.0.0.6:1344"] == sorted(held)


def test_nothing_without_the_probe() -> None:
    assert () == report().conformance
    assert "Conformance" not in render(report(), detail=2)


def test_the_table_has_the_counts_and_what_deviates() -> None:
    text = render(POOL, detail=2)
    lines = text[text.index("Conformance to") :].partition("\n\n")[0].splitlines()

    assert [
        "Conformance to RFC 3507 (30 rules for each member): 55 kept, 3 deviations, 2 not tested.",
        "  3 methods (RFC 3507 4.10.2), tolerated: several methods for one URI; Methods: REQMOD, RESPMOD at",
        "    10.0.0.5:1344, 10.0.0.6:1344",
        "  22 heads (RFC 3507 4.4.2), breaks clients: no blank line; X: 1 2 at 10.0.0.6:1344",
    ] == lines


def test_the_matrix_says_how_many_uploads_failed() -> None:
    text = render(report((member("10.0.0.5", observation("preview", cases_failed=["avi-preview", "preview-0"])),)))

    assert "2 failed" in text


def test_many_ways_to_deviate_are_counted() -> None:
    each = judged(*(results(istag_stable=("it changed", f"ISTag: {n}", False)) for n in range(6)))
    lines = section(each, "Conformance")

    assert 5 == len(lines)
    assert "  8 istag-stable: 3 members in other ways" == lines[-1]


def test_the_json_is_valid() -> None:
    read_json(to_json(POOL))
    document = json.loads(to_json(POOL))

    assert 30 == len(document["conformance"])
    del document["conformance"][0]["passed"]
    assert ["$.conformance[0]"] == [error.json_path for error in report_validator().iter_errors(document)]


@pytest.mark.parametrize("width", [60, 100])
def test_what_a_server_said_is_escaped_and_cut(width: int) -> None:
    hostile = judged(results(date=("\x1b[2J", "\x1b]0;x\x07" + "\u202e" * 500, False)))
    lines = section(hostile, "Conformance", width)

    assert not any(UNSAFE.search(line) for line in lines)
    assert all(len(line) <= width for line in lines)


def test_what_a_report_leaves_open_is_drawn_all_the_same() -> None:
    open_ones = (RuleOverview(rule="date", number=0, deviating=(MemberDeviation(),)), RuleOverview())

    assert [
        "Conformance to RFC 3507 (2 rules for each member): 0 kept, 1 deviation, 0 not tested.",
        "  0 date (), tolerated: deviates at",
    ] == section(replace(report(), conformance=open_ones), "Conformance")
