"""A group of ICAP requests of one kind: its counts, and the facts shown."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate, repeat
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.avi.addresses import member_name
from icapdiag.avi.entry import (
    LIST_KEPT,
    DetailedEntry,
    DetailedRequest,
    LogEntry,
    NsxDefenderLog,
    PoolName,
    RequestLog,
    Violation,
)
from icapdiag.avi.times import to_iso
from icapdiag.avi.vocabulary import DISABLED
from icapdiag.facts.groups import RequestGroup
from icapdiag.logs.counting.signature import Signature, body_of, preview_of
from icapdiag.logs.counting.timeline import COLUMNS
from icapdiag.logs.counting.who import KINDS, MORE, NARROW, ROOM, TEXT_KEPT, Who, folder
from icapdiag.vocabulary import Status, Verdict

EXAMPLES_KEPT = 5  # ids of requests
SAMPLE = 30  # requests of a group whose virtual service and Service Engine are looked at: the first ones
NAMES_KEPT = 10  # of these, and of response codes
THREATS_KEPT = 200
DESTINATIONS_KEPT = 1000
SHOWN = 50  # members, pools and threats in facts
_LISTED = 5  # of these in an observation
_WELL = frozenset({"passed", "modified"})  # outcomes of requests that nobody asks about
Latencies = dict[int | None, int]  # ms (None: not logged) → requests

VALUES_KEPT = 8192  # distinct values; beyond, three significant digits are kept
_DIGITS = 3


class Destination(NamedTuple):
    """A pool group and a server in it, ``port`` as logged."""

    pool: str
    member: str
    port: int | None = None


_ELSEWHERE = Destination(MORE, MORE)
NOWHERE = Destination("", "")


def destination_of(request: RequestLog) -> Destination:
    """The destination of a request; names are empty if the log does not have them."""
    pool = request.pool_name.val if isinstance(request.pool_name, PoolName) else request.pool_name
    member = member_name(request.icap_server_ip, request.icap_server_port, request.icap_absolute_uri)
    return Destination((pool or "")[:TEXT_KEPT], member or "", request.icap_server_port)


class CountedGroup(Struct, array_like=True):
    """Mutable on purpose: `Counting` writes into it directly, as a call per request would cost more than the rest."""

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
    noting: bool = True  # some request is still to be looked at
    blamed: bool = False  # all of them are: somebody will ask who sent them
    who: Who | None = None  # of those that were looked at
    room: int = ROOM  # for names of a kind in it
    services: dict[str, int] = {}  # requests by virtual service
    resolutions: dict[str, int] = {}  # violations by what was done about them
    tasks: list[str] = []  # of NSX Defender, their links
    pending: int = 0  # requests whose task has no score
    icaps: bool = False  # the first request went by TLS
    pool_uuids: dict[str, int] = {}  # with the number of the request that had it first, too
    source_ports: list[str] = []
    uploads: dict[str, None] = {}  # through ICAP: method and path
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
    new_services: list[str | None] = []
    new_moments: list[str | None] = []  # of these
    last_by_service: dict[str, str] = {}  # of report_timestamp, by virtual service

    def __post_init__(self) -> None:
        self.column = COLUMNS.index(self.signature.outcome)
        scanned = self.signature.verdict in {None, Verdict.ALLOWED, Verdict.MODIFIED}
        self.blamed = self.signature.outcome not in _WELL or self.signature.status is Status.FAILED or not scanned

    @property
    def count(self) -> int:
        """The number of requests; each has one latency or none."""
        return sum(self.latencies.values())

    def narrow(self) -> None:
        """Keep fewer names, as there are many groups."""
        self.room = NARROW

    def note_entry(self, entry: DetailedEntry, request: RequestLog) -> None:
        """Note the entry of a request, as long as `noting`."""
        if self.blamed:
            if self.who is None:
                self.who = Who(room=self.room)
            self.who.note(entry)
        if self.left:
            self.note_example(entry, request)

    def note_example(self, entry: LogEntry, request: RequestLog) -> None:
        """Note one of the first requests of the group."""
        number = SAMPLE - self.left
        self.left -= 1
        self.noting = self.blamed or self.left > 0
        for name, names in (
            (entry.service, self.virtualservices),
            (entry.service_engine, self.service_engines),
        ):
            if name and name not in names and len(names) < NAMES_KEPT:
                names[name] = number
        if isinstance(entry, DetailedEntry) and len(self.uploads) < EXAMPLES_KEPT:
            self._note_upload(entry)
        if number < EXAMPLES_KEPT:
            if entry.request_id:
                self.request_ids.append(str(entry.request_id)[:TEXT_KEPT])
            if isinstance(request, DetailedRequest):
                if request.source_port is not None:
                    self.source_ports.append(str(request.source_port))
                if request.pool_uuid:
                    self.pool_uuids.setdefault(request.pool_uuid[:TEXT_KEPT], number)
            if number == 0:
                self.icaps = (request.icap_absolute_uri or "").strip().lower().startswith("icaps:")
            preview = preview_of(request)
            if preview is not None:
                self.preview = max(preview, self.preview or 0)

    def _note_upload(self, entry: DetailedEntry) -> None:
        """Note what a request uploaded to, if it went through ICAP."""
        if self.signature.entry_action != DISABLED and body_of(entry) == "yes" and entry.method and entry.uri_path:
            self.uploads[f"{entry.method.upper()} {folder(entry.uri_path)}"[:TEXT_KEPT]] = None

    def note_moment(self, moment: str | None) -> None:
        """Note the time of a request, if it has one."""
        if moment is None:
            return
        if self.first is None or self.last is None:
            self.first = self.last = moment
        self.first, self.last = min(self.first, moment), max(self.last, moment)

    def note_response_code(self, code: int | None) -> None:
        if code is not None and len(self.response_codes) < NAMES_KEPT:
            self.response_codes[code] = None

    def note_threat(self, name: str, count: int = 1) -> None:
        _note(self.threats, name[:TEXT_KEPT], count, THREATS_KEPT)

    def note_service(self, name: str | None, count: int) -> None:
        """Note requests through a virtual service."""
        if name:
            _note(self.services, name[:TEXT_KEPT], count, DESTINATIONS_KEPT)

    def note_violations(self, found: tuple[Violation, ...]) -> None:
        """Note what MetaDefender did with the threats in a file."""
        for each in found[:LIST_KEPT]:
            if each.resolution:
                _note(self.resolutions, each.resolution[:TEXT_KEPT], 1, NAMES_KEPT)

    def note_nsx(self, log: NsxDefenderLog) -> None:
        """Note the result of NSX Defender: a score, or a task that has none yet."""
        if log.score is not None:
            self.score = max(self.score or 0, log.score)
        elif log.task_uuid or log.status_url:
            self.pending += 1
        task = log.status_url or log.task_uuid
        if task and len(self.tasks) < EXAMPLES_KEPT:
            self.tasks.append(task[:TEXT_KEPT])

    def note_latency(self, latency: int | None, count: int) -> None:
        """Note requests with this latency, or without one."""
        self.latencies[latency] = self.latencies.get(latency, 0) + count
        if len(self.latencies) > 2 * VALUES_KEPT:
            self.latencies = coarsen(self.latencies)

    def note_destination(self, where: Destination, count: int) -> None:
        """Note requests to this destination."""
        if where not in self.destinations and len(self.destinations) >= DESTINATIONS_KEPT:
            where = _ELSEWHERE
        self.destinations[where] = self.destinations.get(where, 0) + count

    def count_new(self) -> None:
        """Count what was noted."""
        for value, count in Counter(self.new_latencies).items():
            self.note_latency(value, count)
        for where, count in Counter(self.new_destinations).items():
            self.note_destination(where, count)
        for name, count in Counter(self.new_services).items():
            self.note_service(name, count)
        self._note_last()
        self.new_latencies.clear()
        self.new_destinations.clear()
        self.new_services.clear()
        self.new_moments.clear()
        if self.who is not None and self.who.new:
            self.who.count_new()

    def _note_last(self) -> None:
        """Note the last time of each virtual service."""
        names, moments = list(dict.fromkeys(self.new_services)), self.new_moments
        if len(names) == 1:
            moments = [max(filter(None, moments), default=None)]
        else:
            names = self.new_services
        for name, moment in zip(names, moments, strict=True):
            if name and moment:
                self._note_last_of(name[:TEXT_KEPT], moment)

    def _note_last_of(self, name: str, moment: str) -> None:
        if moment > self.last_by_service.get(name, "") and (
            name in self.last_by_service or len(self.last_by_service) < DESTINATIONS_KEPT
        ):
            self.last_by_service[name] = moment

    def merge(self, later: CountedGroup) -> None:
        """Add a group whose requests come later in the log; the facts remain those of the first request."""
        known = SAMPLE - self.left
        more = max(0, EXAMPLES_KEPT - known)
        for mine, names, end in (
            (self.virtualservices, later.virtualservices, SAMPLE),
            (self.service_engines, later.service_engines, SAMPLE),
            (self.pool_uuids, later.pool_uuids, EXAMPLES_KEPT),
        ):
            for name, number in names.items():
                if name not in mine and len(mine) < NAMES_KEPT and known + number < end:
                    mine[name] = known + number
        if more and later.preview is not None:
            self.preview = max(later.preview, self.preview or 0)
        self.request_ids += later.request_ids[:more]
        self.source_ports += later.source_ports[:more]
        if known < SAMPLE:
            self.uploads = dict.fromkeys([*self.uploads, *later.uploads][:EXAMPLES_KEPT])
        self.tasks = (self.tasks + later.tasks)[:EXAMPLES_KEPT]
        self.pending += later.pending
        self.icaps = self.icaps if known else later.icaps
        self._merge_names(later)
        self.left = max(0, self.left - later.count)
        self.noting = self.blamed or self.left > 0
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

    def _merge_names(self, later: CountedGroup) -> None:
        if later.who is not None:
            if self.who is None:
                self.who = Who(room=self.room)
            self.who.merge(later.who)
        for name, count in later.services.items():
            self.note_service(name, count)
        self.last_by_service = {name: iso for name, one in self.last_by_service.items() if (iso := to_iso(one))}
        for name, one in later.last_by_service.items():
            if iso := to_iso(one):
                self._note_last_of(name, iso)
        for name, count in later.resolutions.items():
            _note(self.resolutions, name, count, NAMES_KEPT)

    @property
    def last_of_services(self) -> dict[str, str] | None:
        """The last time of each virtual service; None if there is only one, whose it is the group's own."""
        if len(self.services) < 2:
            return None
        return {name: iso for name, one in sorted(self.last_by_service.items()) if (iso := to_iso(one))} or None

    def counts_by(self, attribute: str) -> dict[str, int]:
        """Requests per ``pool`` or ``member``, busiest first; requests that name none are left out."""
        counts: dict[str, int] = {}
        for place, count in self.destinations.items():
            name = getattr(place, attribute)
            counts[name] = counts.get(name, 0) + count
        counts.pop("", None)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def shown(
        self, pools: Iterable[str], members: Iterable[str], only_engine: str | None = None, quiet: float | None = None
    ) -> RequestGroup:
        """The group as facts; pools and members from `counts_by`, engine and quiet time from the log as a whole."""
        p50, p95, p99, longest = percentiles(self.latencies, 0.5, 0.95, 0.99, 1.0) or repeat(None, 4)
        listed = dict.fromkeys(KINDS) if self.who is None else self.who.listed(_LISTED)
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
            only_service_engine=only_engine,
            quiet_s=quiet,
            icap_tls=True if self.icaps else None,
            pool_uuids=tuple(self.pool_uuids) or None,
            source_ports=tuple(self.source_ports) or None,
            uploads=tuple(self.uploads) or None,
            nsx_pending=self.pending or None,
            nsx_tasks=tuple(self.tasks) or None,
            resolutions=tuple(self.resolutions) or None,
            clients=listed["clients"],
            users=listed["users"],
            http_methods=listed["methods"],
            http_hosts=listed["hosts"],
            paths=listed["paths"],
            content_types=listed["content_types"],
            policy_rules=listed["rules"],
        )

    @property
    def engines(self) -> frozenset[str]:
        """The Service Engines of its requests: of all where they were looked at, otherwise of the first ones."""
        known = self.names_by("engines") if self.looked_at == self.count else None
        return frozenset(known or self.service_engines)

    @property
    def looked_at(self) -> int | None:
        """The number of requests whose names were read; None if they are not needed."""
        if not self.blamed:
            return None
        return 0 if self.who is None else self.who.looked_at

    def names_by(self, kind: str) -> dict[str, int] | None:
        """Requests by client, path and so on, among those whose names were read; None if no name is known."""
        return None if self.who is None else getattr(self.who, kind).all() or None


def _note(counts: dict[str, int], name: str, count: int, room: int) -> None:
    """Add requests of this name; names beyond the limit are counted together."""
    if name not in counts and len(counts) >= room:
        name = MORE
    counts[name] = counts.get(name, 0) + count


def coarsen(counts: Latencies) -> Latencies:
    """The same counts with values rounded to three significant digits: at most 900 a decade, 0.5 % off."""
    rounded: Latencies = {}
    for value, count in counts.items():
        surplus = 0 if value is None else len(str(abs(value))) - _DIGITS
        kept = value if value is None or surplus <= 0 else round(value, -surplus)
        rounded[kept] = rounded.get(kept, 0) + count
    return rounded


def percentiles(counts: Mapping[int | None, int], *shares: float) -> list[int] | None:
    """For each share (0 to 1), the smallest value that this share of requests does not exceed.

    This is the nearest rank, a value that occurred (SQL's ``percentile_disc``). None without values.
    """
    values = sorted(value for value in counts if value is not None)
    if not values:
        return None
    upto = list(accumulate(map(counts.__getitem__, values)))
    return [values[bisect_left(upto, share * upto[-1])] for share in shares]
