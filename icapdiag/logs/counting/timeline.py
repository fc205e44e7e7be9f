"""The timeline: requests per minute, hour or day, and what their clients got."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct, field

# What the client got; the index of a word is its column in a bucket.
UNSCANNED = "unscanned"
OUTCOMES = ("passed", "modified", "blocked", UNSCANNED, "refused-500", "refused-413", "disabled", "unknown")
# Of an upload that was not offered to ICAP and ended in a redirect or an error without a code of the application: it
# counts as disabled if other entries of the log have such a code, so that Avi answered, and as unscanned otherwise.
UNSETTLED = "unsettled"
COLUMNS = (*OUTCOMES, UNSETTLED)

Bucket = list[int]  # requests per column

_MINUTE, _HOUR, _DAY = 16, 13, 10  # characters of an ISO time that name the bucket
_STEPS = {_MINUTE: timedelta(minutes=1), _HOUR: timedelta(hours=1), _DAY: timedelta(days=1)}
_COARSER = {_MINUTE: _HOUR, _HOUR: _DAY}
_START = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]")
BUCKETS_KEPT = 3000  # two days of minutes, four months of hours, eight years of days
BUCKETS_SHOWN = 200


class Timeline(Struct):
    """Counts per bucket; if there are too many buckets, they are joined into larger ones."""

    undated: Bucket = field(default_factory=lambda: [0] * len(COLUMNS))  # without a time, or beyond all bounds
    width: int = _MINUTE
    buckets: dict[str, Bucket] = {}

    def bucket(self, moment: str | None) -> Bucket:
        """The bucket of an ISO time in UTC; count into it before the next call."""
        if moment is None:
            return self.undated
        found = self.buckets.get(moment[: self.width])
        return self._new(moment) if found is None else found

    def _new(self, moment: str) -> Bucket:
        if not _START.match(moment):
            return self.undated
        if len(self.buckets) >= BUCKETS_KEPT:
            if self.width not in _COARSER:
                return self.undated
            self._coarsen()
            return self.bucket(moment)
        found = self.buckets[moment[: self.width]] = [0] * len(COLUMNS)
        return found

    def _coarsen(self) -> None:
        self.width = _COARSER[self.width]
        self.buckets = _joined(self.buckets, self.width)

    def merge(self, other: Timeline) -> None:
        """Add the counts of another one."""
        while self.width > other.width:
            self._coarsen()
        for start, counts in other.buckets.items():
            _add(self.bucket(_whole(start)), counts)
        _add(self.undated, other.undated)

    def __iter__(self) -> Iterator[tuple[datetime, timedelta, Bucket]]:
        """Start, step and counts in order, without empty ones; the finest step with at most `BUCKETS_SHOWN`."""
        width, buckets = self.width, self.buckets
        while len(buckets) > BUCKETS_SHOWN and width in _COARSER:
            width = _COARSER[width]
            buckets = _joined(buckets, width)
        for start in sorted(buckets):
            try:
                moment = datetime.fromisoformat(_whole(start)).replace(tzinfo=UTC)
            except ValueError:  # the 31st of February
                continue
            yield moment, _STEPS[width], buckets[start]


def _whole(start: str) -> str:
    return start + "0000-01-01T00:00"[len(start) :]


def _joined(buckets: dict[str, Bucket], width: int) -> dict[str, Bucket]:
    joined: dict[str, Bucket] = {}
    for start, counts in buckets.items():
        _add(joined.setdefault(start[:width], [0] * len(COLUMNS)), counts)
    return joined


def _add(into: Bucket, counts: Bucket) -> None:
    for index, count in enumerate(counts):
        into[index] += count
