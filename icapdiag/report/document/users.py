"""What a problem means for users: the effect on requests, with the figures of a log where there is one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from icapdiag.facts.fields import SUMMARY
from icapdiag.facts.groups import ACTIONS, ReportedGroup
from icapdiag.model import Problem, Report
from icapdiag.report.document import scanner
from icapdiag.report.document.findings import FindingBlock
from icapdiag.report.document.logs import DETECTED, LET_THROUGH
from icapdiag.report.document.words import (
    asked_again,
    base,
    count,
    is_detected,
    is_let_through,
    lint_of,
    logs_of,
    milliseconds,
    of_all,
    passed_in_the_end,
    safe_text,
)
from icapdiag.vocabulary import Effect, Reason, Severity, Status

_NOT_OFFERED = "not offered"  # an outcome of uploads that ICAP was disabled for
_ODD = 3  # actions that are not known
# Not all uploads fail there.
_FAILING = {
    Effect.UNSCANNED: "Uploads that fail in this way pass unscanned{action}; Avi logs ICAP_FAILED.",
    Effect.REFUSED: "Uploads that fail in this way get HTTP 500{action}; Avi logs ICAP_FAILED.",
    Effect.NONE: "Uploads that fail in this way pass{action}, which does no harm; Avi logs ICAP_FAILED.",
}
_CONFIGURED = {  # by severity: critical, else
    Effect.UNSCANNED: ("Uploads pass unscanned.", "Uploads may pass unscanned."),
    Effect.REFUSED: ("Legitimate uploads are refused.", "Legitimate uploads may be refused."),
    Effect.SLOW: ("Uploads are slow.", "Uploads may be slow."),
}
# Why this host rejects a certificate. Whether Avi does depends on the pool's PKI profile.
_CERTIFICATE = {Reason.TLS_EXPIRED, Reason.TLS_NOT_YET_VALID, Reason.TLS_UNTRUSTED, Reason.TLS_NAME}
_REACTIONS = {Effect.UNSCANNED: "pass unscanned", Effect.REFUSED: "get HTTP 500"}
_FORMS = {  # what a probe sends the test file in
    "eicar-form": "files in HTML forms",
    "eicar-zip": "ZIP archives",
    "eicar-pdf": "PDF documents",
    "eicar-json": "files in JSON",
}
# What a Service Engine does at a member, too.
_AS_AVI = frozenset({"dns", "tcp", "tls", "options", "clean", "eicar", *_FORMS})


def nothing_failed(report: Report, members: Collection[str]) -> bool:
    """Whether these members were probed, and what Avi does as well, failed at none of them."""
    probed = [member for member in report.members if member.name in members]
    failed = (each.status is Status.FAILED for member in probed for each in member.probes if each.probe in _AS_AVI)
    return bool(probed) and not any(failed)


def users(problem: Problem, finding: FindingBlock, report: Report, *, reaction_assumed: bool) -> str:
    """The effect on requests, with figures from a log."""
    if logs_of(report):
        there = scanner.users(problem, report, by_fail_action=finding.by_fail_action)
        return there if finding.of_scanner and there else _of_requests(problem, finding, report)
    if lint_of(report):
        return _by_configuration(problem)
    by_fail_action = (finding.failed and problem.effect is not Effect.NONE) or finding.by_fail_action
    if problem.severity is not Severity.CRITICAL and by_fail_action and problem.effect in _FAILING:
        return _FAILING[problem.effect].format(action=fail_action(report))
    at = "it" if len(problem.members) == 1 else "them" if problem.members else "the pool"
    action = fail_action(report)
    files = _files(finding.probes) if problem.effect is Effect.UNSCANNED and not finding.failed else ""
    if files:
        return f"{files} sent to {at} pass unscanned; Avi logs ICAP_PASSED."
    if is_of_certificate(problem, finding):
        end = "get HTTP 500" if "ICAP_FAIL_CLOSED" in action else "pass unscanned"
        also = action if is_stated(report) else action.replace(" if", " and", 1)
        return f"Uploads sent to {at} {end} if Avi rejects it too{also}."
    said = {
        (Effect.UNSCANNED, True): f"Uploads sent to {at} pass unscanned{action}; Avi logs ICAP_FAILED.",
        (Effect.UNSCANNED, False): f"Uploads sent to {at} pass unscanned; Avi logs ICAP_PASSED.",
        (Effect.REFUSED, True): f"Uploads sent to {at} get HTTP 500{action}; Avi logs ICAP_FAILED.",
        (Effect.REFUSED, False): f"Legitimate uploads sent to {at} are refused; Avi logs ICAP_BLOCKED.",
    }
    for effect, end in _REACTIONS.items() if reaction_assumed else ():
        by = action if is_stated(report) else " by Avi's default"  # one doubt is enough
        said[effect, True] = f"Avi probably rejects this; then uploads {end}{by}."
    took = f" (up to {milliseconds(finding.slowest_ms)} in this check)" if finding.slowest_ms else ""
    slow = f"Uploads sent to {at} are slow{took}." if problem.effect is Effect.SLOW else ""
    return said.get((problem.effect or Effect.NONE, finding.failed), slow)


def is_of_certificate(problem: Problem, finding: FindingBlock) -> bool:
    """Whether this host rejects the server's certificate, which Avi does only with a PKI profile."""
    return bool(finding.reasons) and finding.reasons <= _CERTIFICATE and problem.effect in (None, Effect.NONE)


