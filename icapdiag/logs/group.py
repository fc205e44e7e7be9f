"""A group of ICAP requests of one kind: its counts, and what is shown of it."""

from __future__ import annotations

from itertools import repeat

from msgspec import Struct

from icapdiag.avi.addresses import member_name
from icapdiag.avi.entry import PoolName
from icapdiag.avi.times import to_iso
from icapdiag.logs.latency import VALUES_KEPT, Counts, add_counts, coarsen, percentiles
from icapdiag.logs.signature import Entry, Request, Signature, preview_of
from icapdiag.logs.timeline import OUTCOMES
from icapdiag.model import JSONValue

EXAMPLES_KEPT = 5
NAMES_KEPT = 10  # virtual services, Service Engines, response codes: the first ones
THREATS_KEPT = 200
PLACES_KEPT = 1000
SHOWN = 50  # members, pools and threats in facts
_TEXT_KEPT = 200
_MORE = "(more)"


class Place:
    """A pool group and a server in it. Compared by identity; several objects may have the same names."""

    __slots__ = ("member", "pool")

    def __init__(self, pool: str, member: str) -> None:
        self.pool = pool
        self.member = member


_ELSEWHERE = Place(_MORE, _MORE)


def place_of(request: Request) -> Place:
    """Where a request went; empty names where the log does not say."""
    pool = request.pool_name.val if isinstance(request.pool_name, PoolName) else request.pool_name
    member = member_name(request.icap_server_ip, request.icap_server_port, request.icap_absolute_uri)
    return Place((pool or "")[:_TEXT_KEPT], member or "")


class GroupWire(Struct, gc=False, array_like=True):
    """A group as it travels between processes."""

    signature: Signature
    facts: dict[str, str | int | float | bool | list[str] | None]
    count: int
    first: str | None
    last: str | None
    latencies: dict[int, int]
    without_latency: int
    places: list[tuple[str, str, int]]
    threats: dict[str, int]
    request_ids: list[str]
    virtualservices: list[str]
    service_engines: list[str]
    response_codes: list[int]
    length: int
    modified: int
    score: int | None
    preview: int | None


