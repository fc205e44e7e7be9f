"""Staged outages: the first line says whether traffic is scanned, and the right cause comes first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from icapdiag.facts.joined import JoinedSubject
from icapdiag.logs.opening.inputs import InputError
from icapdiag.model import Problem, Report
from icapdiag.report.formats import FORMATS, Style, render
from icapdiag.report.machine.from_json import read_report
from icapdiag.report.machine.to_json import settled
from icapdiag.report.redact import Pseudonyms, redact
from icapdiag.vocabulary import CauseStatus, Effect, Health, Severity
from tests.cli.run import icapdiag
from tests.joined.staging import Stage, checked, entry, failure, first_line, nobody, place, with_server
from tests.lint.right import allowing, put, put_rule, rules

PROVEN, LIKELY, POSSIBLE = CauseStatus.PROVEN, CauseStatus.LIKELY, CauseStatus.POSSIBLE


class Case(NamedTuple):
    """``begins``: the first line after the verdict. ``against``: causes that the evidence excludes."""

    stage: Callable[[Stage], None]
    begins: str
    problem: str
    cause: str
    status: CauseStatus
    evidence: str
    against: tuple[str, ...]
    effect: Effect


def still_down(stage: Stage) -> None:
    now = checked("refused")
    stage.log(*(entry(at, place(now)) for at in range(30)), *(failure(30 + at, place(now)) for at in range(60)))
    stage.configuration(with_server(place(now), fail_action="ICAP_FAIL_OPEN"))
    stage.report(now)


def recovered(stage: Stage) -> None:
    now = checked("healthy")
    failing = (failure(at, place(now)) for at in range(60))
    stage.log(*failing, *(entry(200 + at, place(now)) for at in range(60)))
    stage.report(now)


def one_engine(stage: Stage) -> None:
    now = checked("healthy")
    entries = [entry(at, place(now), engine="se-1") for at in range(60)]
    entries += [
        failure(at + 0.5, place(now), engine="se-2", codes=["ADF_SERVER_CONN_SETUP_TIMEDOUT"]) for at in range(60)
    ]
    stage.log(*entries)
    stage.report(now)


def fail_open(stage: Stage) -> None:
    stage.log(*(failure(at, codes=()) for at in range(40)))
    stage.configuration(with_server("192.0.2.1:1344", fail_action="ICAP_FAIL_OPEN"))


def fail_closed(stage: Stage) -> None:
    stage.log(*(failure(at, closed=True, codes=()) for at in range(40)))
    stage.configuration(with_server("192.0.2.1:1344", fail_action="ICAP_FAIL_CLOSED"))


def ratio_0(stage: Stage) -> None:
    stage.configuration(put("PoolGroup", members=[{"pool_ref": "/api/pool/?name=icap-pool", "ratio": 0}]))


def rule_missing(stage: Stage) -> None:
    stage.log(*(entry(at, action=None) for at in range(40)))
    stage.configuration(put_rule(action={"action": "HTTP_SECURITY_ACTION_ALLOW"}))


def rule_shadowed(stage: Stage) -> None:
    stage.log(*(entry(at, action=None) for at in range(40)))
    stage.configuration(lambda found: rules(found).insert(0, allowing("allow-all", 0)))


def core_overloaded(stage: Stage) -> None:
    said = "X-Response-Info: Blocked\r\nX-Response-Desc: Error received from MetaDefender Core\r\n"
    blocked = (entry(at, action="ICAP_BLOCKED", headers=said, status=200, outcome=403) for at in range(0, 60, 2))
    stage.log(*blocked, *(entry(at) for at in range(1, 60, 2)))
    stage.configuration(with_server("192.0.2.1:1344", fail_action="ICAP_FAIL_OPEN"))


def green_logs(stage: Stage) -> None:
    now = checked("eicar-missed")
    stage.log(*(entry(at, place(now)) for at in range(60)))
    stage.report(now)


def engine_gone(stage: Stage) -> None:
    before = checked("c-icap")
    after = checked("eicar-missed", port=before.members[0].port)
    stage.log(*(entry(at, place(after)) for at in range(60)))
    stage.report(before, "before.json")
    stage.report(after, "after.json")


def path_differs(stage: Stage) -> None:
    now = checked("healthy")
    unreachable = {"se-1": "CONNECTION_TIMEOUT", "se-2": "CONNECTION_TIMEOUT"}
    failing = (failure(at, place(now), codes=["ADF_SERVER_CONN_SETUP_TIMEDOUT"]) for at in range(40))
    stage.pull(*failing, change=[with_server(place(now), fail_action="ICAP_FAIL_OPEN")], down=unreachable)
    stage.report(now)


def throttled(stage: Stage) -> None:
    failing = (failure(at // 10 + at % 10 / 100) for at in range(3000))
    of_profile = with_server("192.0.2.1:1344", fail_action="ICAP_FAIL_OPEN")
    stage.pull(*failing, change=[of_profile], counted={"requests": 60_000, "error": 58_912})


CASES = {
    "still down": Case(
        still_down, "Uploads are not being scanned (check, ", "member-still-fails", "not-listening", PROVEN,
        "refused", ("unreachable", "service", "path"), Effect.UNSCANNED,
    ),
    "recovered": Case(
        recovered, "Uploads are being scanned (check, ", "member-recovered", "service", LIKELY,
        "ADF_SERVER_CONN_SETUP_REFUSED", ("load", "still-down"), Effect.NONE,
    ),
    "path differs": Case(
        path_differs, "Uploads are not being scanned (Controller, ", "fails-from-service-engines", "path", LIKELY,
        "health monitor: down", ("recovered", "load", "server"), Effect.UNSCANNED,
    ),
    "one Service Engine only": Case(
        one_engine, "Only some uploads are being scanned (check, ", "one-engine-fails", "path", LIKELY,
        "one SE only: yes", ("member",), Effect.UNSCANNED,
    ),
    "fail open": Case(
        fail_open, "Uploads are not being scanned (log, 2026-11-30 08:00:39 UTC)", "failures-reach-users", "fail-open",
        PROVEN, "ICAP_FAIL_OPEN", ("fail-closed", "not-sent"), Effect.UNSCANNED,
    ),
    "fail closed": Case(
        fail_closed, "Uploads are being refused (log, 2026-11-30 08:00:39 UTC)", "failures-reach-users", "fail-closed",
        PROVEN, "ICAP_FAIL_CLOSED", ("fail-open", "not-sent"), Effect.REFUSED,
    ),
    "ratio 0": Case(
        ratio_0, "Uploads are being refused (configuration)", "no-usable-member", "ratio-0", PROVEN,
        "pools with ratio 0: 1", ("pool-disabled", "servers-disabled"), Effect.REFUSED,
    ),
    "rule missing": Case(
        rule_missing, "Uploads are not being scanned (configuration)", "uploads-never-reach-icap", "no-rule", PROVEN,
        "scanned entries: none", ("rule-covered", "servers"), Effect.UNSCANNED,
    ),
    "rule shadowed": Case(
        rule_shadowed, "Uploads are not being scanned (configuration)", "uploads-never-reach-icap", "rule-covered",
        PROVEN, "scanned entries: none", ("no-rule", "servers"), Effect.UNSCANNED,
    ),
    "Core overloaded": Case(
        core_overloaded, "Only some uploads are being scanned (log, ", "blocked-although-fail-open", "core", LIKELY,
        "Error received from MetaDefender Core", ("fail-closed", "infected", "scanner"), Effect.REFUSED,
    ),
    "EICAR passes, logs are green": Case(
        green_logs, "Uploads are not being scanned (check, ", "viruses-pass-unnoticed", "settings", POSSIBLE, "",
        ("fail-open",), Effect.UNSCANNED,
    ),
    "engine gone": Case(
        engine_gone, "Uploads are not being scanned (check, ", "detection-lost", "engine-gone", LIKELY,
        "ISTag replaced: yes", ("never",), Effect.UNSCANNED,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Report]:
    known: dict[str, Report] = {}

    def made(name: str) -> Report:
        if name not in known:
            stage = Stage(tmp_path_factory.mktemp("case"))
            CASES[name].stage(stage)
            known[name] = stage.diagnosed()
        return known[name]

    return made


def first(report: Report) -> Problem:
    assert report.problems
    return report.problems[0]


@pytest.mark.parametrize("name", CASES)
def test_the_right_cause_comes_first_with_evidence_for_it_and_against_others(
    name: str, diagnosed: Callable[[str], Report]
) -> None:
    case, report = CASES[name], diagnosed(name)
    assert case.begins in first_line(report)
    problem = first(report)
    assert (case.problem, case.effect) == (problem.finding, problem.effect)
    causes = {each.id: each for each in problem.causes or ()}
    best = (problem.causes or ())[0]
    found = causes[case.cause] if case.status is POSSIBLE else best
    assert (case.cause, case.status) == (found.id, found.status)
    assert best.status is case.status
    assert case.evidence in "; ".join(found.facts or ())
    for other in case.against:
        assert CauseStatus.RULED_OUT == causes[other].status, other
        assert causes[other].facts, other


@pytest.mark.parametrize(("closed", "said"), [(False, "40 passed unscanned (fail open)"), (True, "40 refused")])
def test_what_the_log_says_of_failures_comes_before_that_they_reach_users(
    tmp_path: Path, closed: bool, said: str
) -> None:
    stage = Stage(tmp_path)
    stage.log(*(failure(at, closed=closed, codes=["ADF_SERVER_CERTIFICATE_VERIFICATION_FAILED"]) for at in range(40)))
    fail_action = "ICAP_FAIL_CLOSED" if closed else "ICAP_FAIL_OPEN"
    stage.configuration(with_server("192.0.2.1:1344", fail_action=fail_action))
    report = stage.diagnosed()
    assert "server-tls-failed" == first(report).finding
    assert "failures-reach-users" not in [each.id for each in report.findings]
    line = first_line(report)
    assert (
        f"ICAP failed, and TLS to a server failed at 192.0.2.1:1344; {said.replace('40', '40 of 40 logged requests')}"
        in line
    )
    steps = " ".join(step for part in ("now", "fix") for step in getattr(first(report).steps, part) or ())
    assert "ICAP Profile > PROFILE" not in steps
    assert "ICAP Profile > icap-prof" in steps


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_draws_it_and_a_saved_report_gives_the_same(name: str, diagnosed: Callable[[str], Report]) -> None:
    report = settled(diagnosed("still down"))
    saved = read_report(render(report, "json").encode())
    assert report == saved
    assert render(report, name) == render(saved, name)


def test_a_redacted_report_names_nobody(diagnosed: Callable[[str], Report]) -> None:
    redacted, _ = redact(settled(diagnosed("fail open")), Pseudonyms())
    for name in FORMATS:
        text = render(settled(redacted), name)
        assert [] == [each for each in ("192.0.2.1", "198.51.100.7", "app-vs", "icap-group") if each in text]


def test_what_is_over_is_no_more_severe_than_that(diagnosed: Callable[[str], Report]) -> None:
    report = diagnosed("recovered")
    assert Health.WARNING is report.verdict
    over = next(each for each in report.findings if each.id == "server-connection-failed")
    assert (Severity.WARNING, ("member-recovered",)) == (over.severity, over.because_of)


def test_a_step_names_the_pool_and_not_its_group(diagnosed: Callable[[str], Report]) -> None:
    steps = first(diagnosed("path differs")).steps
    assert steps
    assert "Applications > Pools > icap-pool > edit." in "\n".join(steps.fix or ())


def test_every_check_is_an_event(diagnosed: Callable[[str], Report]) -> None:
    subject = diagnosed("engine gone").subject
    assert isinstance(subject, JoinedSubject)
    checked_ = [each.what for each in subject.events if each.source == "check"]
    assert ["works, and blocks EICAR", "a new ISTag", "EICAR not detected"] == checked_


def test_a_diagnosis_is_no_source_of_another(tmp_path: Path, diagnosed: Callable[[str], Report]) -> None:
    stage = Stage(tmp_path)
    stage.report(diagnosed("recovered"))
    with pytest.raises(InputError, match="a report of icapdiag diagnose: give the sources that it was made of"):
        stage.diagnosed()


def test_a_pool_file_alone_shows_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.file("pool.yaml", "pool: p\nprofile: {service_uri: /avscan}\nmembers: [192.0.2.1]\n")
    with pytest.raises(InputError, match="a pool file alone shows nothing"):
        stage.diagnosed()


def test_the_command_checks_the_pool_that_a_source_describes(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with nobody() as port:
        stage.log(*(failure(at, f"127.0.0.1:{port}") for at in range(30)))
        stage.configuration(with_server(f"127.0.0.1:{port}", fail_action="ICAP_FAIL_OPEN"))
        status, out, err = icapdiag("diagnose", *stage.sources, "--check", "-q", "-o", "table")
    assert (1, "") == (status, err)
    assert out.startswith("CRITICAL  Uploads are not being scanned (check, ")


def test_events_stand_on_the_axis_of_the_log(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.pull(*(failure(at) for at in range(0, 600, 10)), down={"se-1": "CONNECTION_REFUSED"})
    stage.report(checked("healthy"))
    report = settled(stage.diagnosed())
    drawn = render(report, "table", Style(detail=1)).splitlines()
    axis = drawn.index(next(line for line in drawn if line.startswith("Over time, ")))
    _, bars, controller, check = drawn[axis + 1 : axis + 5]
    assert bars.index("█") == controller.index("▲")  # the health monitor changed in the first minute
    assert (True, True) == (controller.endswith("1 before"), check.endswith("1 after"))
    page = render(report, "html")
    assert "08:00:05 UTC: 192.0.2.1:1344: health monitor: up on some Service Engines" in page
    assert "2026-11-30 07:59:00 UTC: IcapProfile icap-prof changed" in page


def test_a_pull_dates_changes_and_says_what_is_missing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.pull(failure(0), failure(60), down={"se-2": "CONNECTION_REFUSED"}, complete=False)
    report = stage.diagnosed()
    subject = report.subject
    assert isinstance(subject, JoinedSubject)
    assert [
        ("2026-11-30T07:59:00.000Z", "IcapProfile icap-prof changed"),
        ("2026-11-30T08:00:00.000Z", "first failure: requests fail and pass unscanned"),
        ("2026-11-30T08:00:00.000Z", "log begins"),
        (
            "2026-11-30T08:00:05.000Z",
            "health monitor: up on some Service Engines and down on others (CONNECTION_REFUSED)",
        ),
        ("2026-11-30T08:01:00.000Z", "last failure in the log"),
        ("2026-11-30T08:01:00.000Z", "log ends"),
    ] == [(each.time, each.what) for each in subject.events]
    assert ("mixed", ("se-2",)) == (subject.joined_members[0].monitored, subject.joined_members[0].monitor_down)
    assert ("IcapProfile icap-prof changed",) == subject.joined_members[0].changed_objects
    assert not report.complete
    assert "The log of app-vs is not complete: cut at 10:00." in report.notes


def test_what_works_from_here_may_still_fail_from_service_engines(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    now = checked("healthy")
    stage.log(*(failure(at, place(now)) for at in range(30)))
    stage.report(now)
    report = stage.diagnosed()
    begins = "Whether uploads are being scanned is not known: Works from here, fails from Service Engines"
    assert begins in first_line(report)
    causes = {each.id: each.status for each in first(report).causes or ()}
    excluded = CauseStatus.RULED_OUT
    left = dict.fromkeys(("path", "recovered", "change"), POSSIBLE)
    assert left | {"load": excluded, "server": excluded} == causes


def test_a_member_that_is_marked_down_and_not_used_harms_nobody(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    now = checked("refused", "healthy")
    down, other = place(now), place(now, 1)
    stage.log(*(failure(at, down) for at in range(10)), *(entry(10 + at, other) for at in range(60)))
    stage.pull(
        change=[with_server(down, other, fail_action="ICAP_FAIL_OPEN")],
        down=dict.fromkeys(("se-1", "se-2"), "CONNECTION_REFUSED"),
    )
    stage.report(now)
    report = stage.diagnosed()
    problem = next(each for each in report.problems or () if each.finding == "member-still-fails")
    assert "Uploads are being scanned (check, " in first_line(report)
    assert (Health.WARNING, Severity.WARNING, Effect.NONE) == (report.verdict, problem.severity, problem.effect)
    stage.log(*(failure(120 + at, down) for at in range(10)))  # it is used, although it is marked down
    report = stage.diagnosed()
    assert "Only some uploads are being scanned (check, " in first_line(report)
    assert (Severity.CRITICAL, Effect.UNSCANNED) == (first(report).severity, first(report).effect)


def test_what_the_check_found_comes_before_that_it_still_fails(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    now = checked("404")
    stage.log(*(failure(at, place(now)) for at in range(40)))
    stage.report(now)
    problems = stage.diagnosed().problems or ()
    assert ["service-not-found", "member-still-fails"] == [each.finding for each in problems][:2]


@pytest.mark.parametrize(
    ("server", "cause", "status"),
    [("192.0.2.9:1344", "other-pool", POSSIBLE), ("192.0.2.1:11344", "port", LIKELY)],
)
def test_a_pool_without_a_server_of_the_log_is_warned_about(
    tmp_path: Path, server: str, cause: str, status: CauseStatus
) -> None:
    stage = Stage(tmp_path)
    stage.log(*(entry(at) for at in range(20)))
    stage.file("pool.yaml", f"pool: p\nprofile: {{service_uri: /avscan}}\nmembers: ['{server}']\n")
    problem = next(each for each in stage.diagnosed().problems or () if each.finding == "sources-share-no-server")
    best = (problem.causes or ())[0]
    assert (Severity.WARNING, cause, status) == (problem.severity, best.id, best.status)


@pytest.mark.parametrize("members", ["['192.0.2.1', '192.0.2.9']", "[icap.example.com]"])
def test_a_pool_that_may_have_a_server_of_the_log_is_not(tmp_path: Path, members: str) -> None:
    stage = Stage(tmp_path)
    stage.log(*(entry(at) for at in range(20)))
    stage.file("pool.yaml", f"pool: p\nprofile: {{service_uri: /avscan}}\nmembers: {members}\n")
    assert "sources-share-no-server" not in [each.id for each in stage.diagnosed().findings]
