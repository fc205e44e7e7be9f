"""What happened beside the outcomes of a log, on the axis of its bars."""

from __future__ import annotations

from collections.abc import Sequence

from icapdiag.report.document.logs import Counts
from icapdiag.report.document.sources import Mark

_MARK = {False: "▲", True: "^"}  # in ASCII where that is plain


def mark_rows(counts: Counts, marks: Sequence[Mark], label: int, *, plain: bool) -> list[str]:
    """One row per source: a mark below the column of its time; how many are before or after the log.

    ``label``: columns before the bars.
    """
    room, drawn = len(counts.rows[0][1]), []
    for source in dict.fromkeys(each.source for each in marks):
        places = [counts.place(each.at) for each in marks if each.source == source]
        there = {int(place * room) for place in places if 0 <= place < 1}
        row = "".join(_MARK[plain] if column in there else " " for column in range(room))
        outside = ((sum(place < 0 for place in places), "before"), (sum(place >= 1 for place in places), "after"))
        said = ", ".join(f"{number} {word}" for number, word in outside if number)
        drawn.append(f"  {source:<{label}} {row} {said}".rstrip())
    return drawn
