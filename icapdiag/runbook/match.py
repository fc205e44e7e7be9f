"""From observations to findings: which runbooks explain what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from icapdiag.facts.fields import SUMMARY
from icapdiag.facts.scanner import ScannerEvent, ScannerRequests
from icapdiag.facts.standard import EICAR_FORMS
from icapdiag.model import OFFERS, Facts, Finding, JSONValue, Observation, Problem, Unmatched, flatten
from icapdiag.runbook.causes import is_proven, weigh
from icapdiag.runbook.diagnosed import About, Diagnosed, Met, requests
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.findings import SAMPLES, Roots, evidence, finding_of, under_roots
from icapdiag.runbook.library import Library
from icapdiag.runbook.surroundings import Surroundings, WideRecord
from icapdiag.vocabulary import Reason, Status, Verdict

# Fields that have few values, and that most runbooks ask for.
_SORTED_BY = ("source", "probe", "status", "reason", "icap_status", "verdict", "fact", "kind")
_REMEMBERED = 1000  # combinations of those; servers choose some of the values
_NEEDS_EXPLANATION = (Verdict.BLOCKED, Verdict.UNSCANNABLE, Verdict.ERROR, Verdict.UNKNOWN)
_SETTLED = ("ICAP_PASSED", "ICAP_MODIFIED", "ICAP_DISABLED")


class Matched(Struct, frozen=True):
    """Findings worst first, what no runbook explains, and for each observation the ids of what explains it.

    ``problems`` are the findings that are no consequence of another, each at members with the same causes. ``apart``
    are the findings that were set apart, each with the number that it was set apart by.
    """

    findings: tuple[Finding, ...]
    unmatched: Unmatched
    explained: tuple[tuple[str, ...], ...] = ()
    apart: tuple[tuple[int, Finding], ...] = ()
    problems: tuple[Problem, ...] = ()


Apart = Callable[[str, str], int | None]  # a runbook's id and a member: by which number it is set apart


def match(
    library: Library,
    observations: Iterable[Observation],
    apart: Apart = lambda *_: None,
    *,
    profile: Facts | None = None,
) -> Matched:
    """Judge observations.

    Each one is explained by every runbook that applies to it, less those that are superseded: by another
    that applies to the same observation or, as several probes look at one member, to any observation of
    that member by a probe, if a cause of that other is proven. A log's observations stand alone: each is about
    other requests. The findings are sorted by severity, then by what they mean for requests, then by how much they
    concern (members of a pool, requests of a log), then by id; consequences follow their root. What ``apart`` has a
    number for is judged like the rest and becomes a finding of its own. ``profile``: the settings of the ICAP profile
    that are known.
    """
    observations = tuple(observations)
    answers = (flatten(observation) for observation in observations if observation.probe == "options")
    offers = {_address(record): {name: record.get(name) for name in OFFERS.values()} for record in answers}
    around = Surroundings(observations, profile)
    index = CandidateIndex(library.runbooks)
    # Of thousands of members only the records that something comes of are kept.
    judged: list[tuple[Observation, WideRecord | None, tuple[Runbook, ...]]] = []
    for observation in observations:
        flat = flatten(observation)
        wide = around.of(with_offers(flat, offers.get(_address(flat), {})) if offers else flat)
        runbooks = index.applying(wide)
        judged.append((observation, wide if runbooks or needs_explanation(wide) else None, runbooks))
    beaten: dict[About, set[str]] = {}
    for number, (observation, record, runbooks) in enumerate(judged):
        names = beaten.setdefault(_about(observation, number), set())
        for runbook in runbooks:
            if record is not None and hides_elsewhere(runbook, record):
                names |= library.supersedes(runbook.id) - {runbook.id}
    found: dict[tuple[str, int | None], list[Met]] = {}
    gaps: list[Met] = []
    explained: list[tuple[str, ...]] = []
    for number, (observation, record, runbooks) in enumerate(judged):
        about = _about(observation, number)
        names = beaten[about].union(*(library.supersedes(each.id) - {each.id} for each in runbooks))
        kept = tuple(runbook.id for runbook in runbooks if runbook.id not in names)
        explained.append(kept)
        if record is None:
            continue
        for name in kept:
            found.setdefault((name, apart(name, observation.member)), []).append(Met(observation, record, about))
        if not runbooks:
            gaps.append(Met(observation, record, about))
    diagnosed = {key: Diagnosed(library.by_id(key[0]), met) for key, met in found.items()}
    around.note_failing(
        [about for one in diagnosed.values() for about in one.failing],
        set[str]().union(*(one.failing_in_log for one in diagnosed.values())),
    )
    ordered = sorted(diagnosed.items(), key=lambda one: one[1].rank)
    counted = [one for (_, number), one in ordered if number is None]
    roots = Roots(library, counted)
    return Matched(
        findings=under_roots([finding_of(one, roots.of(one)) for one in counted]),
        unmatched=Unmatched(count=requests(gaps), examples=evidence(gaps)),
        explained=tuple(explained),
        apart=tuple((number, finding_of(one, ())) for (_, number), one in ordered if number is not None),
        problems=tuple(problem for one in counted for problem in roots.problems(one, counted)),
    )


def hides_elsewhere(runbook: Runbook, record: Facts) -> bool:
    """Whether it hides what other probes of the member led to: a cause that may be a coincidence hides nothing."""
    return bool(runbook.supersedes) and is_proven(weigh(runbook.causes, record))


def with_offers(record: Facts, options: Facts) -> Facts:
    """A sample's record with what the same member offered in OPTIONS; other records as they are.

    What a sample met often means something only beside the offer: an echo where 204 was promised is the
    server's way, and where it was not, 204 is switched off.
    """
    if record.get("probe") not in SAMPLES or not options:
        return record
    return {**record, **{name: options.get(offer) for name, offer in OFFERS.items()}}


def _address(record: Facts) -> tuple[str, ...]:
    return tuple(str(record.get(name)) for name in ("pool", "member", "address"))


def _about(observation: Observation, number: int) -> About:
    """What an observation is about: a member with all that was probed on it or logged of it, else itself alone.

    A scanner's log that names no member is about its own server.
    """
    facts = observation.facts
    if isinstance(facts, ScannerEvent | ScannerRequests):
        return (facts.program or "", observation.member) if observation.member else ("", facts.log or "")
    return (observation.pool, observation.member) if observation.source == "probe" else number


def explaining(library: Library, record: Facts, siblings: Iterable[Facts] = ()) -> tuple[Runbook, ...]:
    """The runbooks that explain one flat record, superseded ones left out.

    ``siblings`` are the records of the same member by other probes: what explains one of them may be the better answer.
    """
    record, *others = joined((record, *siblings))
    applying = _applying(library, record)
    hiding = [*applying, *(each for one in others for each in _applying(library, one) if hides_elsewhere(each, one))]
    beaten = {name for runbook in hiding for name in library.supersedes(runbook.id) - {runbook.id}}
    return tuple(runbook for runbook in applying if runbook.id not in beaten)


def joined(records: Sequence[Facts], profile: Facts | None = None) -> list[WideRecord]:
    """Flat records of one member with what each has around it."""
    around = Surroundings(records, profile)
    options = {_address(one): one for one in reversed(records) if one.get("probe") == "options"}
    return [around.of(with_offers(one, options.get(_address(one), {}))) for one in records]


def _applying(library: Library, record: Facts) -> tuple[Runbook, ...]:
    return tuple(runbook for runbook in library.runbooks if runbook.applies(record))


def needs_explanation(record: Facts) -> bool:
    """Whether a flat record that no runbook explains is a gap.

    Failures and errors are, except that the summary of a log only repeats its requests'. So is a verdict
    other than a clean pass, except that an EICAR sample should be blocked, that OPTIONS has no body to
    judge, and that where Avi logged what it did with a request, the headers it kept need not tell as well.
    ``blocked`` and ``skipped`` only follow from something else, and who interrupts a run knows why.
    """
    status, probe, verdict = record.get("status"), record.get("probe"), record.get("verdict")
    if probe == SUMMARY:
        return False
    if status in {Status.FAILED, Status.ERROR}:
        return record.get("reason") != Reason.INTERRUPTED
    if status != Status.OK or probe == "options":
        return False
    if probe in {"eicar", *EICAR_FORMS} and verdict == Verdict.BLOCKED:
        return False
    if verdict == Verdict.UNKNOWN and record.get("source") == "log":
        return not (record.get("icap_action") in _SETTLED or record.get("methods"))  # an answer to OPTIONS has these
    return verdict in _NEEDS_EXPLANATION


class CandidateIndex:
    """Finds the runbooks that apply, sorting out most of them once for all records that agree in a few fields."""

    def __init__(self, runbooks: Iterable[Runbook]) -> None:
        self._runbooks = tuple(runbooks)
        self._possible: dict[tuple[JSONValue, ...], tuple[Runbook, ...]] = {}

    def applying(self, record: Facts) -> tuple[Runbook, ...]:
        """The runbooks that apply to this flat record, in their order."""
        values = tuple(record.get(name) for name in _SORTED_BY)
        found = self._runbooks
        # True and 1.0 are equal to 1 as keys, and not alike to conditions; a list is no key.
        if all(value is None or isinstance(value, str) or type(value) is int for value in values):
            if values not in self._possible and len(self._possible) < _REMEMBERED:
                alike = dict(zip(_SORTED_BY, values, strict=True))
                self._possible[values] = tuple(each for each in self._runbooks if _may_apply(each, alike))
            found = self._possible.get(values, self._runbooks)
        return tuple(runbook for runbook in found if runbook.applies(record))


def _may_apply(runbook: Runbook, alike: Facts) -> bool:
    """Whether records with these values can be what the runbook is for, whatever else is in them."""
    if alike["source"] not in runbook.source:
        return False
    return any(
        all(c.holds(alike) for c in selection.conditions if c.field in _SORTED_BY and not c.fieldref)
        for selection in runbook.match
    )
