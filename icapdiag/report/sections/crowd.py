"""Hundreds of members in a screenful: the sick first, and of those that went alike a few and how many more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from icapdiag.report.sections.cells import Detail, Row, cell, duration, measured_ms, member_rows
from icapdiag.report.text.lines import count
from icapdiag.report.untyped import MemberReport
from icapdiag.vocabulary import Health, Status

_MANY = 60  # members; fewer are all shown
_ALIKE = 4  # of those that went alike that are shown
_KINDS = 25  # ways to go that are shown
_ORDER = (Health.CRITICAL, Health.WARNING, Health.UNKNOWN, Health.OK, Health.DISABLED)

Key = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class More(Row):
    """The line for those that are not shown. ``slowest`` has the longest time of each probe that went well, in ms."""

    slowest: Mapping[str, float] = field(default_factory=dict)

    def cell(self, probe: str, detail: Detail) -> str:
        """As of one member, with the longest of the times."""
        words = cell(self.probes.get(probe), Detail.BRIEF if detail is Detail.FULL else detail)
        slowest = self.slowest.get(probe)
        if detail is not Detail.FULL or slowest is None:
            return words
        most = duration(slowest)
        return f"{words} {most}" if most.startswith("<") else f"{words} up to {most}"


def is_crowd(members: Sequence[MemberReport]) -> bool:
    """Whether these are too many for a line each."""
    return len(members) > _MANY


def crowd_rows(members: Sequence[MemberReport]) -> list[Row]:
    """The rows of a crowd; the report as JSON has every member."""
    alike: dict[Key, list[list[Row]]] = {}
    for member in sorted(members, key=lambda member: _ORDER.index(member.verdict)):
        rows = member_rows(member)
        alike.setdefault(_key(rows), []).append(rows)
    kinds = list(alike.values())
    shown: list[Row] = []
    for found in kinds[:_KINDS]:
        kept = len(found) if len(found) == _ALIKE + 1 else _ALIKE
        shown += [row for rows in found[:kept] for row in rows]
        if found[kept:]:
            shown.append(_more(found[kept:]))
    if left := [rows for found in kinds[_KINDS:] for rows in found]:
        shown.append(Row(f"+ {count(len(left), 'other')}", {}, ""))
    return shown


def _key(rows: Iterable[Row]) -> Key:
    """What members have in common that went alike: the outcome of each probe, not its time."""
    return tuple(
        (row.verdict, tuple((probe, cell(found, Detail.BRIEF)) for probe, found in row.probes.items())) for row in rows
    )


def _more(found: Sequence[Sequence[Row]]) -> More:
    first = found[0][0]
    slowest: dict[str, float] = {}
    for row in (rows[0] for rows in found):
        for probe, observation in row.probes.items():
            took = measured_ms(observation)
            if observation.status is Status.OK and took is not None:
                slowest[probe] = max(took, slowest.get(probe, 0.0))
    return More(f"+ {len(found):,} more alike", first.probes, first.verdict, slowest)
