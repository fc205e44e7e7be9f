"""The per-member matrix: a row a member, more where a name has several addresses, and a column a probe.

Of a crowd of members, those that went alike are counted, and the sick come first (`icapdiag.report.sections.crowd`).
"""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from icapdiag.report.sections.cells import NOTHING, Detail, Row, member_rows, probes_used
from icapdiag.report.sections.crowd import crowd_rows, is_crowd
from icapdiag.report.text.paint import Paint
from icapdiag.report.untyped import MemberReport
from icapdiag.text import visible


def draw_matrix(members: Sequence[MemberReport], width: int, paint: Paint) -> str:
    """The matrix in at most ``width`` columns, as detailed as that allows; else as one block a member."""
    probes = probes_used(members)
    rows = crowd_rows(members) if is_crowd(members) else [row for member in members for row in member_rows(member)]
    for detail in sorted(Detail, reverse=True):
        # Measured without colour, whose escapes take no place.
        if all(len(line) <= width for line in _table(rows, probes, Paint(color=False), detail)):
            return "\n".join(_table(rows, probes, paint, detail))
    return "\n".join(_blocks(rows, probes, width, paint))


def _table(rows: Sequence[Row], probes: Sequence[str], paint: Paint, detail: Detail) -> list[str]:
    cells = [
        [row.name, *(row.cell(probe, detail) for probe in probes), paint(row.verdict, row.verdict)] for row in rows
    ]
    drawn = tabulate(
        cells,
        headers=["member", *(visible(probe, 40) for probe in probes), "verdict"],
        tablefmt="simple",
        disable_numparse=True,
    )
    return [line.rstrip() for line in drawn.splitlines()]


def _blocks(rows: Sequence[Row], probes: Sequence[str], width: int, paint: Paint) -> list[str]:
    lines: list[str] = []
    label = max((len(probe) for probe in probes), default=0)
    for row in rows:
        if row.verdict:
            lines.append(f"{visible(row.name, width - len(row.verdict) - 2)}: {paint(row.verdict, row.verdict)}")
        else:
            lines.append(visible(f"  {row.name}", width))
        cells = [(probe, row.cell(probe, Detail.FULL)) for probe in probes]
        lines += [visible(f"  {probe:<{label}}  {cell}", width) for probe, cell in cells if cell != NOTHING]
    return lines
