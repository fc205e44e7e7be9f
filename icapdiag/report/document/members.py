"""The matrix: members, their addresses and the result of each probe; and which clock measured the times.

Hundreds of members fit on one screen: the most severe first, and of those with identical results a few and the
number of others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import TCP, Endpoint, Transfer
from icapdiag.facts.deep import Preview
from icapdiag.facts.sheet import R
from icapdiag.facts.standard import EICAR_FORMS
from icapdiag.model import MemberReport, Observation
from icapdiag.report.document.words import count, endpoint, measured
from icapdiag.text import from_wire, visible
from icapdiag.vocabulary import HEALTH_ORDER, Status

_FIRST = ("dns", "tcp", "tls", "options", "clean", "upload", "eicar", "eicar-form")  # in the order in which they run
# No column: a member as a whole, what has a table of its own, and what is evidence of what others met.
_ASIDE = (
    "chunked",
    "eicar-again",
    "repeat",
    "size",
    "load",
    "services",
    "variants",
    "respmod",
    "conformance",
    "path",
    "capture",
    "engines",
)
_APART = ("", *_ASIDE, *EICAR_FORMS)
# What a scanner that works makes of a body; only the cells of these probes show what became of one.
_WANTED = {
    "clean": ("allowed",),
    "upload": ("allowed", "blocked", "modified"),
    **dict.fromkeys(("eicar", *EICAR_FORMS), ("blocked", "modified")),
}
_HEADINGS = {"eicar": "EICAR", "eicar-form": "EICAR form"}
_DANGER = {
    ("eicar", "allowed"): "NOT DETECTED",
    ("eicar-form", "allowed"): "NOT DETECTED",
    ("clean", "blocked"): "BLOCKED",
}
_WORD_LENGTH = 20  # characters of what a server said

_MANY = 60  # members; figures of fewer are all shown
_ROWS = 24  # members; fewer all have a row on the first screen
_SAME = 4  # of those with identical results that have a row
_KINDS = 16  # different results that have rows


def sheets(member: MemberReport, wanted: type[R]) -> list[R]:
    """The facts of this type about a member."""
    return [found for seen in member.probes if (found := seen.facts.part(wanted)) is not None]


def met(members: Iterable[MemberReport], wanted: type[R]) -> list[tuple[MemberReport, R]]:
    """Each member with each of its facts of this type."""
    return [(member, sheet) for member in members for sheet in sheets(member, wanted)]


def needs_summary(members: Sequence[MemberReport]) -> bool:
    """Whether there are too many members for one line each."""
    return len(members) > _MANY


def verdict_on(member: MemberReport, probe: str) -> str | None:
    """The member's verdict on this sample; None if it was not sent. Of several addresses, the worst."""
    found = [seen for seen in member.probes if seen.probe == probe and seen.status is not Status.SKIPPED]
    verdicts = [answer.verdict if (answer := seen.facts.part(Answer)) and answer.verdict else "" for seen in found]
    return min(verdicts, key=_WANTED[probe].__contains__, default=None)


def danger(seen: Observation) -> str:
    """``NOT DETECTED``, ``BLOCKED``: a result that a working scanner would not give; otherwise empty."""
    answer = seen.facts.part(Answer)
    verdict = answer.verdict if answer is not None and seen.status is Status.OK else None
    return _DANGER.get((seen.probe, verdict or ""), "")


class Cell(NamedTuple):
    """The result of a probe in three lengths, and its shape on a page; "" for nothing."""

    terse: str
    brief: str  # no times, no threats, no reason why a probe was not run
    full: str
    shape: str = ""


class MatrixLine(NamedTuple):
    """A member in the matrix, or one of its addresses; ``verdict`` is "" for a line below a member's own."""

    name: str
    cells: tuple[Cell, ...]
    verdict: str


