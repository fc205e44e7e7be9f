"""Problems: a root finding with its causes, what users get, what to do now, the fix, and how to check it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from icapdiag.facts.logs import ACTIONS, ReportedGroup
from icapdiag.model import Finding, Problem, Report, Steps, Verification
from icapdiag.report.document import configuration, scanner, who
from icapdiag.report.document.findings import CauseBlock, FindingBlock, cause_block
from icapdiag.report.document.logs import LET_THROUGH
from icapdiag.report.document.words import (
    asked_again,
    base,
    count,
    is_let_through,
    lint_of,
    logs_of,
    milliseconds,
    names,
    of_all,
    passed_in_the_end,
    pool_of,
    prose,
    safe_text,
)
from icapdiag.runbook.placeholders import fill_command, values
from icapdiag.text import visible
from icapdiag.vocabulary import SEVERITY_ORDER, CauseStatus, Effect, Reason, Severity, Status

_ORDINARY = frozenset({"A", "All", "An", "Another", "No", "Not", "Nothing", "Only", "Some", "The", "This"})
_CAUSES_NAMED = 3  # of those that are only possible
_NOT_OFFERED = "not offered"  # an outcome of uploads that ICAP was disabled for
_ODD = 3  # actions that are not known
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
        self.reaction_assumed = finding.by_fail_action and _nothing_failed(report, problem.members)
        self.of_certificate = _is_of_certificate(problem, finding)
        self.users = _users(problem, finding, report, reaction_assumed=self.reaction_assumed)
        self.who = who.of_problem(report, problem)
        self.who_in_brief = who.of_problem(report, problem, brief=True)
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
            ("Who", self.who_in_brief),
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

# --- what users get --------------------------------------------------------------------------------


def _nothing_failed(report: Report, members: Collection[str]) -> bool:
    """Whether these members were probed, and what Avi does as well, failed at none of them."""
    probed = [member for member in report.members if member.name in members]
    failed = (each.status is Status.FAILED for member in probed for each in member.probes if each.probe in _AS_AVI)
    return bool(probed) and not any(failed)


def _users(problem: Problem, finding: FindingBlock, report: Report, *, reaction_assumed: bool) -> str:
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
    if _is_of_certificate(problem, finding):
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


def _is_of_certificate(problem: Problem, finding: FindingBlock) -> bool:
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
    return f"{_of_all(report, problem.count)} {words}." if finding.requests and words else general


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
    return LET_THROUGH if is_let_through(report, group) else group.client_outcome or "unknown"


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
    "disabled": "passed without being offered to ICAP",
    "blocked": "blocked",
    "passed": "passed",
    "modified": "passed, modified by the scanner",
    "unknown": "with an unknown outcome",
}


# --- of a report -----------------------------------------------------------------------------------


def problems(report: Report, blocks: Sequence[FindingBlock]) -> tuple[list[ProblemBlock], list[ProblemBlock]]:
    """The problems, and mere information. In a report without ``problems``, each finding is one.

    ``blocks``: those of the report's findings.
    """
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
        block = ProblemBlock(each, known[each.finding], report, 0 if each.severity is Severity.INFO else number)
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
