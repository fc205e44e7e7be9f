"""What the drawings say: the thresholds, the outlier, what failed."""

from __future__ import annotations

import html5lib
from msgspec.structs import replace

from icapdiag.model import Facts, Report
from icapdiag.report.document.pool import Comparison
from icapdiag.report.formats import render
from icapdiag.report.html import charts
from icapdiag.report.html.charts import Chart
from icapdiag.report.machine.to_json import settled
from icapdiag.vocabulary import Status
from tests.report import log_samples, samples
from tests.report.documents import document
from tests.report.html.made import KIB, SLOW, difference, large_report, log_report, pool_report
from tests.report.samples import observation


def classes(drawing: str) -> list[str]:
    return [found for each in html5lib.parseFragment(drawing).iter() if (found := each.get("class"))]


def latency(report: Report) -> Chart | None:
    found = document(report)
    return charts.answer_times(found.answer_times, found.limits)


def test_latency_is_by_member_the_slowest_first() -> None:
    chart = latency(pool_report())
    assert chart is not None
    assert [
        (f"{SLOW}:1344", "400 ms to 2.0 s"),
        ("10.0.0.3:1344", "3.0 ms to 15 ms"),
        ("10.0.0.2:1344", "2.5 ms to 12 ms"),
        ("10.0.0.1:1344", "2.0 ms to 10 ms"),
    ] == [(row.name, row.value) for row in chart.rows]


def test_latency_stands_beside_both_thresholds_of_the_profile() -> None:
    report = pool_report()
    chart = latency(report)
    assert chart is not None
    assert all({"limit limit-0", "limit limit-1"} <= set(classes(row.drawing)) for row in chart.rows)
    assert "slow_response_warning_threshold 400 ms, response_timeout 60.0 s" in chart.description
    assert (("slow_response_warning_threshold", 400.0), ("response_timeout", 60_000.0)) == document(report).limits


def test_a_member_that_never_answered_is_shown_where_the_wait_ended() -> None:
    silent = samples.member("10.0.0.9", observation("options", Status.FAILED, "timeout", elapsed_ms=10_000.0))
    chart = latency(settled(samples.report([samples.HEALTHY, silent], ())))
    assert chart is not None
    assert ("10.0.0.9:1344", "no response in 10.0 s") == (chart.rows[0].name, chart.rows[0].value)
    assert "mark critical" in classes(chart.rows[0].drawing)


def test_without_an_answer_there_is_nothing_to_draw() -> None:
    assert latency(settled(samples.report([samples.REFUSED]))) is None


def test_of_a_large_pool_the_quick_ones_share_a_bar() -> None:
    chart = latency(large_report(100))
    assert chart is not None
    assert 25 == len(chart.rows)
    assert "66 more members, all faster" == chart.rows[-1].name


def marks(found: Comparison, number: int = 0) -> list[str]:
    drawing = charts.members_by_value(number, found.differences[number], found)
    return [each for each in classes(drawing) if "mark" in each]


def test_the_odd_one_out_is_marked_and_named() -> None:
    found = document(pool_report()).comparison
    preview, istag = found.differences
    assert ("Preview", "outlier", "two groups") == (preview.label, charts.apart(preview), charts.apart(istag))
    assert [("1024", False), ("0", True)] == [(each.value, each.odd) for each in preview.values]
    assert ["mark group-0"] * 3 + ["mark odd"] == marks(found)
    assert [False, False] == [each.odd for each in istag.values]


def test_of_a_large_pool_only_those_that_stand_apart_have_a_mark() -> None:
    names = [f"m{number}" for number in range(1000)]
    differing = (difference("preview", "outlier", ("1024", tuple(names[1:])), ("0", ("m0",))),)
    report = replace(samples.report(), comparison=differing)
    found = document(report).comparison
    assert ["mark odd"] == marks(found)
    assert "m1, m2, m3, m4, m5 and 994 more" in " ".join(render(settled(report), "html").split())


def test_time_line_has_a_row_for_each_outcome_that_came() -> None:
    chart = charts.time_line(document(log_report()).timeline)
    assert chart is not None
    assert [
        ("blocked", "12 in all, at most 8 in a column"),
        ("passed unscanned", "3 in all, at most 2 in a column"),
    ] == [(row.name, row.value) for row in chart.rows]
    assert [["info"] * 2, ["critical"] * 2] == [
        [found for found in classes(row.drawing) if found in ("info", "critical")] for row in chart.rows
    ]


def test_no_time_line_without_two_buckets() -> None:
    short = log_samples.log_report(timeline=(log_samples.TIMELINE[0],))
    assert charts.time_line(document(short).timeline) is None


def test_sizes_show_where_they_break_first() -> None:
    measured = document(pool_report()).size_curves
    drawn = [charts.size_curve(*each) for each in enumerate(measured)]
    assert ("10.0.0.3:1344", True) == (drawn[0].member, drawn[0].failed)
    assert 2 == classes(drawn[0].drawing).count("mark critical")
    assert ("1 MiB", "-", "-", "failed reset") == drawn[0].rows[5]
    assert ("0 B", "6.0 ms", "204", "allowed") == drawn[0].rows[0]
    assert [False] * 3 == [curve.failed for curve in drawn[1:]]


def test_load_shows_each_step_and_its_errors() -> None:
    (measured, *_) = document(pool_report()).load_curves
    curve = charts.load_curve(0, measured)
    assert ("10.0.0.2:1344", True) == (curve.member, curve.failed)
    assert (("16", "160", "3", "30 ms", "60 ms", "90 ms")) == curve.rows[-1]
    assert 1 == classes(curve.drawing).count("mark critical")


def test_steps_that_say_nothing_are_left_out() -> None:
    ladder: list[Facts] = [{"status": "ok"}, {"size": KIB, "answer_ms": None, "status": ""}, {}]
    odd = samples.member("10.0.0.1", observation("size", sizes_tried=ladder), observation("load", steps=[{}]))
    found = document(settled(samples.report([odd], ())))
    assert (("1 KiB", "-", "-", ""),) == charts.size_curve(0, found.size_curves[0]).rows
    assert () == charts.load_curve(0, found.load_curves[0]).rows
