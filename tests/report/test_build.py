"""Verdicts: silence never looks like health, and info makes nobody sick."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from icapdiag.model import Finding, Unmatched, unflatten
from icapdiag.report.build import NOTHING_PROBED, ProbedMember, exit_status
from icapdiag.vocabulary import ExitStatus, Health, Severity, Status
from tests.report.samples import DISABLED, HEALTHY, REFUSED, TCP_REFUSED, UNTESTED, member, observation, report

WARNING = replace(TCP_REFUSED, id="overloaded", severity=Severity.WARNING)
INFO = replace(TCP_REFUSED, id="member-disabled", severity=Severity.INFO)
POOL_WIDE = replace(TCP_REFUSED, id="no-member-answers", members=())
OF_DISABLED = replace(TCP_REFUSED, severity=Severity.INFO, members=("10.0.0.7:1344",))
UNEXPLAINED = Unmatched(
    count=1, examples=(unflatten({"member": "10.0.0.5:1344", "probe": "options", "status": "failed"}),)
)
SILENT = ProbedMember(name="10.0.0.9:1344", host="10.0.0.9", port=1344, observations=())


@pytest.mark.parametrize(
    ("probed", "findings", "unmatched", "expected"),
    [
        (HEALTHY, (), Unmatched(), Health.OK),
        (REFUSED, (TCP_REFUSED,), Unmatched(), Health.CRITICAL),
        (REFUSED, (WARNING,), Unmatched(), Health.WARNING),
        (REFUSED, (TCP_REFUSED, WARNING), Unmatched(), Health.CRITICAL),
        (REFUSED, (INFO,), Unmatched(), Health.OK),  # a runbook says that this failure is as it should be
        (HEALTHY, (TCP_REFUSED,), Unmatched(), Health.OK),  # another member's
        (REFUSED, (), Unmatched(), Health.UNKNOWN),  # failed, and nothing explains it
        (HEALTHY, (), UNEXPLAINED, Health.UNKNOWN),
        (UNTESTED, (), Unmatched(), Health.UNKNOWN),
        (SILENT, (), Unmatched(), Health.UNKNOWN),
        (DISABLED, (OF_DISABLED,), Unmatched(), Health.DISABLED),
    ],
)
def test_verdict_of_a_member(
    probed: ProbedMember, findings: tuple[Finding, ...], unmatched: Unmatched, expected: Health
) -> None:
    assert expected == report((probed,), findings, unmatched=unmatched).members[0].verdict


@pytest.mark.parametrize(
    ("probed", "findings", "complete", "expected"),
    [
        ((HEALTHY,), (), True, Health.OK),
        ((HEALTHY, DISABLED), (), True, Health.OK),
        ((HEALTHY, REFUSED), (TCP_REFUSED,), True, Health.CRITICAL),
        ((UNTESTED, REFUSED), (WARNING,), True, Health.WARNING),
        ((HEALTHY, UNTESTED), (), True, Health.UNKNOWN),
        ((HEALTHY,), (), False, Health.UNKNOWN),
        ((HEALTHY,), (POOL_WIDE,), True, Health.CRITICAL),
        ((DISABLED,), (OF_DISABLED,), True, Health.UNKNOWN),  # nothing was looked at
    ],
)
def test_verdict_of_a_report(
    probed: tuple[ProbedMember, ...], findings: tuple[Finding, ...], complete: bool, expected: Health
) -> None:
    assert expected == report(probed, findings, complete=complete).verdict


def test_says_that_nothing_was_probed() -> None:
    assert ("first", NOTHING_PROBED) == report((DISABLED,), (), notes=("first",)).notes


@pytest.mark.parametrize(
    ("probed", "findings", "complete", "fail_on", "expected"),
    [
        ((HEALTHY,), (), True, Severity.CRITICAL, ExitStatus.OK),
        ((REFUSED,), (TCP_REFUSED,), True, Severity.CRITICAL, ExitStatus.FINDINGS),
        ((REFUSED,), (WARNING,), True, Severity.CRITICAL, ExitStatus.OK),
        ((REFUSED,), (WARNING,), True, Severity.WARNING, ExitStatus.FINDINGS),
        ((REFUSED,), (TCP_REFUSED,), True, Severity.WARNING, ExitStatus.FINDINGS),
        ((REFUSED,), (INFO,), True, Severity.WARNING, ExitStatus.OK),
        ((REFUSED,), (INFO,), True, Severity.INFO, ExitStatus.FINDINGS),
        ((HEALTHY, UNTESTED), (), True, Severity.CRITICAL, ExitStatus.INCOMPLETE),
        ((HEALTHY,), (), False, Severity.CRITICAL, ExitStatus.INCOMPLETE),
        ((REFUSED,), (), True, Severity.CRITICAL, ExitStatus.INCOMPLETE),
        # A warning that does not count must not hide what could not be probed.
        ((REFUSED, UNTESTED), (WARNING,), True, Severity.CRITICAL, ExitStatus.INCOMPLETE),
        # What is worse than incomplete is said.
        ((REFUSED, UNTESTED), (TCP_REFUSED,), False, Severity.CRITICAL, ExitStatus.FINDINGS),
        ((DISABLED,), (), True, Severity.CRITICAL, ExitStatus.INCOMPLETE),
    ],
)
def test_exit_status(
    probed: tuple[ProbedMember, ...],
    findings: tuple[Finding, ...],
    complete: bool,
    fail_on: Severity,
    expected: ExitStatus,
) -> None:
    assert expected == exit_status(report(probed, findings, complete=complete), fail_on)


def test_a_warning_does_not_hide_an_error_of_the_same_member() -> None:
    both = member("10.0.0.6", observation("tcp"), observation("options", Status.ERROR, "bug"))
    built = report((both,), (WARNING,))
    assert Health.WARNING == built.members[0].verdict
    assert not built.complete
    assert ExitStatus.INCOMPLETE == exit_status(built)


def test_times_are_utc_with_milliseconds() -> None:
    built = report()
    assert ("2026-01-01T00:00:00.123Z", "2026-01-01T00:00:01.623Z") == (built.started_at, built.finished_at)
