"""How bad a pool is, in one sentence: what so many of its members do, the most harm first."""

from __future__ import annotations

from collections.abc import Sequence

from icapdiag.facts.run import CaptureSubject, ScriptSubject
from icapdiag.model import MemberReport, Report
from icapdiag.report.document.members import verdict_on
from icapdiag.report.document.problems import ProblemBlock
from icapdiag.report.document.users import is_stated
from icapdiag.report.document.words import count
from icapdiag.vocabulary import Effect, Health, Severity, Verdict

_CONDITION = " (if fail_action is Avi's default)"
_PROBABLY = "probably "  # where it is not known what Avi does
_TESTED: dict[tuple[str | None, str | None], str] = {  # what each member did, if all did it
    (Verdict.ALLOWED, Verdict.BLOCKED): "allow a harmless file and block EICAR",
    (Verdict.ALLOWED, None): "allow a harmless file; detection not tested",
    (None, Verdict.BLOCKED): "block EICAR; uploads of a harmless file not tested",
    (None, None): "answer; uploads and detection not tested",
}


def of_pool(report: Report, problems: Sequence[ProblemBlock]) -> str:
    enabled = [member for member in report.members if member.verdict is not Health.DISABLED]
    if not enabled:
        if isinstance(report.subject, ScriptSubject):
            return "nothing was tested: the output of the script has no result of any member"
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
    who = {1: "the member", 2: "both members"}.get(len(enabled), f"all {len(enabled):,} members")
    ways = {(verdict_on(member, "clean"), verdict_on(member, "eicar")) for member in enabled}
    if len(ways) == 1 and report.verdict is Health.OK and (did := _TESTED.get(ways.pop(), "")):
        did = did.replace(" and block ", " and blocks ") if len(enabled) == 1 else did
        return f"{who} {_plural(did, len(enabled))}"
    found = "no problem found" if report.verdict is Health.OK else "no known problem found"
    return f"{found} at {count(len(enabled), 'member')}"
