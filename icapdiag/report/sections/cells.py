"""What the matrix of the members is made of: rows of members and their addresses, and a cell for each probe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from icapdiag.report.text.lines import milliseconds, texts
from icapdiag.report.untyped import MemberReport, Observation
from icapdiag.text import from_wire, visible
from icapdiag.vocabulary import Status

_PROBES = ("dns", "tcp", "tls", "options", "clean", "eicar")  # in the order in which they run
BODY_PROBES = ("clean", "eicar")  # their cells show what became of the body
# No column: a member as a whole, what has a table of its own, and what is evidence of what others met.
_APART = ("", "repeat", "size", "load", "services", "variants", "respmod", "conformance")
_WORD_LENGTH = 20  # characters of what a server said
NOTHING = "-"


class Detail(IntEnum):
    """How much a cell says; a wide matrix says less rather than break its lines."""

    TERSE = 0  # FAILED left out: "refused"
    BRIEF = 1  # no times, no threats, no root of a blocked probe
    FULL = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the matrix: a member, or one of its addresses, with what became of each probe."""

    name: str  # of the member, or "at 10.0.0.5" below it
    probes: dict[str, Observation]
    verdict: str  # "" on the rows below a member

    def cell(self, probe: str, detail: Detail) -> str:
        """What became of this probe here."""
        return cell(self.probes.get(probe), detail)


def probes_used(members: Sequence[MemberReport]) -> list[str]:
    """The probes that any member used, known ones first."""
    used = [o.probe for m in members for o in m.probes if o.probe not in _APART and o.status is not Status.SKIPPED]
    return [probe for probe in _PROBES if probe in used] + sorted(set(used) - set(_PROBES))


def _address(observation: Observation) -> str | None:
    address = observation.facts.get("address")
    return address if isinstance(address, str) and address else None


def member_rows(member: MemberReport) -> list[Row]:
    """One row, or one for the name and one below it for each of its addresses."""
    addresses = list(dict.fromkeys(a for o in member.probes if (a := _address(o)) is not None))
    name, verdict = visible(member.name), member.verdict.value
    if len(addresses) <= 1:
        return [Row(name, _by_probe(member.probes), verdict)]
    shared = [o for o in member.probes if _address(o) is None]  # the look-up of the name
    return [
        Row(name, _by_probe(shared), verdict),
        *(Row(f"at {visible(a)}", _by_probe(o for o in member.probes if _address(o) == a), "") for a in addresses),
    ]


def _by_probe(observations: Iterable[Observation]) -> dict[str, Observation]:
    chosen: dict[str, Observation] = {}
    for observation in observations:
        # Of two, the one that is not ok has more to say.
        if observation.probe not in chosen or chosen[observation.probe].status is Status.OK:
            chosen[observation.probe] = observation
    return chosen


def cell(observation: Observation | None, detail: Detail) -> str:
    """What became of one probe, in a few words that are safe to show; `NOTHING` if it did not run."""
    if observation is None or observation.status is Status.SKIPPED:
        return NOTHING
    reason = visible(str(observation.reason or ""), 40)
    match observation.status:
        case Status.BLOCKED:
            return f"blocked by {reason}".rstrip() if detail is Detail.FULL else "not run"
        case Status.ERROR:
            return f"ERROR {reason}".rstrip()
        case Status.FAILED:
            status = observation.facts.get("icap_status")
            word = str(status) if isinstance(status, int) and reason == "icap-status" else reason
            return word if detail is Detail.TERSE and word else f"FAILED {word}".rstrip()
        case Status.OK:
            return _outcome(observation, detail)


def _outcome(observation: Observation, detail: Detail) -> str:
    verdict = observation.facts.get("verdict")
    words = ["ok"]
    if observation.probe in BODY_PROBES and isinstance(verdict, str):
        words = [visible(verdict, _WORD_LENGTH)]
    if refused := texts(observation.facts.get("cases_failed")):
        words = [f"{len(refused)} failed"]
    if detail is Detail.FULL:
        threats = observation.facts.get("threats")
        names = [t for t in threats if isinstance(t, str)] if isinstance(threats, list | tuple) else []
        words += [f"({visible(from_wire(names[0]), _WORD_LENGTH)})"] if names else []
        words += [time_taken(observation)]
    return " ".join(words).rstrip()


def time_taken(observation: Observation) -> str:
    """The time that the server, or the way to it, took, without our own delays; ``~`` if they may be in it."""
    value = measured_ms(observation)
    facts = observation.facts
    doubtful = "answer_ms" in facts and facts.get("answer_uncertain") is True
    # Our delays only make a figure longer: what is next to nothing all the same is that.
    return ("~" if doubtful and not _is_nothing(value) else "") + duration(value)


def measured_ms(observation: Observation) -> float | None:
    """That time, in ms; None if the step never ran."""
    for name in ("answer_ms", "rtt_ms"):
        value = observation.facts.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    return observation.elapsed_ms


def duration(value: float | None) -> str:
    """A measured time for people; what is shorter than they care for is said to be."""
    return "<0.1 ms" if _is_nothing(value) else milliseconds(value)


def _is_nothing(value: float | None) -> bool:
    return value is not None and 0 <= value < 0.05
