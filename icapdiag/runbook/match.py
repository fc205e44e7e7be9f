"""From observations to findings: which runbooks explain what was seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts.fields import SUMMARY
from icapdiag.facts.logs import RequestGroup
from icapdiag.model import OFFERS, Facts, Finding, JSONValue, Observation, Unmatched, flatten, unflatten
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.library import FOLDER, Library
from icapdiag.vocabulary import SEVERITY_ORDER, Status, Verdict

EVIDENCE = 5  # observations kept with a finding, and examples kept of what nothing explains
STEPS = 4  # of the fixes
TEXT = 400  # characters of one text in the evidence
ELEMENTS = 20  # of one list in the evidence
MEMBERS = 50  # named in the finding of a log, which may know thousands

# Fields that have few values, and that most runbooks ask for.
_SORTED_BY = ("source", "probe", "status", "reason", "icap_status", "verdict", "fact", "kind")
_REMEMBERED = 1000  # combinations of those; servers choose some of the values
_FIXES = {"Fix on Avi": "On Avi", "Fix on the ICAP server": "On the ICAP server"}
_SAMPLES = ("clean", "eicar")
_NEEDS_EXPLANATION = (Verdict.BLOCKED, Verdict.UNSCANNABLE, Verdict.ERROR, Verdict.UNKNOWN)
_SETTLED = ("ICAP_PASSED", "ICAP_MODIFIED", "ICAP_DISABLED")
_ITEM = re.compile(r"(?:[-*+]|[0-9]{1,3}[.)])\s+(.*)")
_BREAKS = ("```", "~~~", "#", "|")  # what ends a paragraph without a blank line
_LINK = re.compile(r"\[([^\]]{1,200})\]\([^)]{0,500}\)")
_CODE = re.compile(r"(`[^`]*`)")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*]{1,300})(?<=\S)\*(?![\w*])")


class Matched(Struct, frozen=True):
    """Findings worst first, what no runbook explains, and for each observation the ids of what explains it.

    ``apart`` are the findings that were set apart, each with the number that it was set apart by.
    """

    findings: tuple[Finding, ...]
    unmatched: Unmatched
    explained: tuple[tuple[str, ...], ...] = ()
    apart: tuple[tuple[int, Finding], ...] = ()


Apart = Callable[[str, str], int | None]  # a runbook's id and a member: by which number it is set apart


def match(library: Library, observations: Iterable[Observation], apart: Apart = lambda *_: None) -> Matched:
    """Judge observations.

    Each one is explained by every runbook that applies to it, less those that are superseded: by another
    that applies to the same observation or, as several probes look at one member, to any observation of
    that member by a probe. A log's observations stand alone: each is about other requests.
    The findings are sorted by severity, then by how much they concern (members of a pool, requests of a
    log), then by id. What ``apart`` has a number for is judged like the rest and becomes a finding of its own.
    """
    observations = tuple(observations)
    answers = (flatten(observation) for observation in observations if observation.probe == "options")
    offers = {_address(record): {name: record.get(name) for name in OFFERS.values()} for record in answers}
    index = CandidateIndex(library.runbooks)
    # Of thousands of members only the records that something comes of are kept.
    judged: list[tuple[Observation, Facts | None, tuple[Runbook, ...]]] = []
    for observation in observations:
        flat = flatten(observation)
        whole = with_offers(flat, offers.get(_address(flat), {})) if offers else flat
        runbooks = index.applying(whole)
        judged.append((observation, whole if runbooks or needs_explanation(whole) else None, runbooks))
    beaten: dict[_About, set[str]] = {}
    for number, (observation, _, runbooks) in enumerate(judged):
        names = beaten.setdefault(_about(observation, number), set())
        for runbook in runbooks:
            names |= library.supersedes(runbook.id) - {runbook.id}
    found: dict[tuple[str, int | None], list[_Met]] = {}
    gaps: list[_Met] = []
    explained: list[tuple[str, ...]] = []
    for number, (observation, record, runbooks) in enumerate(judged):
        names = beaten[_about(observation, number)]
        kept = tuple(runbook.id for runbook in runbooks if runbook.id not in names)
        explained.append(kept)
        if record is None:
            continue
        for name in kept:
            found.setdefault((name, apart(name, observation.member)), []).append((observation, record))
        if not runbooks:
            gaps.append((observation, record))
    findings = [(number, library.by_id(name), met) for (name, number), met in found.items()]
    findings.sort(key=lambda one: (SEVERITY_ORDER.index(one[1].severity), -_weight(one[2]), one[1].id))
    return Matched(
        findings=tuple(_finding(runbook, met) for number, runbook, met in findings if number is None),
        unmatched=Unmatched(count=_requests(gaps), examples=_evidence(gaps)),
        explained=tuple(explained),
        apart=tuple((number, _finding(runbook, met)) for number, runbook, met in findings if number is not None),
    )


def with_offers(record: Facts, options: Facts) -> Facts:
    """A sample's record with what the same member offered in OPTIONS; other records as they are.

    What a sample met often means something only beside the offer: an echo where 204 was promised is the
    server's way, and where it was not, 204 is switched off.
    """
    if record.get("probe") not in _SAMPLES or not options:
        return record
    return {**record, **{name: options.get(offer) for name, offer in OFFERS.items()}}


def _address(record: Facts) -> tuple[str, ...]:
    return tuple(str(record.get(name)) for name in ("pool", "member", "address"))


_About = tuple[str, str] | int


def _about(observation: Observation, number: int) -> _About:
    """What an observation is about: a member with all that was probed on it, else itself alone."""
    return (observation.pool, observation.member) if observation.source == "probe" else number


def explaining(library: Library, record: Facts, siblings: Iterable[Facts] = ()) -> tuple[Runbook, ...]:
    """The runbooks that explain one flat record, superseded ones left out.

    ``siblings`` are the records of the same member by other probes: what explains one of them may be the better answer.
    """
    siblings = tuple(siblings)
    applying = _applying(library, joined(record, siblings))
    if not applying:
        return ()
    others = (runbook for sibling in siblings for runbook in _applying(library, joined(sibling, siblings)))
    beaten = {name for runbook in (*applying, *others) for name in library.supersedes(runbook.id) - {runbook.id}}
    return tuple(runbook for runbook in applying if runbook.id not in beaten)


def joined(record: Facts, siblings: Iterable[Facts]) -> Facts:
    """`with_offers` of the sibling that asked for OPTIONS at the same address, if there is one."""
    own = _address(record)
    options = (one for one in siblings if one.get("probe") == "options" and _address(one) == own)
    return with_offers(record, next(options, {}))


def _applying(library: Library, record: Facts) -> tuple[Runbook, ...]:
    return tuple(runbook for runbook in library.runbooks if runbook.applies(record))


def needs_explanation(record: Facts) -> bool:
    """Whether a flat record that no runbook explains is a gap.

    Failures and errors are, except that the summary of a log only repeats its requests'. So is a verdict
    other than a clean pass, except that an EICAR sample should be blocked, that OPTIONS has no body to
    judge, and that where Avi logged what it did with a request, the headers it kept need not tell as well.
    ``blocked`` and ``skipped`` only follow from something else.
    """
    status, probe, verdict = record.get("status"), record.get("probe"), record.get("verdict")
    if probe == SUMMARY:
        return False
    if status in {Status.FAILED, Status.ERROR}:
        return True
    if status != Status.OK or probe == "options":
        return False
    if probe == "eicar" and verdict == Verdict.BLOCKED:
        return False
    if verdict == Verdict.UNKNOWN and record.get("source") == "log":
        return not (record.get("icap_action") in _SETTLED or record.get("methods"))  # an answer to OPTIONS has these
    return verdict in _NEEDS_EXPLANATION


class CandidateIndex:
    """Finds the runbooks that apply, sorting out most of them once for all records that are alike in a few fields."""

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


_Met = tuple[Observation, Facts]  # what one runbook explains, and its flat record


def _finding(runbook: Runbook, met: Sequence[_Met]) -> Finding:
    """An observation of a log stands for many requests, at one or several members, over some time."""
    members: dict[str, None] = {}
    for observation, _ in met:
        for member in _members(observation):
            if observation.source != "log" or len(members) < MEMBERS:
                members.setdefault(member)
    texts = (getattr(each.facts, name, None) for each, _ in met for name in ("timestamp", "first_seen", "last_seen"))
    moments = sorted(moment for text in texts if text and (moment := _moment(text)))
    return Finding(
        id=runbook.id,
        severity=runbook.severity,
        title=runbook.title,
        members=tuple(members),
        count=_requests(met),
        first_seen=_iso(moments[0]) if moments else None,
        last_seen=_iso(moments[-1]) if moments else None,
        evidence=_evidence(met),
        meaning=first_paragraph(runbook.sections.get("What it means", "")),
        remedy=first_steps(runbook.sections),
        runbook=f"{FOLDER}/{runbook.id}.md",
    )


def _weight(met: Iterable[_Met]) -> int:
    """Requests of a log, or members probed."""
    logged = [one for one in met if one[0].source == "log"]
    probed = {member for observation, _ in met if observation.source != "log" for member in _members(observation)}
    return _requests(logged) + len(probed)


def _requests(met: Iterable[_Met]) -> int:
    groups = (observation.facts.part(RequestGroup) for observation, _ in met)
    return sum((group.count if group else None) or 1 for group in groups)


def _members(observation: Observation) -> Iterable[str]:
    group = observation.facts.part(RequestGroup)
    return filter(None, (group.members if group else None) or (observation.member,))


def _evidence(met: Sequence[_Met]) -> tuple[Observation, ...]:
    return tuple(_kept(*each) for each in met[:EVIDENCE])


def _kept(observation: Observation, record: Facts) -> Observation:
    """The observation as evidence. Its flat record may have been given offers of the same member's OPTIONS answer."""
    cut = bounded(record)
    if cut == record and observation.probe not in _SAMPLES:
        return replace(observation, transcript=())
    return unflatten(cut)


