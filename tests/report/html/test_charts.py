"""What the drawings say: the thresholds, the odd one out, what failed."""

from __future__ import annotations

import html5lib

from icapdiag.report.html.curves import ladder_curves, load_curves
from icapdiag.report.html.latency import latency_chart, thresholds
from icapdiag.report.html.overtime import timeline_chart
from icapdiag.report.html.sides import sides
from icapdiag.report.machine.to_json import settled
from icapdiag.report.untyped import Facts
from icapdiag.vocabulary import Status
from tests.report import log_samples, samples
from tests.report.html.made import KIB, SLOW, difference, large_report, log_report, pool_report
from tests.report.samples import observation


def classes(drawing: str) -> list[str]:
    return [found for each in html5lib.parseFragment(drawing).iter() if (found := each.get("class"))]


def test_latency_is_by_member_the_slowest_first() -> None:
    chart = latency_chart(pool_report().members)
    assert chart is not None
    assert [
        (f"{SLOW}:1344", "400 ms to 2.0 s"),
        ("10.0.0.3:1344", "3.0 ms to 15 ms"),
        ("10.0.0.2:1344", "2.5 ms to 12 ms"),
        ("10.0.0.1:1344", "2.0 ms to 10 ms"),
    ] == [(strip.name, strip.value) for strip in chart.strips]


def test_latency_stands_beside_both_thresholds_of_the_profile() -> None:
    report = pool_report()
    chart = latency_chart(report.members)
    assert chart is not None
    assert all({"limit limit-0", "limit limit-1"} <= set(classes(strip.drawing)) for strip in chart.strips)
    assert "slow_response_warning_threshold 400 ms, response_timeout 60.0 s" in chart.description
    assert [("slow_response_warning_threshold", 400.0), ("response_timeout", 60_000.0)] == thresholds(
        o for member in report.members for o in member.probes
    )


def test_a_member_that_never_answered_is_shown_where_the_wait_ended() -> None:
    silent = samples.member("10.0.0.9", observation("options", Status.FAILED, "timeout", elapsed_ms=10_000.0))
    chart = latency_chart(settled(samples.report([samples.HEALTHY, silent], ())).members)
    assert chart is not None
    assert ("10.0.0.9:1344", "no answer in 10.0 s") == (chart.strips[0].name, chart.strips[0].value)
    assert "mark critical" in classes(chart.strips[0].drawing)


def test_without_an_answer_there_is_nothing_to_draw() -> None:
    assert latency_chart(settled(samples.report([samples.REFUSED])).members) is None


def test_of_a_large_pool_the_quick_ones_share_a_bar() -> None:
    chart = latency_chart(large_report(100).members)
    assert chart is not None
    assert 25 == len(chart.strips)
    assert "66 more members, all quicker" == chart.strips[-1].name


def test_the_odd_one_out_is_marked_and_named() -> None:
    report = pool_report()
    (preview, istag), more = sides(report.comparison, [member.name for member in report.members])
    assert (0, "Preview", "odd one out", "two camps") == (more, preview.label, preview.apart, istag.apart)
    assert [("1024", False), ("0", True)] == [(camp.value, camp.odd) for camp in preview.camps]
    assert ["mark camp-0"] * 3 + ["mark odd"] == [found for found in classes(preview.drawing) if "mark" in found]
    assert [False, False] == [camp.odd for camp in istag.camps]


def test_of_a_large_pool_only_those_that_stand_apart_have_a_mark() -> None:
    names = [f"m{number}" for number in range(1000)]
    (side,), _ = sides([difference("preview", "outlier", ("1024", tuple(names[1:])), ("0", ("m0",)))], names)
    assert ["mark odd"] == [found for found in classes(side.drawing) if "mark" in found]
    assert (5, 994) == (len(side.camps[0].members), side.camps[0].more)


def test_time_line_has_a_strip_for_each_outcome_that_came() -> None:
    chart = timeline_chart(log_report().timeline)
    assert chart is not None
    assert [
        ("blocked", "12 in all, at most 8 in a column"),
        ("failed, passed unscanned", "3 in all, at most 2 in a column"),
    ] == [(strip.name, strip.value) for strip in chart.strips]
    assert [["info"] * 2, ["critical"] * 2] == [
        [found for found in classes(strip.drawing) if found in ("info", "critical")] for strip in chart.strips
    ]


def test_no_time_line_without_two_buckets() -> None:
    assert timeline_chart([log_samples.TIMELINE[0]]) is None


def test_ladder_shows_where_it_breaks_first() -> None:
    curves, more = ladder_curves(pool_report().members)
    assert (4, 0) == (len(curves), more)
    assert ("10.0.0.3:1344", True) == (curves[0].member, curves[0].failed)
    assert 2 == classes(curves[0].drawing).count("mark critical")
    assert ("1 MiB", "-", "-", "failed reset") == curves[0].rows[5]
    assert ("0 B", "6.0 ms", "204", "allowed") == curves[0].rows[0]
    assert [False] * 3 == [curve.failed for curve in curves[1:]]


def test_load_shows_each_step_and_its_errors() -> None:
    curves, _ = load_curves(pool_report().members)
    assert ("10.0.0.2:1344", True) == (curves[0].member, curves[0].failed)
    assert (("16", "160", "3", "30 ms", "60 ms", "90 ms")) == curves[0].rows[-1]
    assert 1 == classes(curves[0].drawing).count("mark critical")


def test_steps_that_make_no_sense_are_left_out() -> None:
    ladder: list[Facts] = [{"size": "big"}, {"size": True}, {"size": KIB, "answer_ms": "soon", "status": 7}, {}]
    odd = samples.member("10.0.0.1", observation("size", ladder=[*ladder, "rung", None]), observation("load", steps=3))
    members = settled(samples.report([odd], ())).members
    assert [("1 KiB", "-", "-", "")] == list(ladder_curves(members)[0][0].rows)
    assert ([], 0) == load_curves(members)
