"""The report in one sentence, and its end: what was not tested, from where it was seen, where to read more.

The sentence is a full answer: how bad, how many of how many, from when to when, who is affected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from icapdiag.facts.run import LogSubject, ProbingVantage
from icapdiag.model import Report
from icapdiag.report.document import configuration, joined, words
from icapdiag.report.document.log_answer import of_logs
from icapdiag.report.document.pool_answer import of_pool
from icapdiag.report.document.problems import ProblemBlock
from icapdiag.report.document.vantage import captured_at
from icapdiag.report.document.words import (
    count,
    gap,
    joined_of,
    lint_of,
    logs_of,
    names,
    pool_of,
    records_read,
    safe_text,
    unscanned,
)
from icapdiag.vocabulary import Health, Severity

_URLS = "command line"  # source of a pool that is no file's


def _subject(report: Report) -> str:
    """``av-pool /avscan``; the member and its path if there is only one; or the name of a log without its folder."""
    if several := joined_of(report):
        return joined.headline(several)
    if logs := logs_of(report):
        number = len(logs.sources)
        return safe_text(logs.sources[0].name.rpartition("/")[2]) if number == 1 else count(number, "file")
    if lint := lint_of(report):
        return configuration.headline(lint)[0]
    pool = pool_of(report)
    name = "" if pool.source == _URLS else safe_text(pool.pool)
    if len(report.members) == 1:
        name = f"{name}, {safe_text(report.members[0].name)}" if name else safe_text(report.members[0].name)
    return f"{name} {safe_text(pool.service_uri)}".strip() or "ICAP pool"


def _answer(report: Report, problems: Sequence[ProblemBlock]) -> str:
    """The whole answer in one sentence, without the subject and the verdict before it."""
    logs, lint = logs_of(report), lint_of(report)
    if joined_of(report):
        found = joined.answer(report, problems)
        return found + (f" ({gap(report)})" if gap(report) else "")
    if lint:
        found = _of_configuration(configuration.headline(lint)[1], problems)
        return found + (f" ({gap(report)})" if gap(report) else "")
    found = of_logs(report, logs, problems) if logs else of_pool(report, problems)
    found = found or count(len(problems), "problem")  # whose runbook has no title
    state = gap(report)
    if report.unmatched.count:
        found += f", {count(report.unmatched.count, 'request' if logs else 'failure')} that no runbook explains"
    return found + (f" ({state})" if state and state not in found else "")


def _of_configuration(answer: str, problems: Sequence[ProblemBlock]) -> str:
    """With the worst problem, where the answer is not one: of what is not scanned the first problem says why."""
    worst = next((each for each in problems if each.severity is Severity.CRITICAL), None)
    return f"{answer}; {worst.title}" if worst is not None and "→" in answer else answer


class Overview:
    """The answer, the parts of its number of unscanned requests, and the sentences at the end."""

    def __init__(self, report: Report, problems: Sequence[ProblemBlock]) -> None:
        self.subject = _subject(report)
        self.answer = _answer(report, problems)
        self.sentence = f"{self.subject}: {self.answer}"
        self.composition = _composition(report)
        # what to do first, a step, and which problems need another one
        # What is wrong with a configuration is no emergency, and its first problem stands right below.
        several = joined_of(report)
        emergency = lint_of(report) is None or several is not None
        self.first, self.then = _first(problems) if emergency else ("", "")
        closing = joined.closing(report, several, problems) if several else _closing(report, problems)
        self.closing = tuple(filter(None, closing))


_ACCEPTED = "Only if "  # how a step begins that needs somebody's decision
_TOGETHER = 3  # members that are named one by one


def _first(problems: Sequence[ProblemBlock]) -> tuple[str, str]:
    """The first step of the first problem, for all members that need the same, and where other steps are.

    Both are empty without a step.
    """
    worst = next(iter(problems), None)
    if worst is None:
        return "", ""
    step = _step(worst)
    shape = _shape(step, worst)
    grave = [each for each in problems if each.severity is worst.severity is Severity.CRITICAL]
    same = [each for each in problems if each.severity is worst.severity and each.now and shape]
    same = [each for each in same if _shape(each.now[0], each) == shape]
    others = [each.number for each in grave if each is not worst and each not in same and _step(each) != step]
    then = f"Then see {_numbers(others)}." if step and others else ""
    members = dict.fromkeys(name for each in same for name in each.members)
    if worst not in same or len(members) == len(worst.members):
        return step, then
    listed = names([*members], _TOGETHER)
    together = listed if len(members) <= _TOGETHER else f"{count(len(members), 'member')} ({listed})"
    return step.replace(names(worst.members, _TOGETHER), together, 1), then


def _step(problem: ProblemBlock) -> str:
    """What can be done at once; a step that needs a decision comes after it."""
    at_once = (each for each in problem.now if not each.startswith(_ACCEPTED))
    return next(filter(None, (*at_once, problem.settling, *problem.fix, *problem.now)), "")


def _numbers(found: Sequence[int]) -> str:
    """``2``, ``2 and 3``, ``2, 3 and 5``, ``2 to 9``."""
    if len(found) > 2 and found[-1] - found[0] == len(found) - 1:
        return f"{found[0]} to {found[-1]}"
    *before, last = map(str, found)
    return f"{', '.join(before)} and {last}" if before else last


def _shape(step: str, problem: ProblemBlock) -> str:
    """The step without the members that it is for; empty where it names none."""
    named = names(problem.members, _TOGETHER)
    before, found, after = step.partition(named) if named else ("", "", "")
    return f"{before}\n{after}" if found else ""


def _composition(report: Report) -> str:
    """The parts of the number of unscanned requests; empty if there is nothing to add."""
    found = unscanned(report)
    counted = (
        (found.after_failure, "after an ICAP failure"),
        (found.not_offered, "not offered to ICAP"),
        (found.let_through, "let through by the scanner"),
    )
    parts = [f"{number:,} {words}" for number, words in counted if number]
    return f"Unscanned: {', '.join(parts)}." if len(parts) > 1 else ""


# --- at the end ------------------------------------------------------------------------------------

_EXPORT = "Export the log of a virtual service with uploads: Applications > Virtual Services > VIRTUAL_SERVICE > Logs."
_UNTESTED = 3  # of what was not tested
_LISTED = 4  # of one of them
_STEP_FAILED = " (EICAR was not sent: an earlier step failed)"


def _untested(item: str) -> str:
    """A short form of one item that was not tested; the notes of the run have all of them."""
    text = safe_text(item, 400).removesuffix(_STEP_FAILED)
    words, bracket, option = text.rpartition(" (")
    parts = (words or option).split(", ")
    if len(parts) <= _LISTED + 1:
        return text
    return f"{', '.join(parts[:_LISTED])} and {len(parts) - _LISTED} more{bracket}{option if words else ''}"


def _is_empty(report: Report, logs: LogSubject) -> bool:
    """Whether there is nothing to judge, and the filters did not leave it out."""
    found = (report.groups, report.scanner_events, report.scanner_requests, logs.entries and logs.entries.filtered)
    return not any(found)


def _closing_logs(logs: LogSubject) -> Iterator[str]:
    files = f" from {count(len(logs.sources), 'file')}" if len(logs.sources) > 1 else ""
    yield f"{records_read(logs.records)}{files}."
    if logs.entries and logs.entries.filtered:
        number = logs.entries.filtered
        yield f"{count(number, 'entry', 'entries')} left out by the filters."
    if unchecked := sum(each.keys_not_checked or 0 for each in logs.sources):
        read = sum(each.read for each in logs.sources)
        checked = f"{read - unchecked:,} of {count(read, 'record')}"
        yield f"Duplicate keys other than actions were looked for in {checked}."


def _closing(report: Report, problems: Sequence[ProblemBlock]) -> Iterator[str]:
    """Sentences: how many problems, what was not tested, from where it was seen."""
    if logs := logs_of(report):
        if problems:
            yield f"{count(len(problems), 'problem')}."
        yield from _closing_logs(logs)
        if not problems and _is_empty(report, logs):
            yield _EXPORT
        if report.not_tested:
            yield words.untested(report)
    elif lint := lint_of(report):
        if problems:
            yield f"{count(len(problems), 'problem')}."
        yield from configuration.closing(lint, report.not_tested or (), problems=bool(problems))
    else:
        if problems:
            enabled = sum(member.verdict is not Health.DISABLED for member in report.members)
            at = {name for each in problems for name in each.members}
            where = f" at {len(at):,} of {enabled:,} members" if enabled > 1 and at else ""
            yield f"{count(len(problems), 'problem')}{where}."
        if report.not_tested:
            yield f"Not tested: {'; '.join(map(_untested, report.not_tested[:_UNTESTED]))}."
    if report.suppressed:
        yield f"{count(len(report.suppressed), 'finding')} suppressed by the pool file."
    if where := captured_at(report):
        yield f"{where}."
    elif isinstance(report.vantage, ProbingVantage) and report.vantage.host:
        other = ", which is not the Service Engine" if report.vantage.caveat else ""
        yield f"Seen from {safe_text(report.vantage.host)}{other}."
