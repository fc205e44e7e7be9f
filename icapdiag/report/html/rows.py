"""The matrix of the members for a page: the sick ones first, the healthy ones folded where there are many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from icapdiag.report.html.head import HEALTH_ORDER
from icapdiag.report.sections.cells import NOTHING, Detail, Row, cell, member_rows, probes_used
from icapdiag.report.untyped import MemberReport, Observation
from icapdiag.vocabulary import Health, Status

_FEW = 24  # members that are shown with nothing folded
_SICK_SHOWN = 60  # members that are not ok and stand open

_UNIT = re.compile(r"(\d) (ms|s)\b")
_WANTED = {"clean": ("allowed",), "eicar": ("blocked", "modified")}  # what a scanner that works does with the sample


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one probe: a shape, its word for those who can't see it, and the words beside it."""

    probe: str
    shape: str
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the matrix; ``verdict`` is empty on the lines of a member's addresses."""

    name: str
    cells: tuple[Cell, ...]
    verdict: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """``shown`` stands open; ``folded`` are lines behind a summary each."""

    probes: tuple[str, ...]
    shown: tuple[Line, ...]
    folded: tuple[tuple[str, tuple[Line, ...]], ...]


def matrix(members: Sequence[MemberReport]) -> Matrix | None:
    """The members, worst first; None where there are none."""
    if not members:
        return None
    probes = probes_used(members)
    ordered = sorted(members, key=lambda member: HEALTH_ORDER.index(member.verdict))  # stable: the pool's order
    if len(members) <= _FEW:
        return Matrix(tuple(probes), _lines(ordered, probes), ())
    quiet = (Health.OK, Health.DISABLED)
    sick = [member for member in ordered if member.verdict not in quiet]
    parts = [
        (f"{len(sick) - _SICK_SHOWN:,} more that are not ok", sick[_SICK_SHOWN:]),
        *(
            (f"{len(own):,} {health.value}", own)
            for health in quiet
            if (own := [m for m in members if m.verdict is health])
        ),
    ]
    folded = tuple((title, _lines(own, probes)) for title, own in parts if own)
    return Matrix(tuple(probes), _lines(sick[:_SICK_SHOWN], probes), folded)


def _lines(members: Sequence[MemberReport], probes: Sequence[str]) -> tuple[Line, ...]:
    return tuple(_line(row, probes) for member in members for row in member_rows(member))


def _line(row: Row, probes: Sequence[str]) -> Line:
    return Line(row.name, tuple(_cell(probe, row.probes.get(probe)) for probe in probes), row.verdict)


def _cell(probe: str, observation: Observation | None) -> Cell:
    if observation is None or observation.status is Status.SKIPPED:
        return Cell(probe, "", NOTHING)
    words = _UNIT.sub("\\1\xa0\\2", cell(observation, Detail.FULL))  # a number stays with its unit
    match observation.status:
        case Status.OK:
            verdict = observation.facts.get("verdict")
            wanted = _WANTED.get(probe)
            surprising = wanted is not None and isinstance(verdict, str) and verdict not in wanted
            return Cell(probe, "warning" if surprising else "ok", words)
        case Status.FAILED:
            return Cell(probe, "critical", words.replace("FAILED", "failed", 1))
        case Status.BLOCKED:
            return Cell(probe, "blocked", words)
        case _:
            return Cell(probe, "unknown", words.replace("ERROR", "error", 1))
