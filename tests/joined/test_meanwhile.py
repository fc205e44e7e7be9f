"""A server that works from here and fails from Service Engines: what proves that it is the path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from icapdiag.model import Report
from icapdiag.report.build import timestamp
from icapdiag.vocabulary import CauseStatus
from tests.capture.writing import ACK, BEGIN, RST, SYN, Line, Tape, ethernet, pcap
from tests.joined.staging import Stage, entry, failure
from tests.report import samples

_SECOND = 1_000_000_000  # ns
HERE, ENGINE = "10.0.0.9", "10.0.0.1"  # the first is that of the check


def refused(client: str = ENGINE) -> bytes:
    """A capture of three connections that the server refuses: at 0, 10 and 20 s."""
    line = Line(Tape(), client=client, server="10.0.0.5")
    for _ in range(3):
        line.send(0, SYN)
        line.send(1, RST | ACK, after=10 * _SECOND)
    return pcap([(time, ethernet(packet)) for time, packet in line.tape.packets])


def works(after: float) -> Report:
    """A check of the server, so many seconds after the capture began."""
    begun = datetime.fromtimestamp(BEGIN / _SECOND, UTC) + timedelta(seconds=after)
    ended = begun + timedelta(seconds=1)
    return replace(samples.report([samples.HEALTHY], ()), started_at=timestamp(begun), finished_at=timestamp(ended))


@pytest.mark.parametrize(
    ("checks", "client", "status"),
    [
        pytest.param([5], ENGINE, CauseStatus.PROVEN, id="a check between failures"),
        pytest.param([-5, 30], ENGINE, CauseStatus.LIKELY, id="failures between two checks: it may have been down"),
        pytest.param([30], ENGINE, CauseStatus.LIKELY, id="a check after the last failure: it may have recovered"),
        pytest.param([-5], ENGINE, CauseStatus.LIKELY, id="a check before the first failure: it may have stopped"),
        pytest.param([5], HERE, CauseStatus.LIKELY, id="failures from here, too: it comes and goes"),
    ],
)
def test_a_capture_and_checks(tmp_path: Path, checks: list[float], client: str, status: CauseStatus) -> None:
    stage = Stage(tmp_path)
    stage.file("icap.pcap", refused(client))
    for number, after in enumerate(checks):
        stage.report(works(after), f"{number}.json")
    problem = (stage.diagnosed().problems or ())[0]
    best = (problem.causes or ())[0]
    assert ("fails-from-service-engines", "path", status) == (problem.finding, best.id, best.status)
    said = (
        "check works between these failures: yes; capture's failing step: tcp"
        if status is CauseStatus.PROVEN
        else "capture: failing"
    )
    assert said in "; ".join(best.facts or ())


def test_a_likely_path_names_the_check_that_settles_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.file("icap.pcap", refused())
    stage.report(works(30))
    problem = (stage.diagnosed().problems or ())[0]
    assert problem.steps
    said = "\n".join(problem.steps.check or ())
    assert "tcpdump -ni any -w icap.pcap host 10.0.0.5 and port 1344" in said
    assert "Failures before and after a check that works prove it." in said


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        pytest.param((0, 50, 100), CauseStatus.PROVEN, id="a failure a minute"),
        pytest.param((0, 1, 2), CauseStatus.POSSIBLE, id="failures before the check only"),
        pytest.param((0, 200), CauseStatus.POSSIBLE, id="minutes between failures"),
    ],
)
def test_a_log_and_a_check(tmp_path: Path, seconds: tuple[int, ...], status: CauseStatus) -> None:
    """The check is 5 seconds after 2026-11-30 08:00:00, when the log begins."""
    stage = Stage(tmp_path)
    codes = ["ADF_SERVER_CONN_SETUP_TIMEDOUT"]
    stage.pull(*(failure(at, "10.0.0.5:1344", codes=codes) for at in seconds))
    at = "2026-11-30T08:00:0{}.000Z"
    stage.report(replace(samples.report([samples.HEALTHY], ()), started_at=at.format(5), finished_at=at.format(6)))
    problem = (stage.diagnosed().problems or ())[0]
    path = next(each for each in problem.causes or () if each.id == "path")
    assert ("fails-from-service-engines", status) == (problem.finding, path.status)


@pytest.mark.parametrize(("apart", "status"), [(1, CauseStatus.PROVEN), (100, CauseStatus.LIKELY)])
def test_two_service_engines(tmp_path: Path, apart: int, status: CauseStatus) -> None:
    """Only where both are seen in the same minutes the server can't have been down for one of them."""
    stage = Stage(tmp_path)
    working = [entry(at * apart, engine="se-1") for at in range(90)]
    stage.log(*working, *(failure(at * apart + 0.5, engine="se-2") for at in range(90)))
    problem = (stage.diagnosed().problems or ())[0]
    best = (problem.causes or ())[0]
    assert ("one-engine-fails", "path", status) == (problem.finding, best.id, best.status)
