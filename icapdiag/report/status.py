"""The exit status of a run, the same whatever format was asked for."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from icapdiag.vocabulary import SEVERITY_ORDER, Health, Severity

if TYPE_CHECKING:
    from icapdiag.model import Report


class ExitStatus(IntEnum):
    """What a script that runs the program can tell apart (design section 5)."""

    OK = 0  # nothing at or above --fail-on
    FINDINGS = 1
    USAGE = 2  # wrong usage, a file that can't be read, an output that can't be written
    INCOMPLETE = 3  # some probe could not run, or a failure has no explanation, and nothing worse was found
    INTERRUPTED = 130  # 128 + SIGINT
    BROKEN_PIPE = 141  # 128 + SIGPIPE: who reads our output went away


def exit_status(report: Report, fail_on: Severity = Severity.CRITICAL) -> ExitStatus:
    """`FINDINGS` when a finding is at or above ``fail_on``; else `INCOMPLETE` or `OK`."""
    counted = SEVERITY_ORDER[: SEVERITY_ORDER.index(fail_on) + 1]
    if any(finding.severity in counted for finding in report.findings):
        return ExitStatus.FINDINGS
    if _has_gaps(report):
        return ExitStatus.INCOMPLETE
    return ExitStatus.OK


def _has_gaps(report: Report) -> bool:
    # The verdict alone would not do: a warning hides the unknown of the same member or of another.
    return (
        not report.complete
        or report.verdict is Health.UNKNOWN
        or report.unmatched.count > 0
        or any(member.verdict is Health.UNKNOWN for member in report.members)
    )
