"""Columns under headings, as ``tabulate`` draws its simple tables, without the 50 ms that importing it takes."""

from __future__ import annotations

from collections.abc import Sequence

from icapdiag.report.text.lines import columns

_GAP = "  "


def draw_grid(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """One line a row, below a heading and a rule; ``right`` are the columns that end flush.

    Cells must be safe to show and on one line. Trailing blanks are left out.
    """
    widths = [max(map(columns, column)) for column in zip(headings, *rows, strict=True)]
    lines = [headings, ["-" * width for width in widths], *rows]
    return [
        _GAP.join(
            " " * (width - columns(cell)) + cell if index in right else cell + " " * (width - columns(cell))
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
