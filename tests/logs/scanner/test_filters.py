"""What filters leave in and out of a scanner's log, and that it is counted and said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from icapdiag.logs.counting.filters import Filters
from icapdiag.report.build import NOTHING_LEARNT
from icapdiag.report.terminal import render
from tests.logs.scanner.explained import DATA, counted, explain, first_line, ids


def spans(since: str | None, until: str | None) -> Filters:
    moments = [None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, until)]
    return Filters(since=moments[0], until=moments[1])


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, 6),
        ("2026-11-30T04:37:14", None, 5),
        ("2026-11-30T04:37:15", None, 0),
        (None, "2026-11-30T04:37:10", 1),
    ],
)
def test_times_are_filtered(since: str | None, until: str | None, found: int) -> None:
    report = explain([DATA / "c-icap-no-engine.log"], filters=spans(since, until))

    assert found == sum(each.messages or 0 for each in report.scanner_events or () if each.event == "no-engine")


def test_only_one_server() -> None:
    report = explain([DATA / "squid-icap-custom.log"], filters=Filters(member="192.0.2.50"))

    assert {"192.0.2.50:1344"} == {each.member for each in report.scanner_requests or ()}


@pytest.mark.parametrize(
    "filters",
    [
        Filters(pool="a"), Filters(vs="a"), Filters(actions=frozenset({"ICAP_FAILED"})), Filters(method="POST"),
        Filters(path="/a"), Filters(request_id="a"), Filters(reason="a"), Filters(se="a"), Filters(rule="a"),
        Filters(content_type="a/b"), Filters(client="203.0.113.99"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["c-icap-no-engine.log", "c-icap-access.log", "squid-icap.log", "squid-cache-404.log"])
def test_a_filter_that_a_scanners_log_can_not_meet_leaves_it_out(name: str, filters: Filters) -> None:
    whole, report = explain([DATA / name]), explain([DATA / name], filters)

    assert () == (report.scanner_events or ()) + (report.scanner_requests or ())
    assert [] == ids(report)
    filtered = report.subject.entries.filtered  # type: ignore[attr-defined]
    assert filtered >= sum(each.count or 0 for each in whole.scanner_requests or ())
    assert filtered > 0
    assert "no message or request matches the filters" in first_line(report)
    assert NOTHING_LEARNT not in report.notes
    entries = "entry" if filtered == 1 else "entries"
    assert f"{filtered:,} {entries} left out by the filters." in " ".join(render(report).split())


def test_what_is_left_out_is_counted_and_said() -> None:
    filters = Filters(actions=frozenset({"ICAP_FAILED"}), path="/upload/*")
    report = explain([DATA / "squid-icap-custom.log"], filters)
    number = sum(each.count or 0 for each in explain([DATA / "squid-icap-custom.log"]).scanner_requests or ())

    assert [
        f"{number} entries were left out by the filters.",
        (
            f"{number} records of scanners' own logs were left out: "
            "these logs contain nothing to apply --action and --path to."
        ),
    ] == [note for note in report.notes if "left out" in note]


@pytest.mark.parametrize("filters", [Filters(pool="*"), Filters(client="*"), Filters(path="*", reason="*")])
def test_a_filter_that_everything_meets_leaves_nothing_out(filters: Filters) -> None:
    report = explain([DATA / "c-icap-no-engine.log"], filters)

    assert counted(explain([DATA / "c-icap-no-engine.log"])) == counted(report)
    assert [] == [note for note in report.notes if "left out" in note]


def test_what_time_and_server_leave_out_is_counted() -> None:
    whole = explain([DATA / "squid-icap-custom.log"])
    report = explain([DATA / "squid-icap-custom.log"], Filters(member="192.0.2.50"))

    assert report.subject.entries.filtered == sum(  # type: ignore[attr-defined]
        each.count or 0 for each in whole.scanner_requests or () if each.member != "192.0.2.50:1344"
    )
    assert report.subject.entries.filtered > 0  # type: ignore[attr-defined]
