"""A change of the configuration right before the first failure: what to look at first, and no proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.model import Report
from icapdiag.vocabulary import CauseStatus
from tests.joined.staging import Stage, entry, failure, first_line, with_server

FINDING = "failures-since-change"


def failing_since(folder: Path, second: int, *, before: int) -> Report:
    """A log in which requests fail from ``second`` on, after ``before`` that passed; a profile changed 60 s before."""
    stage = Stage(folder)
    worked = (entry(at) for at in range(before))
    failing = (failure(second + at) for at in range(40))
    stage.pull(*worked, *failing, change=[with_server("192.0.2.1:1344", fail_action="ICAP_FAIL_OPEN")])
    return stage.diagnosed()


def test_the_change_is_looked_at_first_and_how_requests_fail_second(tmp_path: Path) -> None:
    report = failing_since(tmp_path, 30, before=30)
    first, second = (report.problems or ())[:2]
    assert (FINDING, "server-connection-failed") == (first.finding, second.finding)
    assert "Uploads are not being scanned (log, 2026-11-30 08:01:09 UTC): Failures since a change" in first_line(report)
    assert [("change", CauseStatus.LIKELY), ("coincidence", CauseStatus.POSSIBLE)] == [
        (each.id, each.status) for each in first.causes or ()
    ]
    assert first.steps
    assert "before 2026-11-30 08:00:30 UTC (IcapProfile icap-prof changed)" in (first.steps.now or ())[0]


@pytest.mark.parametrize(("second", "before"), [(90, 60), (0, 0)], ids=["long before", "never worked"])
def test_another_change_is_only_an_event(tmp_path: Path, second: int, before: int) -> None:
    report = failing_since(tmp_path, second, before=before)
    assert FINDING not in [each.id for each in report.findings]
    assert "server-connection-failed" == (report.problems or ())[0].finding
