"""Entries per second: a ceiling that many seconds reach and none exceeds shows log throttling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from icapdiag.avi.entry import LogEntry

_OPEN = 5000  # seconds, of a virtual service and a Service Engine each, that may still get entries
_FASTEST = 10_000  # entries a second; faster ones count as this
_LEAST_RATE = 5  # entries a second below which a ceiling is not told from a quiet log
_LEAST_SECONDS = 10
_STEEP = 3  # so many times as many seconds are at the ceiling as right below it
_ABOVE = 50  # one second in so many may be above it
_EARLY = 0.85  # s: a throttle takes the first entries of a second, steady traffic goes on until its end


class Ceiling(NamedTuple):
    """Entries per second of one virtual service and Service Engine, and how many seconds had that many."""

    rate: int
    seconds: int


class Second(Struct, array_like=True, gc=False):
    """A second of a virtual service and Service Engine: its entries, and the fraction of the last one."""

    entries: int
    last: str


class Pace(Struct, array_like=True):
    """Seconds by number of entries, for each virtual service and Service Engine."""

    seconds: dict[int, int] = {}  # by entries
    ends: dict[int, float] = {}  # of these seconds, the sum of when their last entries came, in s
    open: dict[tuple[str | bool | None, ...], Second] = {}  # those that may still get entries

    def note(self, entries: Sequence[LogEntry]) -> None:
        """Note entries in the order of the log. Those with an unusual time are left out."""
        opened = self.open
        for entry in entries:
            moment = entry.report_timestamp
            if not isinstance(moment, str) or moment[10:11] != "T":
                continue
            key = (moment[:19], entry.virtualservice, entry.service_engine, entry.adf)
            fraction = moment[20:22]  # sorts as time does
            try:
                second = opened[key]
            except KeyError:
                opened[key] = Second(1, fraction)
                continue
            second.entries += 1
            second.last = max(second.last, fraction)
        if len(self.open) > _OPEN:
            self._close(len(self.open) // 2)

    def _close(self, number: int) -> None:
        """Count the oldest open seconds."""
        for key in list(self.open)[:number]:
            second = self.open.pop(key)
            rate = min(second.entries, _FASTEST)
            self.seconds[rate] = self.seconds.get(rate, 0) + 1
            end = float(f"0.{second.last}") if second.last.isascii() and second.last.isdecimal() else 0.0
            self.ends[rate] = self.ends.get(rate, 0.0) + end

    def closed(self) -> Pace:
        """The result with all seconds counted except the first and the last, which may be incomplete."""
        found = Pace(dict(self.seconds), dict(self.ends), dict(self.open))
        times = [str(key[0]) for key in found.open]
        if times:
            edges = {min(times), max(times)}
            found.open = {key: value for key, value in found.open.items() if key[0] not in edges}
        found._close(len(found.open))
        return found

    def merge(self, later: Pace) -> None:
        """Add a later part of the log; a second that is open in both is one."""
        for rate, count in later.seconds.items():
            self.seconds[rate] = self.seconds.get(rate, 0) + count
            self.ends[rate] = self.ends.get(rate, 0.0) + later.ends[rate]
        for key, theirs in later.open.items():
            mine = self.open.setdefault(key, Second(0, ""))
            mine.entries += theirs.entries
            mine.last = max(mine.last, theirs.last)
        if len(self.open) > _OPEN:
            self._close(len(self.open) // 2)

    def ceiling(self) -> Ceiling | None:
        """The rate that looks like throttling; None if there is none."""
        found = self.closed()
        above = 0
        for rate in sorted(found.seconds, reverse=True):
            count = found.seconds[rate]
            steep = count >= _STEEP * found.seconds.get(rate - 1, 0)
            early = found.ends[rate] < _EARLY * count
            if rate >= _LEAST_RATE and count >= _LEAST_SECONDS and steep and early and above * _ABOVE <= count:
                return Ceiling(rate, count)
            above += count
        return None