class Group:
    """Mutable on purpose and without methods on the way of a single request: `Summary` counts into it."""

    __slots__ = (
        "column",
        "count",
        "facts",
        "first",
        "last",
        "latencies",
        "left",
        "length",
        "modified",
        "named",
        "places",
        "preview",
        "request_ids",
        "response_codes",
        "score",
        "se_open",
        "service_engines",
        "signature",
        "threats",
        "virtualservices",
        "vs_open",
    )

    def __init__(self, signature: Signature, facts: dict[str, JSONValue], moment: str | None) -> None:
        self.signature = signature
        self.facts = facts
        self.column = OUTCOMES.index(signature.outcome)
        self.count = 0
        self.first = moment  # of report_timestamp, as it stands
        self.last = moment
        self.latencies: Counts = {}
        self.places: dict[Place, int] = {}
        self.threats: dict[str, int] = {}
        self.named = False  # some answer names threats itself
        self.left = EXAMPLES_KEPT
        self.request_ids: list[str] = []
        self.virtualservices: dict[str | None, None] = {}
        self.vs_open = True
        self.service_engines: dict[str | None, None] = {}
        self.se_open = True
        self.response_codes: dict[int, None] = {}
        self.length = 0  # the largest, as the next ones
        self.modified = 0
        self.score: int | None = None
        self.preview: int | None = None

    def note_example(self, entry: Entry, request: Request) -> None:
        """One of the first requests of the group."""
        self.left -= 1
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

    def note_place(self, place: Place, count: int = 1) -> None:
        if place not in self.places and len(self.places) >= PLACES_KEPT:
            self._join_places()
            if len(self.places) >= PLACES_KEPT:
                place = _ELSEWHERE
        self.places[place] = self.places.get(place, 0) + count

    def note_latency(self, value: int | None) -> None:
        self.latencies[value] = self.latencies.get(value, 0) + 1
        if len(self.latencies) > 2 * VALUES_KEPT:
            self.latencies = coarsen(self.latencies)

    def _join_places(self) -> None:
        """One object for each pair of names."""
        names: dict[tuple[str, str], Place] = {}
        joined: dict[Place, int] = {}
        for place, count in self.places.items():
            same = names.setdefault((place.pool, place.member), place)
            joined[same] = joined.get(same, 0) + count
        self.places = joined

    # --- merging ------------------------------------------------------------------------------

    def to_wire(self) -> GroupWire:
        latencies = self.latencies if len(self.latencies) <= VALUES_KEPT else coarsen(self.latencies)
        self._join_places()
        return GroupWire(
            self.signature,
            self.facts,  # type: ignore[arg-type]  # header facts and our own: flat, with lists of text
            self.count,
            to_iso(self.first),
            to_iso(self.last),
            {value: count for value, count in latencies.items() if value is not None},
            latencies.get(None, 0),
            [(place.pool, place.member, count) for place, count in self.places.items()],
            self.threats,
            self.request_ids,
            [name for name in self.virtualservices if name],
            [name for name in self.service_engines if name],
            list(self.response_codes),
            self.length,
            self.modified,
            self.score,
            self.preview,
        )

    def merge(self, wire: GroupWire) -> None:
        """Add a group whose requests come later in the log; the facts stay those of the first request."""
        self.count += wire.count
        if wire.first is not None and wire.last is not None:
            self.first = wire.first if self.first is None else min(self.first, wire.first)
            self.last = wire.last if self.last is None else max(self.last, wire.last)
        add_counts(self.latencies, wire.latencies)
        if wire.without_latency:
            self.latencies[None] = self.latencies.get(None, 0) + wire.without_latency
        if len(self.latencies) > VALUES_KEPT:
            self.latencies = coarsen(self.latencies)
        for pool, member, count in wire.places:
            self.note_place(Place(pool, member), count)
        for name, count in wire.threats.items():
            self.note_threat(name, count)
        self.request_ids = (self.request_ids + wire.request_ids)[:EXAMPLES_KEPT]
        self.left = max(0, self.left - min(EXAMPLES_KEPT, wire.count))
        for code in wire.response_codes:
            self.note_response_code(code)
        for mine, names in ((self.virtualservices, wire.virtualservices), (self.service_engines, wire.service_engines)):
            for name in names:
                if len(mine) < NAMES_KEPT:
                    mine[name] = None
        self.length = max(self.length, wire.length)
        self.modified = max(self.modified, wire.modified)
        if wire.score is not None:
            self.score = max(wire.score, self.score or 0)
        if wire.preview is not None:
            self.preview = max(wire.preview, self.preview or 0)

    # --- what is shown ------------------------------------------------------------------------

    def counts_by(self, attribute: str) -> dict[str, int]:
        """Requests per ``pool`` or ``member``, busiest first; requests that name none are left out."""
        counts: dict[str, int] = {}
        for place, count in self.places.items():
            name = getattr(place, attribute)
            if name:
                counts[name] = counts.get(name, 0) + count
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def shown(self) -> dict[str, JSONValue]:
        """The group as facts (see ``icapdiag runbooks fields``)."""
        facts = dict(self.facts)
        facts["count"] = self.count
        facts["first_seen"] = to_iso(self.first)
        facts["last_seen"] = to_iso(self.last)
        facts["members"] = list(self.counts_by("member"))[:SHOWN]
        facts["pools"] = list(self.counts_by("pool"))[:SHOWN]
        facts["threats"] = sorted(self.threats, key=lambda name: (-self.threats[name], name))[:SHOWN]
        facts["response_code"] = next(iter(self.response_codes)) if len(self.response_codes) == 1 else None
        found = percentiles(self.latencies, 0.5, 0.95, 0.99, 1.0)
        for share, value in zip(("p50", "p95", "p99", "max"), found or repeat(None), strict=False):
            facts[f"latency_{share}_ms"] = value
        facts["request_length_max"] = self.length or None
        facts["modified_content_length_max"] = self.modified or None
        facts["nsx_score_max"] = self.score
        facts["preview_sent"] = self.preview
        facts["request_ids"] = list(self.request_ids)
        facts["virtualservices"] = [name for name in self.virtualservices if name]
        facts["service_engines"] = [name for name in self.service_engines if name]
        return facts
