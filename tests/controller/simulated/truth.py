"""What happened at the virtual services: the one source of the simulator's logs and metrics."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import accumulate

from tests.controller.simulated.entries import COUNTERS, OUTCOMES, REFUSED, Entry, to_iso
from tests.controller.simulated.inventory import ENGINES, SERVICES

_HOUR = 3600 * 1_000_000  # µs
_BORDERS = 8  # the window is cut in halves three times
_CORES = 2
_START = int(datetime(2026, 6, 1, 6, tzinfo=UTC).timestamp()) * 1_000_000


@dataclass(frozen=True)
class Truth:
    """About ``count`` requests from ``start`` on, the same for the same ``seed``.

    At each border of the window's eighths lies a burst: entries with equal times, of every SE and core, whose log_ids
    collide, and one a microsecond before and after. The first lies at the very start and the last at the very end.
    From the middle on, for a sixth of the time, the second member of the first virtual service refuses connections.
    """

    count: int = 3000
    start: int = _START  # µs since 1970
    hours: float = 6
    seed: int = 17
    burst: int | None = None  # entries of a burst at each virtual service; by default, about a fifteenth in all
    throttle: int = 0  # log entries per second, virtual service, SE and kind; 0: all
    shares: Mapping[str, int] | None = None  # of outcomes, by name, in place of those of `OUTCOMES`
    given: Sequence[Entry] | None = None  # the requests, in place of made-up ones

    @property
    def end(self) -> int:
        return self.start + int(self.hours * _HOUR)

    @property
    def incident(self) -> tuple[int, int]:
        """When the second member refuses connections: from, until (µs)."""
        middle = (self.start + self.end) // 2
        return middle, middle + (self.end - self.start) // 6

    @property
    def since(self) -> str:
        """The start, as the API takes times."""
        return to_query(self.start)

    @property
    def until(self) -> str:
        """The end, as the API takes times."""
        return to_query(self.end)

    @cached_property
    def happened(self) -> tuple[list[Entry], ...]:
        """The requests of each virtual service, in order of time."""
        if self.given is not None:
            return tuple(
                sorted(each for each in self.given if each.service == number) for number in range(len(SERVICES))
            )
        chance = random.Random(self.seed)  # noqa: S311 - no secret, and it must repeat itself
        moments = list(self._moments(chance))
        shares = self.shares or {outcome.name: outcome.share for outcome in OUTCOMES}
        weights = list(accumulate(shares.get(outcome.name, 0) for outcome in OUTCOMES))
        ids: Counter[tuple[int, int, int]] = Counter()
        found: tuple[list[Entry], ...] = tuple([] for _ in SERVICES)
        begin, over = self.incident
        for number, (time, service, engine, core) in enumerate(moments):
            outcome = chance.choices(range(len(OUTCOMES)), cum_weights=weights)[0]
            member = chance.randrange(len(SERVICES[service].members))
            if service == 0 and member == 1 and begin <= time < over and "requests" in OUTCOMES[outcome].counters:
                outcome = REFUSED
            ids[service, engine, core] += 1
            log_id = ids[service, engine, core]
            found[service].append(Entry(time, engine, core, log_id, service, outcome, member, number))
        for entries in found:
            entries.sort()
        return found

    @cached_property
    def logged(self) -> tuple[list[Entry], ...]:
        """The requests of each virtual service that the log keeps."""
        if not self.throttle:
            return self.happened
        return tuple(list(self._throttled(entries)) for entries in self.happened)

    def window(self, service: int, since: int, until: int) -> list[Entry]:
        """The log of a virtual service from ``since`` to ``until``, both included."""
        return between(self.logged[service], since, until)

    def keys(self, service: int) -> list[tuple[str, str, int, int, str]]:
        """The key of each entry in the log of a virtual service, sorted."""
        return sorted(entry.key for entry in self.logged[service])

    def actions(self, service: int) -> Counter[str | None]:
        """How many entries of its log have each ICAP action; None: without ICAP."""
        return Counter(entry.action for entry in self.logged[service])

    def sums(
        self, service: int, since: int | None = None, until: int | None = None, *, engine: int | None = None
    ) -> dict[str, int]:
        """The counters ``icap_stats.sum_*`` of a virtual service, of all that happened in a time, or ever."""
        entries = between(self.happened[service], since or self.start, self.end if until is None else until)
        outcomes = Counter(entry.outcome for entry in entries if engine in {None, entry.engine})
        return {
            name: sum(outcomes[number] for number, outcome in enumerate(OUTCOMES) if name in outcome.counters)
            for name in COUNTERS
        }

    def _moments(self, chance: random.Random) -> Iterator[tuple[int, int, int, int]]:
        """Time, service, SE and core of every request."""
        burst = max(len(ENGINES) * _CORES, self.count // 400) if self.burst is None else self.burst
        span = self.end - self.start
        left = self.count
        for service in range(len(SERVICES)):
            for border in range(_BORDERS + 1):
                middle = self.start + span * border // _BORDERS
                beside = [time for time in (middle - 1, middle + 1) if self.start <= time <= self.end]
                for number, time in enumerate([middle] * burst + beside):
                    yield time, service, number % len(ENGINES), number // len(ENGINES) % _CORES
                left -= burst + len(beside)
        for _ in range(left):
            time = self.start + chance.randrange(span)
            yield time, chance.randrange(len(SERVICES)), chance.randrange(len(ENGINES)), chance.randrange(_CORES)

    def _throttled(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        seen: Counter[tuple[int, int, str]] = Counter()
        for entry in entries:
            slot = (entry.time // 1_000_000, entry.engine, entry.kind)
            seen[slot] += 1
            if seen[slot] <= self.throttle:
                yield entry


def between(entries: list[Entry], since: int, until: int) -> list[Entry]:
    """Those from ``since`` to ``until``, both included (µs)."""
    first = bisect_left(entries, since, key=lambda entry: entry.time)
    return entries[first : bisect_right(entries, until, key=lambda entry: entry.time)]


def to_query(time: int) -> str:
    """A time in the only form that the log's API takes."""
    return f"{datetime.fromisoformat(to_iso(time)):%Y-%m-%dT%H:%M:%S.%fZ}"
