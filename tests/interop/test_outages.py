"""Outages of real servers: what ``icapdiag pull`` and ``icapdiag diagnose PULL --check --eicar`` say of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from icapdiag.report.formats import Style, render
from icapdiag.report.machine.to_json import settled
from icapdiag.vocabulary import CauseStatus, Effect
from tests.interop.behind_avi import NAMED, Outage, Site, site
from tests.interop.programs import Programs
from tests.lint.right import allowing

PROVEN, LIKELY, RULED_OUT = CauseStatus.PROVEN, CauseStatus.LIKELY, CauseStatus.RULED_OUT
_FROM_ENGINES = 'iifname { "to-se-1", "to-se-2", "to-se-3" } tcp dport 1344'
_REFUSE, _DROP = "reject with tcp reset", "drop"


class Case(NamedTuple):
    """``begins``: the first line. ``against``: causes that are excluded, with the evidence for that."""

    stage: Callable[[Site, Path], Outage]
    begins: str
    problem: str
    cause: str
    status: CauseStatus
    evidence: str
    against: Mapping[str, str]
    effect: Effect


@pytest.fixture(scope="module")
def staged(programs: Programs) -> Iterator[Site]:
    with site(programs) as found:
        yield found


def still_down(where: Site, folder: Path) -> Outage:
    outage = Outage(where, folder)
    where.clamd.start()
    outage.start()
    outage.sends(20, since=0, until=0.5)
    where.stop(*map(outage.member, outage.members))
    outage.sends(20, since=0.5, until=1)
    outage.monitors()
    outage.pull()
    return outage


def recovered(where: Site, folder: Path) -> Outage:
    outage = Outage(where, folder)
    where.clamd.start()
    outage.start()
    outage.sends(20, since=0, until=0.3)
    where.stop(*map(outage.member, outage.members))
    outage.sends(20, since=0.3, until=0.4)
    outage.start()
    outage.sends(20, since=0.4, until=1)
    outage.monitors()
    outage.pull()
    return outage


def path_differs(where: Site, folder: Path, *, how: str = _REFUSE) -> Outage:
    outage = Outage(
        where, folder, connecting=1.0 if how == _REFUSE else 4.0, members=(0, 1) if how == _REFUSE else (0,)
    )
    where.clamd.start()
    outage.start()
    outage.sends(20, since=0, until=0.5)
    with where.filtered(f"{_FROM_ENGINES} {how}"):
        with where.captured(NAMED[0]) as capture:
            outage.sends(10, since=0.5, until=0.7, engines=(0,))
            outage.check("check.json")
            outage.sends(10, since=0.7, until=1, engines=(0,))
        outage.monitors()
        outage.pull()
    outage.sources.append(str(capture))
    return outage


def path_is_silent(where: Site, folder: Path) -> Outage:
    return path_differs(where, folder, how=_DROP)


def one_engine(where: Site, folder: Path) -> Outage:
    outage = Outage(where, folder)
    where.clamd.start()
    outage.start()
    with where.filtered('iifname "to-se-2" tcp dport 1344 reject with tcp reset'):
        outage.sends(20, since=0.9, until=1)
        outage.script(*NAMED[:2])
        outage.monitors()
        outage.pull()
    return outage


def fail_open(where: Site, folder: Path) -> Outage:
    return _clamd_stops(Outage(where, folder))


def fail_closed(where: Site, folder: Path) -> Outage:
    return _clamd_stops(Outage(where, folder, service=2, members=(0,)))


def _clamd_stops(outage: Outage) -> Outage:
    where = outage.site
    where.clamd.start()
    outage.start()
    outage.sends(20, since=0, until=0.5)
    where.clamd.stop()
    outage.sends(20, since=0.5, until=1)
    outage.monitors()
    outage.pull()
    return outage


def green_logs(where: Site, folder: Path) -> Outage:
    outage = Outage(where, folder)
    where.clamd.start()
    outage.start(types=False)
    outage.sends(20, since=0, until=1)
    outage.monitors()
    outage.pull()
    return outage


def engine_gone(where: Site, folder: Path) -> Outage:
    outage = Outage(where, folder)
    where.clamd.start()
    outage.start()
    outage.check("before.json")
    where.clear()
    outage.start()
    outage.sends(20, since=0, until=1)
    outage.monitors()
    outage.pull()
    return outage


def no_rule(where: Site, folder: Path) -> Outage:
    return not_sent(Outage(where, folder, rules=list.clear))


def rule_covered(where: Site, folder: Path) -> Outage:
    return not_sent(Outage(where, folder, rules=lambda rules: rules.insert(0, allowing("allow-all", 0))))


def not_sent(outage: Outage) -> Outage:
    outage.site.clamd.start()
    outage.start()
    outage.browses(60)
    outage.monitors()
    outage.pull()
    return outage


def throttled(where: Site, folder: Path) -> Outage:
    outage = Outage(where, folder, members=(0,), throttle=1)
    where.clamd.start()
    outage.sends(500, since=0.5, until=0.52)
    outage.monitors()
    outage.pull()
    return outage


def size_is_hidden(where: Site, folder: Path) -> Outage:
    outage = Outage(where, folder, members=(0,), throttle=1)
    where.clamd.start()
    outage.start()
    outage.sends(200, since=0, until=0.9)
    where.stop(outage.member(0))
    outage.sends(500, since=0.99, until=0.993)
    outage.start()
    outage.pull()
    return outage


CASES = {
    "still down": Case(
        still_down, "Uploads are not being scanned (check, ", "member-still-fails", "not-listening", PROVEN,
        "check's reason: refused", {"unreachable": "refused", "service": "tcp", "path": "failing"}, Effect.UNSCANNED,
    ),
    "recovered": Case(
        recovered, "Uploads are being scanned (check, ", "member-recovered", "service", LIKELY,
        "ADF_SERVER_CONN_SETUP_REFUSED", {"load": "REFUSED", "still-down": "recovered"}, Effect.NONE,
    ),
    "path differs": Case(
        path_differs, "Uploads are not being scanned (Controller, ", "fails-from-service-engines", "path", PROVEN,
        "check works between these failures: yes; capture's failing step: tcp",
        {"recovered": "down", "load": "REFUSED", "server": "ok"}, Effect.UNSCANNED,
    ),
    "path is silent": Case(
        path_is_silent, "Uploads are not being scanned (Controller, ", "fails-from-service-engines", "path", PROVEN,
        "check works between these failures: yes; capture's failing step: tcp",
        {"recovered": "down", "load": "TIMEDOUT", "server": "ok"}, Effect.UNSCANNED,
    ),
    "one Service Engine only": Case(
        one_engine, "Only some uploads are being scanned (SE script, ", "one-engine-fails", "path", PROVEN,
        "works for others in the same minutes: yes", {"member": "check: ok"}, Effect.UNSCANNED,
    ),
    "fail open": Case(
        fail_open, "Uploads are not being scanned (check, ", "member-still-fails", "engine", LIKELY,
        "ICAP status of clean: 500", {"not-listening": "icap-status", "unreachable": "clean", "path": "failing"},
        Effect.UNSCANNED,
    ),
    "fail closed": Case(
        fail_closed, "Uploads are being refused (check, ", "member-still-fails", "engine", LIKELY,
        "ICAP status of clean: 500", {"not-listening": "icap-status", "unreachable": "clean", "path": "failing"},
        Effect.REFUSED,
    ),
    "EICAR passes, logs are green": Case(
        green_logs, "Uploads are not being scanned (check, ", "viruses-pass-unnoticed", "settings", LIKELY,
        "passed-unseen", {"fail-open": "ok", "no-engine": "CI0001"}, Effect.UNSCANNED,
    ),
    "engine gone": Case(
        engine_gone, "Uploads are not being scanned (check, ", "detection-lost", "engine-gone", PROVEN,
        "CI0001-1B2M2Y8AsgTpgAmY7PhCfg", {"never": "yes"}, Effect.UNSCANNED,
    ),
    "no rule": Case(
        no_rule, "Uploads are not being scanned (configuration)", "uploads-never-reach-icap", "no-rule", PROVEN,
        "scanned entries: none", {"rule-covered": "no-rule", "servers": "none"}, Effect.UNSCANNED,
    ),
    "rule covered": Case(
        rule_covered, "Uploads are not being scanned (configuration)", "uploads-never-reach-icap", "rule-covered",
        PROVEN, "scanned entries: none", {"no-rule": "rule-covered", "servers": "none"}, Effect.UNSCANNED,
    ),
    "throttled": Case(
        throttled, "Uploads are not being scanned (check, ", "member-still-fails", "not-listening", PROVEN,
        "refused", {"unreachable": "refused", "service": "tcp", "path": "failing"}, Effect.UNSCANNED,
    ),
    "the size is hidden": Case(
        size_is_hidden, "Only some uploads are being scanned (Controller, ", "failures-hidden", "throttled", LIKELY,
        "log-throttle-configured", {}, Effect.UNSCANNED,
    ),
}  # fmt: skip
EVERY_RUN = ("path differs", "engine gone")


@pytest.mark.parametrize(
    "name", [each if each in EVERY_RUN else pytest.param(each, marks=pytest.mark.realcases) for each in CASES]
)
def test_an_outage_is_pulled_checked_and_diagnosed(name: str, staged: Site, tmp_path: Path) -> None:
    case = CASES[name]
    try:
        report = case.stage(staged, tmp_path).diagnosed()
    finally:
        staged.clear()

    first_line = render(settled(report), "table", Style(detail=-1)).splitlines()[0]
    assert case.begins in first_line
    problem = (report.problems or ())[0]
    assert (case.problem, case.effect) == (problem.finding, problem.effect)
    causes = {each.id: each for each in problem.causes or ()}
    best = next(iter(causes.values()))
    assert (case.cause, case.status) == (best.id, best.status)
    assert case.evidence in "; ".join(best.facts or ())
    excluded = {name: "; ".join(causes[name].facts or ()) for name in case.against}
    assert dict.fromkeys(case.against, RULED_OUT) == {name: causes[name].status for name in case.against}
    assert {} == {name: said for name, said in excluded.items() if case.against[name] not in said}
