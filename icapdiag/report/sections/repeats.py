"""What several rounds of the same steps came to: loss, and how the times spread, a line a member and step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from icapdiag.report.sections.crowd import is_crowd
from icapdiag.report.text.grid import draw_grid
from icapdiag.report.text.lines import columns, milliseconds, shown, whole, wrap
from icapdiag.report.untyped import Facts, JSONValue, MemberReport, Observation
from icapdiag.text import visible

HEADINGS = ("member", "step", "sent", "lost", "min", "avg", "p95", "max")
_FIGURES = ("min_ms", "avg_ms", "p95_ms", "max_ms")
_NAME = 40  # columns of a member's name
_SHORTEST = 10  # the least of it to be shown
_WORST = 40  # rows of a crowd of members


def draw_samples(members: Sequence[MemberReport], width: int) -> list[str]:
    """The table in at most ``width`` columns, names cut to fit; nothing if nothing was repeated."""
    rows = sample_rows(members)
    if not rows:
        return []
    left = ""
    if is_crowd(members) and len(rows) > _WORST:
        left = f"The {_WORST} with most loss, then the slowest, of {len(rows):,}; the report as JSON has them all."
        rows = _worst(members)
    headings = list(HEADINGS)
    if _beyond(headings, rows, width) > max(columns(row[0]) for row in rows) - _SHORTEST:
        headings, rows = _terse(headings), [_terse(row) for row in rows]
    limit = max(max(columns(row[0]) for row in rows) - max(0, _beyond(headings, rows, width)), _SHORTEST)
    cut = [[visible(row[0], limit), *row[1:]] for row in rows]
    grid = draw_grid(headings, cut, right=range(2, len(headings)))
    return ["Rounds (~: our own delays may be in it):", *grid, *(wrap(left, width) if left else ())]


def _worst(members: Sequence[MemberReport]) -> list[list[str]]:
    found = [(member, o, record) for member in members for o in member.probes for record in samples(o)]
    found.sort(key=lambda each: (_number(each[2].get("loss_percent")), _number(each[2].get("p95_ms"))), reverse=True)
    return [[_name(member, observation), *_cells(record)] for member, observation, record in found[:_WORST]]


def _number(value: JSONValue) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def sample_rows(members: Sequence[MemberReport]) -> list[list[str]]:
    """A row a member and step, under `HEADINGS`; safe to show."""
    return [
        [_name(member, observation), *_cells(record)]
        for member in members
        for observation in member.probes
        for record in samples(observation)
    ]


def _beyond(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    return max(columns(line) for line in draw_grid(headings, rows)) - width


def _terse(row: Sequence[str]) -> list[str]:
    """Without minimum and average, which say the least."""
    return [*row[:4], *row[6:]]


def samples(observation: Observation) -> list[Facts]:
    """What the rounds of each step came to: step, sent, lost, min_ms, avg_ms, p95_ms, max_ms."""
    found = observation.facts.get("samples") if observation.probe == "repeat" else None
    return [record for record in found if isinstance(record, Mapping)] if isinstance(found, list | tuple) else []


def _name(member: MemberReport, observation: Observation) -> str:
    address = shown(observation.facts.get("address"))
    several = len({o.facts.get("address") for o in member.probes if o.probe == "repeat"}) > 1
    return visible(f"{member.name} at {address}" if several and address else member.name, _NAME)


def _cells(record: Facts) -> list[str]:
    loss = record.get("loss_percent")
    share = f" ({loss:g}%)" if isinstance(loss, int | float) and loss else ""
    doubt = "~" if record.get("uncertain") is True else ""
    figures = [_figure(record.get(name), doubt) for name in _FIGURES]
    return [shown(record.get("step")), str(whole(record.get("sent"))), f"{whole(record.get('lost'))}{share}", *figures]


def _figure(value: JSONValue, doubt: str) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "-"
    return doubt + ("<0.1 ms" if 0 <= value < 0.05 else milliseconds(value))
