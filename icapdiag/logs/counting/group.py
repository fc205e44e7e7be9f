"""A group of ICAP requests of one kind: its counts, and what is shown of it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate, repeat
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.avi.addresses import member_name
from icapdiag.avi.entry import LogEntry, PoolName, RequestLog
from icapdiag.avi.times import to_iso
from icapdiag.facts.logs import RequestGroup
from icapdiag.logs.counting.signature import Signature, preview_of
from icapdiag.logs.counting.timeline import OUTCOMES

EXAMPLES_KEPT = 5  # ids of requests
SAMPLE = 30  # requests of a group whose virtual service and Service Engine are looked at: the first ones
NAMES_KEPT = 10  # of these, and of response codes
THREATS_KEPT = 200
DESTINATIONS_KEPT = 1000
SHOWN = 50  # members, pools and threats in facts
_TEXT_KEPT = 200
_MORE = "(more)"
Latencies = dict[int | None, int]  # ms (None: not logged) → requests

VALUES_KEPT = 8192  # distinct values; beyond, three significant digits are kept
_DIGITS = 3


class Destination(NamedTuple):
    """A pool group and a server in it, ``port`` as logged."""

    pool: str
    member: str
    port: int | None = None


_ELSEWHERE = Destination(_MORE, _MORE)


def destination_of(request: RequestLog) -> Destination:
    """Where a request went; empty names where the log does not say."""
    pool = request.pool_name.val if isinstance(request.pool_name, PoolName) else request.pool_name
    member = member_name(request.icap_server_ip, request.icap_server_port, request.icap_absolute_uri)
    return Destination((pool or "")[:_TEXT_KEPT], member or "", request.icap_server_port)


class CountedGroup(Struct, array_like=True):
    """Mutable on purpose: `Counting` notes requests in it, since a call for each would cost more than the rest."""

    signature: Signature
    sheet: RequestGroup  # as the first request shows it
    first: str | None  # of report_timestamp, as it stands
    last: str | None
    column: int = 0
    latencies: Latencies = {}
    destinations: dict[Destination, int] = {}
    threats: dict[str, int] = {}
    named: bool = False  # some answer names threats itself
    left: int = SAMPLE
    request_ids: list[str] = []
    virtualservices: dict[str, int] = {}  # with the number of the request that had it first
    service_engines: dict[str, int] = {}
    response_codes: dict[int, None] = {}
    length: int = 0  # the largest, as the next ones
    modified: int = 0
    score: int | None = None
    preview: int | None = None
    new_latencies: list[int | None] = []  # noted, to be counted all at once, as the next ones
    new_destinations: list[Destination] = []

    def __post_init__(self) -> None:
        self.column = OUTCOMES.index(self.signature.outcome)

    @property
    def count(self) -> int:
        """Requests: each has one latency, or none."""
        return sum(self.latencies.values())

    def note_example(self, entry: LogEntry, request: RequestLog) -> None:
        """One of the first requests of the group."""
        number = SAMPLE - self.left
        self.left -= 1
        for name, names in (
            (entry.vs_name or entry.virtualservice, self.virtualservices),
            (entry.service_engine, self.service_engines),
        ):
            if name and name not in names and len(names) < NAMES_KEPT:
                names[name] = number
        if number < EXAMPLES_KEPT:
            if entry.request_id:
                self.request_ids.append(str(entry.request_id)[:_TEXT_KEPT])
            preview = preview_of(request)
            if preview is not None:
                self.preview = max(preview, self.preview or 0)

    def note_moment(self, moment: str | None) -> None:
        """A time, or none, where the group had none or the request has none."""
        if moment is not None and self.last is None:
            self.first = self.last = moment

    def note_response_code(self, code: int | None) -> None:
        if code is not None and len(self.response_codes) < NAMES_KEPT:
            self.response_codes[code] = None

    def note_threat(self, name: str, count: int = 1) -> None:
        name = name[:_TEXT_KEPT]
        if name not in self.threats and len(self.threats) >= THREATS_KEPT:
            name = _MORE
        self.threats[name] = self.threats.get(name, 0) + count

    def note_latency(self, latency: int | None, count: int) -> None:
        """Requests with this latency, or without one."""
        self.latencies[latency] = self.latencies.get(latency, 0) + count
        if len(self.latencies) > 2 * VALUES_KEPT:
            self.latencies = coarsen(self.latencies)

    def note_destination(self, where: Destination, count: int) -> None:
        """Requests that went there."""
        if where not in self.destinations and len(self.destinations) >= DESTINATIONS_KEPT:
            where = _ELSEWHERE
        self.destinations[where] = self.destinations.get(where, 0) + count

    def count_new(self) -> None:
        """Count the latencies and destinations that were noted."""
        for value, count in Counter(self.new_latencies).items():
            self.note_latency(value, count)
        for where, count in Counter(self.new_destinations).items():
            self.note_destination(where, count)
        self.new_latencies.clear()
        self.new_destinations.clear()

    def merge(self, later: CountedGroup) -> None:
        """Add a group whose requests come later in the log; the facts stay those of the first request."""
        known = SAMPLE - self.left
        for mine, names in (
            (self.virtualservices, later.virtualservices),
            (self.service_engines, later.service_engines),
        ):
            for name, number in names.items():
                if name not in mine and len(mine) < NAMES_KEPT and known + number < SAMPLE:
                    mine[name] = known + number
        if known < EXAMPLES_KEPT and later.preview is not None:
            self.preview = max(later.preview, self.preview or 0)
        self.request_ids = (self.request_ids + later.request_ids)[:EXAMPLES_KEPT]
        self.left = max(0, self.left - later.count)
        moments = [moment for one in (self.first, self.last, later.first, later.last) if (moment := to_iso(one))]
        self.first, self.last = min(moments, default=None), max(moments, default=None)
        for value, count in later.latencies.items():
            self.note_latency(value, count)
        for where, count in later.destinations.items():
            self.note_destination(where, count)
        for name, count in later.threats.items():
            self.note_threat(name, count)
        for code in later.response_codes:
            self.note_response_code(code)
        self.length = max(self.length, later.length)
        self.modified = max(self.modified, later.modified)
        if later.score is not None:
            self.score = max(later.score, self.score or 0)

    def counts_by(self, attribute: str) -> dict[str, int]:
        """Requests per ``pool`` or ``member``, busiest first; requests that name none are left out."""
        counts: dict[str, int] = {}
        for place, count in self.destinations.items():
            name = getattr(place, attribute)
            counts[name] = counts.get(name, 0) + count
        counts.pop("", None)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def shown(self, pools: Iterable[str], members: Iterable[str]) -> RequestGroup:
        """The group as facts; pools and members from `counts_by`."""
        p50, p95, p99, longest = percentiles(self.latencies, 0.5, 0.95, 0.99, 1.0) or repeat(None, 4)
        threats = sorted(self.threats, key=lambda name: (-self.threats[name], name))[:SHOWN]
        return replace(
            self.sheet,
            answer=replace(self.sheet.answer, threats=tuple(threats)),
            count=self.count,
            first_seen=to_iso(self.first),
            last_seen=to_iso(self.last),
            members=tuple(members)[:SHOWN],
            pools=tuple(pools)[:SHOWN],
            response_code=next(iter(self.response_codes)) if len(self.response_codes) == 1 else None,
            latency_p50_ms=p50,
            latency_p95_ms=p95,
            latency_p99_ms=p99,
            latency_max_ms=longest,
            request_length_max=self.length or None,
            modified_content_length_max=self.modified or None,
            nsx_score_max=self.score,
            preview_sent=self.preview,
            request_ids=tuple(self.request_ids),
            virtualservices=tuple(self.virtualservices),
            service_engines=tuple(self.service_engines),
        )


def coarsen(counts: Latencies) -> Latencies:
    """The same counts with values rounded to three significant digits: at most 900 a decade, 0.5 % off."""
    rounded: Latencies = {}
    for value, count in counts.items():
        surplus = 0 if value is None else len(str(abs(value))) - _DIGITS
        kept = value if value is None or surplus <= 0 else round(value, -surplus)
        rounded[kept] = rounded.get(kept, 0) + count
    return rounded


def percentiles(counts: Mapping[int | None, int], *shares: float) -> list[int] | None:
    """For each share (0 to 1) the smallest value that so many requests do not exceed.

    This is the nearest rank, a value that occurred (SQL's ``percentile_disc``). None without any value.
    """
    values = sorted(value for value in counts if value is not None)
    if not values:
        return None
    upto = list(accumulate(map(counts.__getitem__, values)))
    return [values[bisect_left(upto, share * upto[-1])] for share in shares]
