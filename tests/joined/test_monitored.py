"""Members that health monitors have marked down, and failures that name no server, without any check."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.controller.folder import PoolRuntime, Runtime
from icapdiag.joined.controller import monitored
from icapdiag.vocabulary import Effect, Severity
from tests.joined.staging import Entry, Stage, entry, failure, first_line, with_server

DOWN = dict.fromkeys(("se-1", "se-2"), "CONNECTION_REFUSED")


def unsent(second: float) -> Entry:
    """A failure for which no server could be selected."""
    made = failure(second, codes=[])
    for name in ("icap_absolute_uri", "icap_server_ip", "icap_server_port"):
        del made["icap_log"]["request_logs"][0][name]
    return made


@pytest.mark.parametrize(
    ("action", "begins", "effect"),
    [
        ("ICAP_FAIL_OPEN", "Uploads are not being scanned (Controller, ", Effect.UNSCANNED),
        ("ICAP_FAIL_CLOSED", "Uploads are being refused (Controller, ", Effect.REFUSED),
    ],
)
def test_a_log_that_was_good_until_all_were_marked_down(
    tmp_path: Path, action: str, begins: str, effect: Effect
) -> None:
    stage = Stage(tmp_path)
    change = [with_server("192.0.2.1:1344", fail_action=action)]
    stage.pull(*(entry(at / 10) for at in range(50)), change=change, down=DOWN)
    report = stage.diagnosed()
    problem = (report.problems or ())[0]
    best = (problem.causes or ())[0]
    assert begins in first_line(report)
    assert ("member-marked-down", Severity.CRITICAL, effect) == (problem.finding, problem.severity, problem.effect)
    assert ("not-listening", ("monitor's reason: CONNECTION_REFUSED",)) == (best.id, best.facts)


def test_one_of_several_that_is_marked_down_is_a_warning(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    others = [entry(at, "192.0.2.2:1344") for at in range(60)]
    stage.pull(failure(1), *others, down=DOWN)
    report = stage.diagnosed()
    assert "Uploads are being scanned (log, " in first_line(report)
    problem = next(each for each in report.problems or () if each.finding == "member-marked-down")
    assert (Severity.WARNING, Effect.NONE, ("192.0.2.1:1344",)) == (problem.severity, problem.effect, problem.members)


@pytest.mark.parametrize(
    ("last", "begins"),
    [
        (29, "Uploads are not being scanned (log, 2026-11-30 08:01:29 UTC)"),
        (59, "Only some uploads are being scanned (log, 2026-11-30 08:01:29 UTC)"),
    ],
)
def test_failures_that_name_no_server_are_failures(tmp_path: Path, last: int, begins: str) -> None:
    stage = Stage(tmp_path)
    stage.log(*(entry(at) for at in range(last + 1)), *(unsent(30 + at) for at in range(60)))
    assert begins in first_line(stage.diagnosed())


def test_a_member_that_one_service_engine_has_marked_down(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.pull(*(entry(at) for at in range(60)), down={"se-2": "CONNECTION_TIMEOUT"})
    report = stage.diagnosed()
    problem = (report.problems or ())[0]
    assert problem.steps
    assert "one-engine-fails" == problem.finding
    assert "Migrate the virtual service away from Service Engine se-2, or" in (problem.steps.now or ())[0]


def test_how_checks_end_is_read_beside_the_state_that_counts() -> None:
    """hmonstat has how they end, and the detail of servers the state: both belong to one Service Engine."""
    server = {"ip_addr": {"addr": "192.0.2.1", "type": "V4"}, "port": 1344}
    down = {"state": "OPER_DOWN", "reason": ["Server is down: health monitor failed"]}
    ended = [{"type": "TIMEOUT", "count": 2}, {"type": "CONNECTION_REFUSED", "count": 9}, {"type": 7, "count": "x"}]
    checks = {"health_monitor_name": "System-TCP", "curr_count": ended}
    hmonstat = {"se_uuid": "se-1", "server_hm_stat": [{**server, "oper_status": down, "shm_runtime": [checks]}]}
    detail = [{"se_uuid": "se-1", **server, "oper_status": down}]
    runtime = Runtime(pools=(PoolRuntime("pool-1", "icap-pool", detail=detail, hmonstat=hmonstat),))
    found = monitored(runtime, "2026-11-30T08:00:00Z")["192.0.2.1:1344"]
    assert "Server is down: health monitor failed; CONNECTION_REFUSED; TIMEOUT" == found.reason
    assert ("se-1",) == found.down
