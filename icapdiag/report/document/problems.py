"""Problems: a root finding with its causes, what users get, what to do now, the fix, and how to check it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from icapdiag.model import Finding, Problem, Report, Steps, Verification
from icapdiag.report.document import configuration, sources, who
from icapdiag.report.document.findings import CauseBlock, FindingBlock, cause_block
from icapdiag.report.document.users import is_of_certificate, nothing_failed, users
from icapdiag.report.document.words import (
    by_source,
    count,
    joined_of,
    names,
    pool_of,
    prose,
)
from icapdiag.runbook.placeholders import fill_command, values
from icapdiag.text import visible
from icapdiag.vocabulary import SEVERITY_ORDER, CauseStatus, Severity

_ORDINARY = frozenset({"A", "All", "An", "Another", "No", "Not", "Nothing", "Only", "Some", "The", "This"})
_CAUSES_NAMED = 3  # of those that are only possible
_COMMANDS = 60  # lines of one block of them
_COMMAND = 2000  # characters of a line
_AGAIN = "`icapdiag check "  # the step that shows whether it is fixed


class ProblemBlock:
    """A problem for every format that people read. ``number`` counts from 1; 0 for mere information."""

    def __init__(self, problem: Problem, finding: FindingBlock, report: Report, number: int) -> None:
        self.number = number
        self.finding = finding  # all that was seen of it, and its runbook
        self.id = finding.id
        self.severity = problem.severity
        self.effect = problem.effect
        self.title = prose(problem.title)
        self.members = problem.members
        self.requests = count(problem.count, finding.noun) if finding.requests else ""
        self.span = finding.span
        self.of_scanner = finding.of_scanner
        self.causes = [cause_block(each) for each in problem.causes or ()]
        self.cause = _cause(self.causes)
        # how certain it is comes first where there is no room for the facts
        self.cause_in_brief = _in_brief(self.causes)
        # whether nothing failed there in this check, and Avi most likely rejects the response all the same
        self.reaction_assumed = finding.by_fail_action and nothing_failed(report, problem.members)
        self.of_certificate = is_of_certificate(problem, finding)
        together = joined_of(report)
        self.users = (
            sources.users(together, problem.effect, problem.members)
            if together
            else users(problem, finding, report, reaction_assumed=self.reaction_assumed)
        )
        self.who = who.of_problem(report, problem)
        self.who_in_brief = who.in_brief(report, problem)  # a few words each
        steps = problem.steps
        self.now = tuple(prose(step) for step in (steps and steps.now) or ())
        self.fix = tuple(prose(step) for step in (steps and steps.fix) or ())
        self.check = tuple(prose(step) for step in (steps and steps.check) or ())
        self.objects = configuration.objects_of(problem)
        # where it stands in the files of a configuration, with what is written there
        self.places = [configuration.place(each) for each in problem.places or ()]
        self.settling = self._settling()
        known = values(finding.place, pool_of(report).service_uri)
        self.verify = tuple(_verification(each, known) for each in problem.verify or ())
        self.escalate = tuple(prose(each) for each in problem.escalate or ())
        self.consequences: list[FindingBlock] = []
        named = set(problem.members)
        self.seen = [each for each in finding.seen if not named or named.intersection(each.members)] or finding.seen

    def _settling(self) -> str:
        """The step that tells which cause it is, where nothing stops the harm and no cause is more than possible."""
        left = [each for each in self.causes if each.status is not CauseStatus.RULED_OUT]
        certain = len(left) < 2 or any(each.status is not CauseStatus.POSSIBLE for each in left)
        if self.severity is not Severity.CRITICAL or self.now or self.places or certain:
            return ""
        step = _first(self.check)
        return "" if step.startswith(_AGAIN) else step

    @property
    def where(self) -> str:
        """``135 requests at 12 members: a, b, c and 9 more``; empty if it concerns no particular member."""
        return self.where_within(None)

    def where_within(self, room: int | None) -> str:
        """The same in at most ``room`` characters if possible: with fewer member names, then without."""
        many = len(self.members)
        if not many:
            return f"at {names(self.objects, 2)}" if self.objects else self.requests
        for shown in range(min(many, 4), -1, -1):
            at = f"at {count(many, 'member')}" + (f": {names(self.members, shown)}" if shown else "")
            if many <= shown:
                at = f"at {names(self.members, shown)}"
            text = f"{self.requests} {at}".strip()
            if room is None or len(text) <= room:
                return text
        return text if many > 1 else f"{self.requests} at {visible(self.members[0], 80)}".strip()

    @property
    def place_in_brief(self) -> str:
        """The first place, and how many there are beside it."""
        more = len(self.places) - 1
        return "".join(self.places[:1]) + (f" and {more} more" if more > 0 else "")

    @property
    def again(self) -> str:
        """The step that shows whether it is fixed, otherwise the one that confirms the cause; may be empty."""
        found = [step for step in self.check if step.startswith(_AGAIN)]
        return (found or self.check or ("",))[-1 if found else 0]

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Its lines on the first screen, as labels and texts."""
        what = self.cause or ("" if self.fix and self.users else self.finding.meaning)
        said = (
            ("Cause" if self.cause else "What", what),
            ("Where", self.place_in_brief),
            ("Users", self.users),
            ("Who", ", ".join(self.who_in_brief)),
            ("Now", _first(self.now) or self.settling),
            ("Fix", _first(self.fix)),
            ("Check", "" if self.again == self.settling else self.again),
        )
        return tuple((label, text) for label, text in said if text)


