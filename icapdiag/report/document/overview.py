"""The report in one sentence, and its end: what was not tested, from where it was seen, where to read more.

The sentence is a full answer: how bad, how many of how many, from when to when, who is affected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from icapdiag.facts.logs import EntryCounts
from icapdiag.facts.run import CaptureSubject, LogSubject, ProbingVantage
from icapdiag.model import MemberReport, Report
from icapdiag.report.document import configuration, scanner
from icapdiag.report.document.evidence import reason
from icapdiag.report.document.logs import OUTCOME_WORDS, PASTED, WRONGLY
from icapdiag.report.document.members import verdict_on
from icapdiag.report.document.problems import ProblemBlock, is_stated
from icapdiag.report.document.vantage import captured_at
from icapdiag.report.document.words import (
    blocked_wrongly,
    by_action,
    count,
    gap,
    lint_of,
    logs_of,
    names,
    of_all,
    passed_in_the_end,
    pool_of,
    prose,
    records_read,
    refused_by_failure,
    safe_text,
    span,
    unscanned,
)
from icapdiag.vocabulary import Effect, Health, Severity, Verdict

_URLS = "command line"  # source of a pool that is no file's
_CONDITION = " (if fail_action is Avi's default)"
_PROBABLY = "probably "  # where it is not known what Avi does
_TESTED: dict[tuple[str | None, str | None], str] = {  # what each member did, if all did it
    (Verdict.ALLOWED, Verdict.BLOCKED): "allow a harmless file and block EICAR",
    (Verdict.ALLOWED, None): "allow a harmless file; detection not tested",
    (None, None): "answer; uploads and detection not tested",
}


def _subject(report: Report) -> str:
    """``av-pool /avscan``; the member and its path if there is only one; or the name of a log without its folder."""
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
    if lint:
        found = _of_configuration(configuration.headline(lint)[1], problems)
        return found + (f" ({gap(report)})" if gap(report) else "")
    found = _of_logs(report, logs, problems) if logs else _of_pool(report, problems)
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
        self.first, self.then = _first(problems) if lint_of(report) is None else ("", "")
        self.closing = tuple(filter(None, _closing(report, problems)))


_TOGETHER = 3  # members that are named one by one


def _first(problems: Sequence[ProblemBlock]) -> tuple[str, str]:
    """The first step of the first problem, for all members that need the same, and where other steps are.

    Both are empty without a step.
    """
    worst = next(iter(problems), None)
    if worst is None:
        return "", ""
    step = next(filter(None, (*worst.now, worst.settling, *worst.fix)), "")
    shape = _shape(step, worst)
    grave = [each for each in problems if each.severity is worst.severity is Severity.CRITICAL]
    same = [each for each in problems if each.severity is worst.severity and each.now and shape]
    same = [each for each in same if _shape(each.now[0], each) == shape]
    others = [each.number for each in grave if each is not worst and each not in same and _step(each) != step]
    then = f"Then see {_numbers(others)}." if step and others else ""
    members = dict.fromkeys(name for each in same for name in each.members)
    if len(members) == len(worst.members):
        return step, then
    listed = names([*members], _TOGETHER)
    together = listed if len(members) <= _TOGETHER else f"{count(len(members), 'member')} ({listed})"
    return step.replace(names(worst.members, _TOGETHER), together, 1), then


def _step(problem: ProblemBlock) -> str:
    return next(iter((*problem.now, *problem.fix)), "")


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


# --- a pool ----------------------------------------------------------------------------------------


def _of_pool(report: Report, problems: Sequence[ProblemBlock]) -> str:
    enabled = [member for member in report.members if member.verdict is not Health.DISABLED]
    if not enabled:
        return "nothing was probed: no member is enabled"
    at: dict[str, ProblemBlock] = {}
    for problem in problems:
        for name in problem.members:
            at.setdefault(name, problem)
    general = next((each for each in problems if not each.members), None)
    if len(enabled) == 1 and (only := at.get(enabled[0].name)):
        effect = _effect(report, only)
        return only.title + (f"; {effect}" if effect else "")
    counts: dict[str, list[ProblemBlock | None]] = {}
    for problem in problems:  # in their order: the most harm first
        for member in enabled:
            if at.get(member.name) is problem:
                counts.setdefault(_kind(report, problem), []).append(problem)
    kinds = list(counts)
    sure = {_bare(kind): place for place, kind in reversed([*enumerate(kinds)])}
    kinds.sort(key=lambda kind: (sure[_bare(kind)], kind.startswith(_PROBABLY)))
    said = [_plural(kind, len(counts[kind])) for kind in kinds]
    numbers = [f"{len(counts[kind]):,}" for kind in kinds]
    if unknown := sum(member.verdict is Health.UNKNOWN for member in enabled):
        said.append("could not be judged")
        numbers.append(f"{unknown:,}")
    if not said:
        return general.title if general else _healthy(enabled, report)
    of = f"of {count(len(enabled), 'member')}" if len(enabled) > 1 else "member"
    said = [words if not index else _once(words, said[:index]) for index, words in enumerate(said)]
    first, *more = [f"{number} {words}" for number, words in zip(numbers, said, strict=True)]
    first = first.replace(numbers[0], f"{numbers[0]} {of}", 1)
    lead = f"{general.title}; " if general and general is problems[0] else ""
    what = f": {problems[0].title}" if len(problems) == 1 and not more and problems[0].title else ""
    return lead + ", ".join([first, *more]) + what


def _bare(kind: str) -> str:
    """Without how sure it is and on what condition."""
    return kind.removeprefix(_PROBABLY).partition(" (")[0]


def _kind(report: Report, problem: ProblemBlock) -> str:
    """What members with this problem do, in the plural: ``refuse every upload``."""
    if problem.severity is not Severity.CRITICAL:
        return "have warnings"
    missed = any(" eicar" in seen.where for seen in problem.seen)
    every = "clean" in problem.finding.probes
    surely = _PROBABLY if problem.reaction_assumed else ""
    words = {
        (Effect.UNSCANNED, True): f"{surely}fail open{'' if surely else _condition(report)}",
        (Effect.UNSCANNED, False): "let viruses through" if missed else "let uploads pass unscanned",
        (Effect.REFUSED, True): f"{surely}fail closed{'' if surely else ' (uploads get HTTP 500)'}",
        (Effect.REFUSED, False): "refuse every upload" if every else "refuse legitimate uploads",
    }
    unknown = "have a certificate that Avi may reject" if problem.of_certificate else "have critical problems"
    return words.get((problem.effect or Effect.NONE, problem.finding.failed), unknown)


def _plural(kind: str, number: int) -> str:
    if number != 1:
        return kind
    surely, adverb, rest = kind.rpartition(_PROBABLY)
    verb, _, rest = rest.partition(" ")
    bare = verb.rstrip(";")
    one = {"have": "has"}.get(bare, f"{bare}s") + verb[len(bare) :]
    return f"{surely}{adverb}{one} {rest}".rstrip().replace("warnings", "a warning")


def _once(words: str, before: Sequence[str]) -> str:
    """The words without a condition that was said before."""
    return words.removesuffix(_CONDITION) if any(_CONDITION in each for each in before) else words


def _condition(report: Report) -> str:
    """What must hold for a member to fail open; empty where it is known."""
    return "" if is_stated(report) else _CONDITION


def _effect(report: Report, problem: ProblemBlock) -> str:
    """``uploads pass unscanned (if fail_action is Avi's default)``; empty without an effect."""
    surely = _PROBABLY if problem.reaction_assumed else ""
    match problem.effect:
        case Effect.UNSCANNED:
            which = "they" if problem.finding.failed and problem.severity is not Severity.CRITICAL else "uploads"
            return f"{which} {surely}pass unscanned" + (
                _condition(report) if problem.finding.failed and not surely else ""
            )
        case Effect.REFUSED:
            return f"uploads {surely}get HTTP 500" if problem.finding.failed else "legitimate uploads are refused"
        case Effect.SLOW:
            return "uploads are slow"
    return ""


def _healthy(enabled: Sequence[MemberReport], report: Report) -> str:
    """What all members did, limited to what was tested."""
    if isinstance(report.subject, CaptureSubject) and report.verdict is Health.OK:
        requests = count(report.subject.requests or 0, "ICAP request")
        return f"no problem found in {requests} to {count(len(enabled), 'member')}"
    who = f"all {len(enabled):,} members" if len(enabled) > 1 else "the member"
    ways = {(verdict_on(member, "clean"), verdict_on(member, "eicar")) for member in enabled}
    if len(ways) == 1 and report.verdict is Health.OK and (did := _TESTED.get(ways.pop(), "")):
        did = did.replace(" and block ", " and blocks ") if len(enabled) == 1 else did
        return f"{who} {_plural(did, len(enabled))}"
    found = "no problem found" if report.verdict is Health.OK else "no known problem found"
    return f"{found} at {count(len(enabled), 'member')}"


# --- logs ------------------------------------------------------------------------------------------


def _of_logs(report: Report, logs: LogSubject, problems: Sequence[ProblemBlock]) -> str:
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
    if said and problems and problems[0].of_scanner:  # which the counts of Avi's log do not show
        said = [f"{problems[0].title}; {said[0]}", *said[1:]]
    if not said and problems:
        said = [_passed_in_the_end(report, problems[0]) or _counted_title(problems[0])]
    if not said:
        known = {"disabled": OUTCOME_WORDS["disabled"]}  # as the table of outcomes names it
        parts = [f"{number:,} {known.get(word, word)}" for word, number in by_action(entries).items() if number]
        left = total - entries.entries_icap
        parts += [f"{left:,} without ICAP"] if left > 0 else []
        said = [f"{count(total, 'request')}: {', '.join(parts)}"]
        if len(parts) == 1:
            said = [f"{count(total, 'request')} {parts[0].partition(' ')[2]}{_why(report)}"]
    when = span(entries.first_seen, entries.last_seen)
    where = [f"problems {at}" if len(said) > 1 else at for at in _affected(report)]
    return ", ".join([*said, *([when] if when else []), *where])


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
    return sum(
        each.count or 0
        for each in report.groups
        if each.icap_action == "ICAP_FAILED" and each.client_outcome == "unknown" and not each.probe
    )


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


def _closing(report: Report, problems: Sequence[ProblemBlock]) -> Iterator[str]:
    """Sentences: how many problems, what was not tested, from where it was seen."""
    if logs := logs_of(report):
        if problems:
            yield f"{count(len(problems), 'problem')}."
        files = f" from {count(len(logs.sources), 'file')}" if len(logs.sources) > 1 else ""
        yield f"{records_read(logs.records)}{files}."
        if logs.entries and logs.entries.filtered:
            number = logs.entries.filtered
            yield f"{count(number, 'entry', 'entries')} left out by the filters."
        if unchecked := sum(each.keys_not_checked or 0 for each in logs.sources):
            read = sum(each.read for each in logs.sources)
            checked = f"{read - unchecked:,} of {count(read, 'record')}"
            yield f"Duplicate keys other than actions were looked for in {checked}."
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
    if where := captured_at(report.vantage):
        yield f"{where}."
    elif isinstance(report.vantage, ProbingVantage) and report.vantage.host:
        other = ", which is not the Service Engine" if report.vantage.caveat else ""
        yield f"Seen from {safe_text(report.vantage.host)}{other}."