class MatrixMember:
    """A member's lines: one, or one for the name and one for each of its addresses below it."""

    def __init__(self, member: MemberReport, probes: Sequence[str]) -> None:
        self.verdict = member.verdict
        self.endpoint = endpoint(member)
        addresses = list(dict.fromkeys(address for o in member.probes if (address := address_of(o))))
        parts = [(visible(member.name), member.probes)]
        if len(addresses) > 1:
            groups = [(each, tuple(o for o in member.probes if address_of(o) == each)) for each in ("", *addresses)]
            parts = [(f"at {visible(address)}" if address else parts[0][0], own) for address, own in groups]
        self.seen = [_by_probe(own) for _, own in parts]  # of the first, where there are several: the look-up
        self.lines = [
            MatrixLine(name, tuple(_cell_of(probe, own) for probe in probes), "" if number else member.verdict.value)
            for number, ((name, _), own) in enumerate(zip(parts, self.seen, strict=True))
        ]

    @property
    def way(self) -> tuple[object, ...]:
        """What members with identical results share: the outcome of each probe, not its time."""
        return (self.verdict, *(tuple((probe, _cell(each).brief) for probe, each in own.items()) for own in self.seen))


class Matrix:
    """The members and the result of each probe, the most harmful first; ``screen``: the lines for one screen.

    ``ranks``: the ranks of members by their problems.
    """

    def __init__(self, members: Sequence[MemberReport], ranks: Mapping[str, int]) -> None:
        met = {o.probe for member in members for o in member.probes if o.status is not Status.SKIPPED}
        used = {probe for probe in met if probe in _FIRST or probe not in _APART}
        probes = [probe for probe in _FIRST if probe in used] + sorted(used - set(_FIRST))
        self.probes = [_HEADINGS.get(probe) or visible(probe, 40) for probe in probes]
        ordered = sorted(  # stable: then the pool's order
            members, key=lambda each: (HEALTH_ORDER.index(each.verdict), ranks.get(each.name, len(members)))
        )
        self.members = [MatrixMember(member, probes) for member in ordered]
        self.lines = [line for each in self.members for line in each.lines]
        self.screen = _summary(self.members, probes) if len(members) > _ROWS else self.lines


def address_of(seen: Observation) -> str:
    """The address that was dialled; empty if there was none."""
    met = seen.facts.part(Endpoint)
    return "" if met is None else met.address or ""


def _by_probe(observations: Iterable[Observation]) -> dict[str, Observation]:
    chosen: dict[str, Observation] = {}
    for observation in observations:
        # Of two, the one that is not ok has more to say.
        if observation.probe not in chosen or chosen[observation.probe].status is Status.OK:
            chosen[observation.probe] = observation
    return chosen


def _summary(members: Sequence[MatrixMember], probes: Sequence[str]) -> list[MatrixLine]:
    """The summary of many members; the JSON report has every one."""
    same: dict[tuple[object, ...], list[MatrixMember]] = {}
    for each in members:
        same.setdefault(each.way, []).append(each)
    ways = list(same.values())
    lines: list[MatrixLine] = []
    for found in ways[:_KINDS]:
        kept = len(found) if len(found) == _SAME + 1 else _SAME
        lines += [line for each in found[:kept] for line in each.lines]
        if found[kept:]:
            lines.append(_more(found[kept:], probes))
    if left := [each for found in ways[_KINDS:] for each in found]:
        verdicts = Counter(each.verdict for each in left)
        counted = ", ".join(f"{verdicts[health]:,} {health.value}" for health in HEALTH_ORDER if verdicts[health])
        lines.append(MatrixLine(f"+ {len(left):,} more: {counted}", (), ""))
    return lines