class VerifyBlock(NamedTuple):
    """What commands show, and the commands, one per line."""

    shows: str
    commands: tuple[str, ...]


def _verification(each: Verification, known: Mapping[str, str]) -> VerifyBlock:
    lines = each.commands.split("\n")[:_COMMANDS] if each.commands else []
    filled = (fill_command(line, known) for line in lines)
    return VerifyBlock(prose(each.shows), tuple(visible(line, _COMMAND) for line in filled))


def _first(steps: Sequence[str]) -> str:
    return steps[0] if steps else ""


def _cause(causes: Sequence[CauseBlock]) -> str:
    """The most certain causes and their certainty."""
    left = [each for each in causes if each.status is not CauseStatus.RULED_OUT]
    if not left:
        return ""
    best = [each for each in left if each.status is left[0].status]
    if left[0].status is CauseStatus.POSSIBLE:
        titles = [each.title for each in best[:_CAUSES_NAMED]]
        word = "Possible" if len(best) > 1 else "Possible, not proven"
        listed = "; or ".join([titles[0], *map(_within, titles[1:])])
        return f"{word}: {listed}{_or_others(len(best) - len(titles))}."
    said = " ".join(
        f"{'Also ' if index else ''}{_certainty(each, begins=not index)}: {each.words}"
        for index, each in enumerate(best[:2])
    )
    more = len(left) - len(best[:2])
    return said + (f" {more} more possible." if more and left[0].status is CauseStatus.LIKELY else "")


def _in_brief(causes: Sequence[CauseBlock]) -> str:
    left = [each for each in causes if each.status is not CauseStatus.RULED_OUT]
    if not left:
        return ""
    more = sum(each.status is left[0].status for each in left) - 1
    others = f"; {more} more proven" if more and left[0].status is CauseStatus.PROVEN else _or_others(more)
    return f"{_certainty(left[0])}: {left[0].title}{others}."


def _certainty(cause: CauseBlock, *, begins: bool = True) -> str:
    return cause.status.capitalize() if begins else cause.status.value


def _or_others(number: int) -> str:
    return f"; or {count(number, 'other')}" if number > 0 else ""


def _within(title: str) -> str:
    """A title within a sentence: only ordinary words lose their capital."""
    word, space, rest = title.partition(" ")
    return f"{word.lower()}{space}{rest}" if word in _ORDINARY else title


# --- of a report -----------------------------------------------------------------------------------


def problems(report: Report, blocks: Sequence[FindingBlock]) -> tuple[list[ProblemBlock], list[ProblemBlock]]:
    """The problems, and mere information. In a report without ``problems``, each finding is one.

    ``blocks``: those of the report's findings.
    """
    of_finding = {finding.id: finding for finding in report.findings}
    known = {finding.id: block for finding, block in zip(report.findings, blocks, strict=True)}
    found = [each for each in report.problems or () if each.finding in known]
    roots = _roots(report.findings, {each.finding for each in found})
    covered = {each.finding for each in found} | roots.keys()
    found += [_as_problem(finding) for finding in report.findings if finding.id not in covered]
    found.sort(key=lambda each: SEVERITY_ORDER.index(each.severity))  # stable: what does most harm stays first
    number = 0
    drawn: list[ProblemBlock] = []
    informing: list[ProblemBlock] = []
    for each in found:
        number += each.severity is not Severity.INFO
        own = by_source(report, of_finding[each.finding])
        block = ProblemBlock(each, known[each.finding], own, 0 if each.severity is Severity.INFO else number)
        block.consequences = [known[name] for name, above in roots.items() if each.finding in above]
        (informing if each.severity is Severity.INFO else drawn).append(block)
    return drawn, informing


def _roots(findings: Sequence[Finding], problems: set[str]) -> dict[str, set[str]]:
    """For each finding that is only a consequence, the problems that it follows from, also indirectly."""
    because = {finding.id: finding.because_of or () for finding in findings}
    found: dict[str, set[str]] = {}
    for name, above in because.items():
        seen, left = {name}, list(above)
        while left:
            if (each := left.pop()) not in seen and each in because:
                seen.add(each)
                left += because[each]
        if name not in problems and (roots := (seen - {name}) & problems):
            found[name] = roots
    return found


def _as_problem(finding: Finding) -> Problem:
    return Problem(
        finding=finding.id,
        severity=finding.severity,
        title=finding.title,
        members=finding.members,
        count=finding.count,
        effect=finding.effect,
        causes=finding.causes,
        steps=finding.steps or Steps(fix=finding.remedy or None),
    )
