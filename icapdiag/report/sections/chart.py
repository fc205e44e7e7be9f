"""A time line as a few rows of bars, one row a kind of outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from icapdiag.report.text.lines import whole, wrap
from icapdiag.report.text.words import moment
from icapdiag.report.untyped import Facts

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " .:-=+*#@"
Outcome = tuple[str, tuple[str, ...]]
_ROWS: tuple[Outcome, ...] = (  # label, keys of the bucket
    ("with ICAP", ("passed", "modified", "blocked", "unscanned", "refused-500", "refused-413", "unknown")),
    ("blocked", ("blocked",)),
    ("modified", ("modified",)),
    ("unscanned", ("unscanned",)),
    ("refused", ("refused-500", "refused-413")),
    ("unknown", ("unknown",)),
    ("disabled", ("disabled",)),
)
_NICE = tuple(  # seconds of one column
    [60 * minutes for minutes in (1, 2, 5, 10, 15, 20, 30)]
    + [3600 * hours for hours in (1, 2, 3, 4, 6, 12)]
    + [86400 * days for days in (1, 2, 7, 14, 28)]
)
_LONGEST = 366 * 86400  # seconds of a bucket
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class TimeLine(Struct, frozen=True):
    """Counts by outcome, a column for each ``step_s`` seconds from ``start`` on; only outcomes that came."""

    start: datetime  # UTC
    end: datetime
    step_s: int
    rows: tuple[tuple[str, tuple[int, ...]], ...]  # label and counts

    @property
    def caption(self) -> str:
        return f"Over time, {_minute(self.start)} to {_minute(self.end)} UTC, one column is {_duration(self.step_s)}"


def draw_chart(timeline: Sequence[Facts], width: int, *, plain: bool = False) -> list[str]:
    """The buckets of a time line in at most ``width`` columns; nothing where there is no line to draw.

    ``timeline`` has ``start`` (ISO 8601), ``step_s`` and counts by outcome. Neighbours share a
    column where there are more of them than columns. Each row is scaled to its own highest
    column. ``plain`` keeps to ASCII.
    """
    label = max(len(name) for name, _ in _ROWS)
    line = over_time(timeline, max(width - label - len("    max 1,000,000"), 10))
    if line is None:
        return []
    return wrap(f"{line.caption}:", width) + [
        f"  {name:<{label}} {_bars(row, max(row), plain=plain)} max {max(row):,}" for name, row in line.rows
    ]


def over_time(timeline: Sequence[Facts], room: int, outcomes: Sequence[Outcome] = _ROWS) -> TimeLine | None:
    """The buckets in at most ``room`` columns; None where there is nothing to draw.

    Each of ``outcomes`` is a label and the keys of a bucket that it counts.
    """
    buckets = _buckets(timeline)
    if len(buckets) < 2:
        return None
    step = whole(buckets[0][1].get("step_s"))
    step = step if 1 <= step <= _LONGEST else 60
    first, last = buckets[0][0], buckets[-1][0]
    slots = round((last - first).total_seconds() / step) + 1
    least = -(-slots // room)
    share = next((nice // step for nice in _NICE if nice % step == 0 and nice // step >= least), least)  # a column's
    rows = [[0] * -(-slots // share) for _ in outcomes]
    for start, bucket in buckets:
        place = round((start - first).total_seconds() / step) // share
        for row, (_, keys) in zip(rows, outcomes, strict=True):
            row[place] += sum(max(whole(bucket.get(key)), 0) for key in keys)
    drawn = tuple((name, tuple(row)) for row, (name, _) in zip(rows, outcomes, strict=True) if any(row))
    return TimeLine(first, _after(last, step), step * share, drawn) if drawn else None


def _after(last: datetime, step: int) -> datetime:
    try:
        return last + timedelta(seconds=step)
    except OverflowError:  # a log may claim to be of the year 9999
        return last


def _bars(values: Sequence[int], top: int, *, plain: bool) -> str:
    scale = _ASCII if plain else _BLOCKS
    steps = len(scale) - 1
    # Rounded up: one failure beside a thousand must be seen.
    return "".join(scale[-(-value * steps // top)] for value in values)


def _buckets(timeline: Sequence[Facts]) -> list[tuple[datetime, Facts]]:
    found = [(start, bucket) for bucket in timeline if (start := moment(bucket.get("start"))) is not None]
    return sorted(found, key=lambda item: item[0])


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _duration(seconds: int) -> str:
    for size, unit in _UNITS:
        if seconds % size == 0:
            number = seconds // size
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{seconds} s"