def _more(found: Sequence[MatrixMember], probes: Sequence[str]) -> MatrixLine:
    """The line for the members not shown, with their longest times."""
    slowest: dict[str, float] = {}
    for each in found:
        for probe, observation in each.seen[0].items():
            took = _measured_ms(observation)
            if observation.status is Status.OK and took is not None:
                slowest[probe] = max(took, slowest.get(probe, 0.0))
    cells = []
    for probe, cell in zip(probes, found[0].lines[0].cells, strict=True):
        most = measured(slowest.get(probe))
        words = f"{cell.brief} {'' if most.startswith('<') else 'up to '}{most}" if most else cell.brief
        cells.append(cell._replace(full=words))
    return MatrixLine(f"+ {len(found):,} identical", tuple(cells), found[0].verdict.value)


def _cell_of(probe: str, own: Mapping[str, Observation]) -> Cell:
    """The result of a probe at a member; without TLS the handshake needs no test."""
    seen, connected = own.get(probe), own.get("tcp")
    untested = seen is None or seen.status is Status.SKIPPED
    met = connected.facts.part(Endpoint) if probe == "tls" and untested and connected is not None else None
    return Cell("no TLS", "no TLS", "no TLS") if met is not None and not met.tls else _cell(seen)


def _cell(seen: Observation | None) -> Cell:
    """The result of one probe in a few words."""
    if seen is None or seen.status is Status.SKIPPED:
        return Cell("-", "-", "-")
    reason = visible(str(seen.reason or ""), 40)
    match seen.status:
        case Status.OK:
            return _outcome(seen)
        case Status.BLOCKED:
            return Cell("not run", "not run", f"not run ({reason} failed)" if reason else "not run", "blocked")
        case Status.ERROR:
            words = f"ERROR {reason}".rstrip()
            return Cell(words, words, words, "unknown")
        case _:
            answer = seen.facts.part(Answer)
            status = None if answer is None else answer.icap_status
            word = str(status) if status is not None and reason == "icap-status" else reason
            words = f"FAILED {word}".rstrip()
            return Cell(word or words, words, words, "critical")


def _outcome(seen: Observation) -> Cell:
    answer, preview = seen.facts.part(Answer), seen.facts.part(Preview)
    word, threat, shape = "ok", "", "ok"
    if answer is not None and answer.verdict is not None and seen.probe in _WANTED:
        word = visible(answer.verdict, _WORD_LENGTH)
        if wrong := danger(seen):
            word, shape = wrong, "critical"
        elif answer.verdict not in _WANTED[seen.probe]:
            word, shape = word.upper(), "warning"
    if preview is not None and preview.cases_failed:
        word = f"{len(preview.cases_failed)} failed"
    if answer is not None and answer.threats:
        threat = f"({visible(from_wire(answer.threats[0]), _WORD_LENGTH)}) "
    times = seen.facts.part(Transfer)
    doubtful = times is not None and times.answer_ms is not None and times.answer_uncertain
    took = measured(_measured_ms(seen), doubtful=doubtful)
    return Cell(word, word, f"{word} {threat}{took}".rstrip(), shape)


def _measured_ms(seen: Observation) -> float | None:
    """Time of the server and the path to it in ms, without client-side delay; None if the step never ran."""
    times, tcp = seen.facts.part(Transfer), seen.facts.part(TCP)
    if times is not None and times.answer_ms is not None:
        return times.answer_ms
    return seen.elapsed_ms if tcp is None or tcp.rtt_ms is None else tcp.rtt_ms


def clocks(members: Sequence[MemberReport]) -> str:
    """Which clock measured the times; empty if the report does not say."""
    timed = [times for _, times in met(members, Transfer) if times.answer_ms is not None]
    by = Counter(times.answer_clock for times in timed)
    said = []
    if any(tcp.rtt_ms is not None for _, tcp in met(members, TCP)):
        said.append("connections by the kernel (TCP_INFO)")
    if by["kernel"]:
        said.append("responses by kernel receive timestamps")
    if by["application"]:
        said.append(f"{count(by['application'], 'response')} by icapdiag itself")
    doubtful = any(times.answer_uncertain for times in timed)
    mark = " ~: may include more than 5 % of client-side delay." if doubtful else ""
    return f"Times measured: {', '.join(said)}.{mark}" if said else ""