def _by_configuration(problem: Problem) -> str:
    """What it means once the configuration is in use: what is critical happens, the rest may."""
    now, may = _CONFIGURED.get(problem.effect or Effect.NONE, ("", ""))
    return now if problem.severity is Severity.CRITICAL else may


def _files(probes: frozenset[str | None]) -> str:
    """Which uploads these probes represent; empty for the bare file, which represents all."""
    found = " and ".join(words for probe, words in _FORMS.items() if probe in probes)
    return found[:1].upper() + found[1:] if probes <= _FORMS.keys() else ""


def _of_requests(problem: Problem, finding: FindingBlock, report: Report) -> str:
    groups = [each for each in report.groups if finding.id in each.findings and not each.probe]
    counted = sum(each.count or 0 for each in groups)
    outcomes = list(_outcomes(report, groups))
    if len(outcomes) > 1 and counted == problem.count:
        return f"{_of_all(report, counted)}: {', '.join(f'{number:,} {words}' for number, words in outcomes)}."
    passed, general = _EFFECTS.get(problem.effect or Effect.NONE, ("", ""))
    words = outcomes[0][1] if len(outcomes) == 1 else passed
    if groups and all(map(passed_in_the_end, groups)):
        words = f"failed; another attempt {words}"
    if finding.probes == {SUMMARY} and problem.effect is Effect.UNSCANNED:
        general = "Unless the export left icap_log out, uploads in it passed unscanned."
    if asked_again(report) and (clients := _clients_of(report, groups)):  # a client counts once, an attempt each time
        return f"{_of_all(report, problem.count)} failed: {count(clients, 'request')} {words}."
    return f"{_of_all(report, problem.count)} {words}." if finding.requests and words else general


def _clients_of(report: Report, groups: Sequence[ReportedGroup]) -> int:
    """Requests of clients behind failed attempts, if these are all with their one outcome in the log; otherwise 0."""
    logs = logs_of(report)
    known = (logs.entries.by_outcome if logs and logs.entries else None) or {}
    outcomes = {each.client_outcome or "" for each in groups}
    same = [each for each in report.groups if not each.probe and each.client_outcome in outcomes]
    return known.get(outcomes.pop(), 0) if len(outcomes) == 1 and same == groups else 0


def _of_all(report: Report, number: int) -> str:
    """``119 of 5,706 requests (2.1 %)``."""
    logs = logs_of(report)
    entries = logs.entries if logs else None
    if entries is not None and asked_again(report):
        whole = entries.icap_requests
        share = f" of {whole:,} ICAP requests ({100 * number / whole:.1f} %)"
        return f"{number:,}{share}" if number < whole else count(number, "ICAP request")
    if entries is None or number >= base(entries)[0]:
        return count(number, "request")
    return f"{of_all(entries, number)} ({100 * number / base(entries)[0]:.1f} %)"


def is_stated(report: Report) -> bool:
    """Whether the profile's fail_action is known, rather than assumed from Avi's default."""
    profile = report.configuration.profile
    return profile is not None and "fail_action" in (profile.stated or ())


def fail_action(report: Report) -> str:
    """`` (ICAP_FAIL_OPEN)``, or `` if …`` where that is only assumed."""
    profile = report.configuration.profile
    if profile is not None and is_stated(report):
        return f" ({safe_text(profile.fail_action)})"
    return " if fail_action is Avi's default"


def _outcomes(report: Report, groups: Sequence[ReportedGroup]) -> Iterator[tuple[int, str]]:
    """For each outcome the number and words such as ``passed unscanned (fail open)``, the worst first."""
    for outcome, words in _CLIENT_WORDS.items():
        own = [each for each in groups if _outcome(report, each) == outcome]
        if own:
            odd = sorted({safe_text(each.icap_action, 40) for each in own if each.icap_action not in (None, *ACTIONS)})
            named = f" ({', '.join(odd[:_ODD])})" if odd else ""
            yield sum(each.count or 0 for each in own), words + named


def _outcome(report: Report, group: ReportedGroup) -> str:
    if group.client_outcome == "unscanned" and group.request_body == "yes":
        return _NOT_OFFERED
    if is_let_through(report, group):
        return DETECTED if is_detected(group) else LET_THROUGH
    return group.client_outcome or "unknown"


_EFFECTS = {  # what became of so many requests, and what becomes of such as a pasted answer is about
    Effect.UNSCANNED: ("passed unscanned", "Such requests pass unscanned."),
    Effect.REFUSED: ("refused", "Such requests are refused."),
    Effect.SLOW: ("slow", "Such requests are slow."),
}
_CLIENT_WORDS = {
    "unscanned": "passed unscanned (fail open)",
    _NOT_OFFERED: "passed unscanned (not offered to ICAP)",
    "refused-500": "refused with HTTP 500 (fail closed)",
    "refused-413": "refused with HTTP 413 (too large)",
    LET_THROUGH: "let through by the scanner",
    DETECTED: DETECTED,
    "disabled": "passed without being offered to ICAP",
    "blocked": "blocked",
    "passed": "passed",
    "modified": "passed, modified by the scanner",
    "unknown": "with an unknown outcome",
}
