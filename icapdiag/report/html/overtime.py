"""What became of the requests of a log, over time: a strip of columns for each outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from icapdiag.report.html import svg
from icapdiag.report.html.strips import Chart, Strip, axis
from icapdiag.report.sections.chart import TimeLine, over_time
from icapdiag.report.untyped import Facts

_COLUMNS = 120
_HEIGHT = 3.0  # em, of one strip
_OUTCOMES = (  # label, keys of a bucket, and the kind whose colour it has
    ("passed", ("passed",), "ok"),
    ("modified", ("modified",), "unknown"),
    ("blocked", ("blocked",), "info"),
    ("failed, passed unscanned", ("unscanned",), "critical"),
    ("failed, refused", ("refused-500", "refused-413"), "warning"),
    ("outcome unknown", ("unknown",), "disabled"),
    ("ICAP disabled", ("disabled",), "disabled"),
)
_KINDS = {label: kind for label, _, kind in _OUTCOMES}


def timeline_chart(timeline: Sequence[Facts]) -> Chart | None:
    """The strips; None without a line to draw.

    Each strip is scaled to its own highest column and says how high that is, so that one failure
    beside a thousand requests is seen.
    """
    line = over_time(timeline, _COLUMNS, [(label, keys) for label, keys, _ in _OUTCOMES])
    if line is None:
        return None
    strips = tuple(_strip(number, line, name, counts) for number, (name, counts) in enumerate(line.rows))
    end = (line.end - line.start).total_seconds() / (line.step_s * len(line.rows[0][1])) * 100
    labels = [(0.0, _moment(line.start)), (max(min(end, 100.0), 93.0), f"{_moment(line.end)} UTC")]
    return Chart("Requests over time, by outcome", _described(line), axis(labels), strips)


def _strip(number: int, line: TimeLine, name: str, counts: Sequence[int]) -> Strip:
    width, highest, kind = 100 / len(counts), max(counts), _KINDS[name]
    parts = [svg.line(0, _HEIGHT, 100, _HEIGHT, kind="grid")]
    for column, value in enumerate(counts):
        if value:
            height = max(_HEIGHT * value / highest, 0.15)
            tip = f"{_moment(_start(line, column))} UTC: {value:,} {name}"
            parts.append(svg.bar(column * width, _HEIGHT - height, max(width * 0.86, 0.2), height, kind=kind, tip=tip))
    told = f"{sum(counts):,} in all, at most {highest:,} in a column"
    drawing = svg.drawing(f"time-{number}", f"{name}: {told}", line.caption, _HEIGHT + 0.1, *parts, kind="timeline")
    return Strip(name, told, drawing)


def _start(line: TimeLine, column: int) -> datetime:
    return line.start + timedelta(seconds=line.step_s * column)


def _described(line: TimeLine) -> str:
    told = "; ".join(
        f"{name}: {sum(counts):,} in all, at most {max(counts):,} in a column" for name, counts in line.rows
    )
    return f"{line.caption}. {told}."


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
