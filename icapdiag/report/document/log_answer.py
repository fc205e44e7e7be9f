"""What became of the requests of a log, in one sentence: how many of how many, from when to when, at which members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.logs import EntryCounts
from icapdiag.facts.run import LogSubject
from icapdiag.model import Report
from icapdiag.report.document import scanner
from icapdiag.report.document.evidence import reason
from icapdiag.report.document.logs import DETECTED, OUTCOME_WORDS, PASTED, WRONGLY
from icapdiag.report.document.problems import ProblemBlock
from icapdiag.report.document.words import (
    blocked_wrongly,
    by_action,
    count,
    is_blocked_wrongly,
    is_let_through,
    let_through,
    moment,
    of_all,
    passed_in_the_end,
    prose,
    refused_by_failure,
    safe_text,
    span,
    unscanned,
)
from icapdiag.vocabulary import Health, Severity


def of_logs(report: Report, logs: LogSubject, problems: Sequence[ProblemBlock]) -> str:
    entries = logs.entries or EntryCounts()
    total = entries.entries_total
    if not total and entries.filtered and scanner.is_there(report) and not scanner.logged(report):
        return "no message or request matches the filters"
    if not total and scanner.is_there(report):
        return scanner.answer(report, [each.title for each in problems])
    if not total and entries.filtered:
        return "no request matches the filters"
    if not total:
        return problems[0].title if problems else _answers(report)
    said = list(_requests(report, entries))
    counted = list(harmed(report)) if said else []
    if said and problems and problems[0].of_scanner:  # which the counts of Avi's log do not show
        said = [f"{problems[0].title}; {said[0]}", *said[1:]]
    if not said and problems:
        said = [_passed_in_the_end(report, problems[0]) or _counted_title(problems[0])]
        counted = [each for each in report.groups if problems[0].id in each.findings]
    if not said:
        known = {"disabled": OUTCOME_WORDS["disabled"]}  # as the table of outcomes names it
        parts = [f"{number:,} {known.get(word, word)}" for word, number in by_action(entries).items() if number]
        left = total - entries.entries_icap
        parts += [f"{left:,} without ICAP"] if left > 0 else []
        said = [f"{count(total, 'request')}: {', '.join(parts)}"]
        if len(parts) == 1:
            said = [f"{count(total, 'request')} {parts[0].partition(' ')[2]}{_why(report)}"]
    when = since_when(counted) or span(entries.first_seen, entries.last_seen)
    when += _none_since(counted)
    where = [f"problems {at}" if len(said) > 1 else at for at in _affected(report)]
    return ", ".join([*said, *([when] if when else []), *where])


def harmed(report: Report) -> Iterator[ReportedGroup]:
    """The requests of a log that went wrong: those that the first sentence counts."""
    disabled = any(each.id == "icap-disabled" for each in report.findings)
    for each in report.groups:
        outcome = each.client_outcome or ""
        wrong = outcome == "unscanned" or outcome.startswith("refused") or (disabled and outcome == "disabled")
        told = wrong or is_let_through(report, each) or is_blocked_wrongly(report, each) or _is_failed(each)
        if told and not each.probe:
            yield each


def _none_since(groups: Sequence[ReportedGroup]) -> str:
    """``; none since, and scans until …``: of an outage with which the log does not end."""
    quiet, last = [each.quiet_s for each in groups], moment(max((each.last_seen or "" for each in groups), default=""))
    if last is None or not all(quiet) or quiet[0] is None:
        return ""
    return f" (none since; requests scanned until {last + timedelta(seconds=quiet[0]):%F %T})"


def since_when(groups: Sequence[ReportedGroup]) -> str:
    """From the first to the last of these requests; empty without a time."""
    first = min((each.first_seen for each in groups if each.first_seen), default=None)
    return span(first, max((each.last_seen for each in groups if each.last_seen), default=None))


def _counted_title(problem: ProblemBlock) -> str:
    return problem.title + (f": {problem.requests}" if problem.requests else "")


def _passed_in_the_end(report: Report, problem: ProblemBlock) -> str:
    """``1 ICAP attempt failed; another passed: no user affected``; empty unless that is all there is to the problem."""
    groups = [each for each in report.groups if problem.id in each.findings and not each.probe]
    if not problem.finding.requests or not groups or not all(map(passed_in_the_end, groups)):
        return ""
    others = "another" if problem.finding.count == 1 else "others"
    return f"{count(problem.finding.count, 'ICAP attempt')} failed; {others} passed: no user affected"


def _why(report: Report) -> str:
    """Why all requests ended in the same way, where that is as intended; empty where nothing says so."""
    groups = [each for each in report.groups if each.probe != PASTED and each.count]
    if not groups or report.verdict is not Health.OK:
        return ""
    if all(each.client_outcome == "blocked" for each in groups):
        told = [each for each in report.findings if any(each.id in group.findings for group in groups)]
        title = prose(told[0].title) if told else ""
        if title.startswith("Blocked, "):  # the log does not say why, nor whether it was intended
            return title.removeprefix("Blocked")
        title = title if title.endswith(" was blocked") else title.removesuffix(" blocked")
        return f" as intended: {title}" if title else ""
    reasons = {reason(each) for each in groups}
    answered = all(each.answered_by for each in groups)
    return f": {reasons.pop()}" if answered and len(reasons) == 1 else ""


def _requests(report: Report, entries: EntryCounts) -> Iterator[str]:
    """``218 of 3,000 requests passed unscanned``, ``12 refused``; empty if nothing went wrong."""
    left = entries.entries_disabled - unscanned(report).not_offered
    disabled = left if any(each.id == "icap-disabled" for each in report.findings) else 0
    counted = (
        (unscanned(report).total, "passed unscanned"),
        (let_through(report, detected=True), DETECTED),
        (refused_by_failure(report), "refused"),
        (blocked_wrongly(report), WRONGLY),
        (0 if unscanned(report).after_failure else _failed_otherwise(report), "failed in ICAP"),
        (disabled, "not offered to ICAP"),
    )
    found = [(number, words) for number, words in counted if number]
    for index, (number, words) in enumerate(found):
        if index:
            yield f"{number:,} {words}"
        elif entries.throttled_at:  # nobody knows of how many
            yield f"at least {count(number, 'request')} {words}"
        else:
            yield f"{of_all(entries, number)} {words}"


def _failed_otherwise(report: Report) -> int:
    """Failures whose outcome for the client is not logged."""
    return sum(each.count or 0 for each in report.groups if _is_failed(each) and not each.probe)


def _is_failed(group: ReportedGroup) -> bool:
    return group.icap_action == "ICAP_FAILED" and group.client_outcome == "unknown"


def _affected(report: Report) -> Iterator[str]:
    """How many of the members named in the log had failures."""
    worst = next(iter(report.findings), None)
    if worst is None or worst.severity is Severity.INFO:
        return
    telling = {each.id for each in report.findings if each.severity is worst.severity}
    named = {name for each in report.groups for name in each.members or ()}
    bad = {name for each in report.groups if not telling.isdisjoint(each.findings) for name in each.members or ()}
    if len(bad) == 1:
        yield f"at {safe_text(next(iter(bad)))}"
    elif bad:
        yield f"at {len(bad):,} of {len(named):,} members" if len(bad) < len(named) else f"at all {len(bad):,} members"


def _answers(report: Report) -> str:
    answers = [each for each in report.groups if each.probe]
    if not answers:
        return "no ICAP requests in it"
    verdicts = ", ".join(dict.fromkeys(safe_text(each.answer.verdict) or "not understood" for each in answers))
    return f"{count(len(answers), 'ICAP response')}: {verdicts}"
