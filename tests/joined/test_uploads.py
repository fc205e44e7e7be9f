"""What the log shows of uploads at its end decides: of all of them, of one virtual service, of one Service Engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from icapdiag.api.diagnosing import diagnose
from icapdiag.facts.joined import JoinedSubject
from icapdiag.model import Report
from icapdiag.pool.avi import Choice
from icapdiag.report.formats import render
from icapdiag.report.machine.to_json import settled
from icapdiag.vocabulary import Health
from tests.joined.staging import Entry, Stage, entry, failure, first_line, with_server
from tests.lint.right import Export, leave_out, put, put_rule

MEMBER = "192.0.2.1:1344"
LICENCE = "X-Response-Info: Blocked\r\nX-Response-Desc: License expired\r\n"
OPEN = with_server(MEMBER, fail_action="ICAP_FAIL_OPEN")


def nowhere(second: float, **more: Any) -> Entry:
    """An upload for which no server could be selected."""
    made = failure(second, **more)
    for name in ("icap_absolute_uri", "icap_server_ip", "icap_server_port"):
        del made["icap_log"]["request_logs"][0][name]
    return made


def retried(second: float) -> Entry:
    """An upload whose first attempt failed, and whose second one was answered by another server."""
    made, failed = entry(second, "192.0.2.2:1344"), failure(second)
    made["icap_log"]["request_logs"].insert(0, failed["icap_log"]["request_logs"][0])
    return made


def subject_of(report: Report) -> JoinedSubject:
    assert isinstance(report.subject, JoinedSubject)
    return report.subject


def scans(until: int, step: int = 5, **more: Any) -> list[Entry]:
    return [entry(at, **more) for at in range(0, until, step)]


@pytest.mark.parametrize(
    ("closed", "says"), [(False, "Uploads are not being scanned (log, "), (True, "Uploads are being refused (log, ")]
)
def test_requests_without_a_server_are_neither_scanned_nor_forgotten(tmp_path: Path, closed: bool, says: str) -> None:
    stage = Stage(tmp_path)
    stage.log(*scans(300), *(nowhere(at, closed=closed) for at in range(300, 600, 5)))
    report = stage.diagnosed()
    (member,) = subject_of(report).joined_members
    whole = subject_of(report).whole
    assert whole is not None
    assert says in first_line(report)
    assert ("failing", 0, 60) == (member.logged, member.log_failures, member.not_selected)
    assert ((MEMBER,), 0) == (whole.members_failing, whole.members_working)


def test_requests_without_a_server_count_where_all_are_marked_down(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    down = dict.fromkeys(("se-1", "se-2"), "CONNECTION_REFUSED")
    stage.pull(*scans(300), failure(300), *(nowhere(at) for at in range(305, 600, 5)), change=[OPEN], down=down)
    said = " ".join(render(settled(stage.diagnosed()), "table").split())
    assert "fails: 1 of 61, not selected until 08:09" in said
    assert "Uploads sent to it pass unscanned: 60 of 120 logged ICAP requests until 2026-11-30" in said


def test_a_service_engine_that_can_select_no_server_is_the_one_that_fails(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.log(*scans(600, 2), *(nowhere(at, engine="se-2") for at in range(101, 600, 4)))
    report = stage.diagnosed()
    assert "Only some uploads are being scanned (log, " in first_line(report)
    assert "one-engine-fails" == (report.problems or ())[0].finding


def test_a_server_that_the_configuration_no_longer_has_does_not_work(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.log(*scans(300), *(failure(at, "192.0.2.1:11344", closed=True) for at in range(300, 600, 5)))
    stage.configuration(with_server("192.0.2.1:11344", fail_action="ICAP_FAIL_CLOSED"))
    report = stage.diagnosed()
    found = subject_of(report)
    assert "Uploads are being refused (log, " in first_line(report)
    assert "OK        app-vs" not in render(settled(report), "short")
    assert {MEMBER: False, "192.0.2.1:11344": None} == {
        name: each.configured for name, each in zip(found.member_names, found.joined_members, strict=True)
    }
    assert found.whole is not None
    assert 0 == found.whole.members_working


def test_where_the_scanner_blocks_all_without_a_licence_uploads_are_refused(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    blocked: dict[str, Any] = {"action": "ICAP_BLOCKED", "headers": LICENCE, "status": 200, "outcome": 403}
    stage.log(*scans(300), *(entry(at, **blocked) for at in range(300, 600, 5)))
    said = first_line(stage.diagnosed())
    assert "Uploads are being refused (log, 2026-11-30 08:09:55 UTC): No valid scanner licence" in said
    assert "60 of 120 logged requests blocked wrongly" in said


def test_a_retry_that_another_member_answers_is_a_scan(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.log(*(retried(at) for at in range(60)))
    assert "Uploads are being scanned (log, " in first_line(stage.diagnosed())


def test_uploads_past_icap_since_the_rule_is_off_are_not_scanned(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    past = [entry(at, action=None) | {"icap_log": {"action": "ICAP_DISABLED"}} for at in range(300, 600, 5)]
    stage.log(*scans(300), *past)
    stage.configuration(put_rule(enable=False))
    assert "Uploads are not being scanned (configuration)" in first_line(stage.diagnosed())


def second_service(found: Export) -> None:
    """Another virtual service, with the same rules and another pool."""
    for kind, name in (("VirtualService", "other-vs"), ("IcapProfile", "other-prof"), ("PoolGroup", "other-group")):
        found[kind].append(found[kind][0] | {"name": name, "uuid": f"{name}-uuid"})
    found["VirtualService"][1]["icap_request_profile_refs"] = ["/api/icapprofile/?name=other-prof"]
    found["IcapProfile"][1]["pool_group_ref"] = "/api/poolgroup/?name=other-group"
    found["PoolGroup"][1]["members"] = [{"pool_ref": "/api/pool/?name=other-pool", "ratio": 1}]
    server = {"ip": {"addr": "192.0.2.9", "type": "V4"}, "port": 1344}
    found["Pool"].append(found["Pool"][0] | {"name": "other-pool", "uuid": "other-pool-uuid", "servers": [server]})


def both(stage: Stage) -> None:
    stage.log(
        *scans(300),
        *(failure(at, closed=True) for at in range(300, 600, 5)),
        *(entry(at + 0.5, "192.0.2.9:1344") | {"vs_name": "other-vs"} for at in range(0, 600, 2)),
    )
    stage.configuration(with_server(MEMBER, fail_action="ICAP_FAIL_CLOSED"), second_service)


def test_of_several_virtual_services_the_first_line_names_those_that_it_means(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    both(stage)
    report = stage.diagnosed()
    whole = subject_of(report).whole
    assert "Uploads to app-vs are being refused (log, 2026-11-30 08:09:55 UTC)" in first_line(report)
    assert whole is not None
    assert ((MEMBER,), 0) == (whole.members_failing, whole.members_working)  # the other one is in another pool
    assert "Uploads to other-vs are sent to ICAP: rule" in render(settled(report), "table")


def test_a_virtual_service_without_icap_is_not_scanned(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    without = put("VirtualService", icap_request_profile_refs=[], http_policies=[])
    stage.log(*(entry(at, action=None) for at in range(60)))
    stage.configuration(without, leave_out("IcapProfile"))
    said = first_line(stage.diagnosed())
    assert said.startswith("WARNING  Uploads are not being scanned (configuration): no ICAP profile and no ICAP rule")


def test_a_chosen_virtual_service_narrows_logs_and_health_monitors(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    entries = [failure(at, closed=True) for at in range(60)]
    entries += [entry(at, "192.0.2.9:1344") | {"vs_name": "other-vs"} for at in range(60)]
    stage.pull(*entries, change=[second_service], down=dict.fromkeys(("se-1", "se-2"), "CONNECTION_REFUSED"))
    report = diagnose(stage.sources, choice=Choice(virtual_service="other-vs"))
    assert "Uploads are being scanned (log, " in first_line(report)
    assert ("192.0.2.9:1344",) == subject_of(report).member_names


def test_what_was_is_said_before_what_may_come(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.log(*(failure(at) for at in range(60)), *(entry(200 + at) for at in range(60)))
    stage.configuration(OPEN)
    report = stage.diagnosed()
    assert Health.WARNING is report.verdict
    first, *others = [each.finding for each in report.problems or ()]
    assert ("member-recovered", True) == (first, "fails-open" in others)