def _moment(text: str) -> datetime | None:
    """A time written by ISO 8601; without an offset it is UTC, as in every Avi log."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bounded(record: Facts) -> dict[str, JSONValue]:
    """A copy of a flat record with its texts and lists cut to what a report should carry."""
    return {name: _bounded(value) for name, value in record.items()}


def _bounded(value: JSONValue) -> JSONValue:
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= TEXT else f"{value[:TEXT]}…"
    if isinstance(value, Mapping):
        return {name: _bounded(inner) for name, inner in list(value.items())[:ELEMENTS]}
    return [_bounded(inner) for inner in value[:ELEMENTS]]


def first_paragraph(markdown: str) -> str:
    """The first paragraph as one line of plain text; code keeps its backticks."""
    lines: list[str] = []
    for line in markdown.splitlines():
        if not line.strip():
            break
        lines.append(line.strip())
    return _plain(" ".join(lines))


def first_steps(sections: Mapping[str, str]) -> tuple[str, ...]:
    """The first steps of both fixes, half from each, in the order that the runbook has them.

    Where one fix has fewer, the other gives more. Each step says where it is done.
    """
    fixes = [(_FIXES[heading], _items(text)) for heading, text in sections.items() if heading in _FIXES]
    shares = [min(len(items), STEPS // 2) for _, items in fixes]
    for index, (_, items) in enumerate(fixes):
        shares[index] = min(len(items), shares[index] + STEPS - sum(shares))
    return tuple(
        f"{place}: {step}" for (place, items), share in zip(fixes, shares, strict=True) for step in items[:share]
    )


def _items(markdown: str) -> Sequence[str]:
    """The top-level list items, each with the rest of its first paragraph, as plain text."""
    items: list[list[str]] = []
    open_item = False
    for line in markdown.splitlines():
        item = _ITEM.match(line)
        if item is not None:
            items.append([item[1]])
            open_item = True
        elif not line.strip() or line.lstrip().startswith(_BREAKS) or _ITEM.match(line.lstrip()):
            open_item = False
        elif open_item:
            items[-1].append(line.strip())
    return [_plain(" ".join(lines)) for lines in items]


def _plain(markdown: str) -> str:
    pieces = _CODE.split(_LINK.sub(r"\1", markdown))
    pieces[::2] = [_EMPHASIS.sub(r"\1", piece.replace("**", "")) for piece in pieces[::2]]
    return "".join(pieces).strip()
