"""Logs that hold a part of the failures that Service Engines counted: a part beside it, or nearly nothing."""

from __future__ import annotations

from pathlib import Path

from icapdiag.model import Problem, Report
from icapdiag.vocabulary import CauseStatus, Effect, Severity
from tests.joined.staging import Stage, checked, entry, failure, first_line, place, with_server

_OPEN = with_server("192.0.2.1:1344", fail_action="ICAP_FAIL_OPEN")
PROVEN, RULED_OUT = CauseStatus.PROVEN, CauseStatus.RULED_OUT


def of(report: Report, finding: str) -> Problem:
    return next(each for each in report.problems or () if each.finding == finding)


def statuses(problem: Problem) -> dict[str, CauseStatus]:
    return {each.id: each.status for each in problem.causes or ()}


def test_where_the_log_shows_that_all_fails_the_failure_comes_first(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    failing = (failure(at // 10 + at % 10 / 100) for at in range(3000))
    stage.pull(*failing, change=[_OPEN], counted={"requests": 60_000, "error": 58_912})
    report = stage.diagnosed()
    assert "server-connection-failed" == (report.problems or ())[0].finding
    assert "Uploads are not being scanned (log, 2026-11-30 08:04:59 UTC): ICAP failed, and" in first_line(report)
    assert "; the log holds 3,000 of 58,912 failures" in first_line(report)
    found = of(report, "log-holds-a-part")
    assert (Severity.WARNING, {"throttled": PROVEN, "lost": RULED_OUT}) == (found.severity, statuses(found))
    assert found.steps
    assert "58,912 ICAP failures; the log holds 3,000 of them" in (found.steps.now or ())[0]


def test_where_the_log_shows_few_of_very_many_failures_that_comes_first(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    second = [entry(at // 10 + at % 10 / 100) for at in range(2988)]
    failing = [failure(at * 20 + 0.995) for at in range(12)]
    stage.pull(*second, *failing, change=[_OPEN], counted={"requests": 60_000, "error": 58_912})
    report = stage.diagnosed()
    problem = (report.problems or ())[0]
    assert ("failures-hidden", Severity.CRITICAL, Effect.UNSCANNED) == (
        problem.finding, problem.severity, problem.effect
    )  # fmt: skip
    line = first_line(report)
    assert "Only some uploads are being scanned (log, " in line
    assert "Most failures are missing from the log" in line
    assert "12 passed unscanned" in line
    assert "the log holds 12 of 58,912 failures" in line
    assert problem.steps
    numbers = "58,912 of 60,000 ICAP requests failed; the log holds 12 of these failures."
    assert numbers in (problem.steps.now or ())[-1]


def test_a_server_that_still_fails_comes_before_a_log_that_hides_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    now = checked("refused")
    passed = [entry(at / 10, place(now)) for at in range(2988)]
    change, counted = [with_server(place(now), fail_action="ICAP_FAIL_OPEN")], {"requests": 60_000, "error": 58_912}
    stage.pull(*passed, *(failure(300 + at, place(now)) for at in range(12)), change=change, counted=counted)
    stage.report(now)
    report = stage.diagnosed()
    assert ["member-still-fails", "failures-hidden"] == [each.finding for each in report.problems or ()][:2]
    assert "; the log holds 12 of 58,912 failures" in first_line(report)


def test_failures_that_go_on_and_that_no_log_shows_are_not_taken_for_health(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.pull(*(entry(at) for at in range(60)), change=[_OPEN], counted={"requests": 60_000, "error": 58_912})
    report = stage.diagnosed()
    assert "Only some uploads are being scanned (Controller, 2026-11-30 09:00:00 UTC): Most" in first_line(report)
    problem = (report.problems or ())[0]
    assert ("failures-hidden", Severity.CRITICAL) == (problem.finding, problem.severity)


def test_failures_that_no_log_shows_and_that_are_over_are_a_warning(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    counted = {"requests": 60_000, "error": 58_912}
    stage.pull(*(entry(at) for at in range(60)), change=[_OPEN], counted=counted, over=True)
    report = stage.diagnosed()
    assert "Uploads are being scanned (log, " in first_line(report)
    found = of(report, "failures-hidden")
    assert (Severity.WARNING, Effect.NONE) == (found.severity, found.effect)


def test_logs_of_other_times_are_not_held_against_the_counters(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.pull(failure(1), counted={"requests": 60_000, "error": 58_912})
    stage.log(failure(2))
    assert "log-holds-a-part" not in [each.id for each in stage.diagnosed().findings]
