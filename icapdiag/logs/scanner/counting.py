"""Messages counted by kind, requests by outcome: what is kept of a scanner's log, however long it is."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct, field

from icapdiag.avi.addresses import host_port, split_uri, to_address
from icapdiag.facts.scanner import C_ICAP
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.group import VALUES_KEPT, Latencies, coarsen
from icapdiag.logs.counting.who import MORE, Names
from icapdiag.logs.scanner.lines import Message
from icapdiag.logs.scanner.messages import Said, read_message
from icapdiag.logs.scanner.requests import Logged
from icapdiag.logs.scanner.times import Time
from icapdiag.vocabulary import Verdict

SERVICES_KEPT = 500  # of all logs: places at which messages are counted
GROUPS_KEPT = 2000
NAMES_KEPT = 50  # of threats and of peers
TEXT_KEPT = 300


class Place(NamedTuple):
    """Whose messages: of a program's log, and for Squid of one ICAP service."""

    log: str
    program: str
    member: str = ""
    service: str = ""


class Counted(Struct):
    """Messages of one kind. ``parts`` are those of the first."""

    parts: dict[str, str]
    example: str
    count: int = 0
    first: str | None = None
    last: str | None = None
    assumed: bool = False
    size: int = 0
    limit: int | None = None
    free: int | None = None
    used: int | None = None
    threats: Names = field(default_factory=Names)
    peers: Names = field(default_factory=Names)

    def note(self, time: Time | None, parts: dict[str, str]) -> None:
        """One message."""
        self.count += 1
        self.note_time(time)
        for name, part in parts.items():
            match name:
                case "size":
                    self.size = max(self.size, int(part))
                case "limit":
                    self.limit = int(part)
                case "free":
                    self.free = int(part) if self.free is None else min(self.free, int(part))
                case "used":
                    self.used = max(self.used or 0, int(part))
                case "threat":
                    self.threats.note(part[:TEXT_KEPT], room=NAMES_KEPT)
                case "peer" if part != "-":
                    self.peers.note(part[:TEXT_KEPT], room=NAMES_KEPT)
                case _:
                    self.parts.setdefault(name, part[:TEXT_KEPT])

    def note_time(self, time: Time | None) -> None:
        """When it was logged."""
        if time is not None:
            self.first = time.iso if self.first is None else min(self.first, time.iso)
            self.last = time.iso if self.last is None else max(self.last, time.iso)
            self.assumed = self.assumed or time.assumed


class Outcome(NamedTuple):
    """What requests of one group have in common."""

    place: Place
    method: str
    status: int
    outcome: str
    bypassed: bool
    verdict: Verdict | None
    failed: bool


class CountedRequests(Struct):
    """Requests with the same outcome."""

    first: str
    last: str
    assumed: bool = False
    count: int = 0
    latencies: Latencies = {}
    peers: Names = field(default_factory=Names)
    threats: Names = field(default_factory=Names)

    def note(self, request: Logged) -> None:
        """One request."""
        self.count += 1
        self.first, self.last = min(self.first, request.time.iso), max(self.last, request.time.iso)
        self.assumed = self.assumed or request.time.assumed
        if request.milliseconds is not None:
            self.latencies[request.milliseconds] = self.latencies.get(request.milliseconds, 0) + 1
            if len(self.latencies) > 2 * VALUES_KEPT:
                self.latencies = coarsen(self.latencies)
        if request.peer:
            self.peers.note(request.peer, room=NAMES_KEPT)
        if request.threat:
            self.threats.note(request.threat[:TEXT_KEPT], room=NAMES_KEPT)


class ScannerCounting:
    """Everything that was counted so far.

    What a filter asks for and the log does not say is not met: such messages and requests are left out. ``filtered``
    counts all that were left out, ``unmet`` those of these that an option left out for want of what it selects by, and
    ``options`` has the names of these options.
    """

    def __init__(self, filters: Filters | None = None) -> None:
        self.filters = filters or Filters()
        self.filtered = 0
        self.unmet = 0
        self.options: frozenset[str] = frozenset()
        self.messages: dict[Place, dict[str, Counted]] = {}
        self.requests: dict[Outcome, CountedRequests] = {}

    def note(self, log: str, found: Message | Logged) -> None:
        """A message or a request of this log."""
        if isinstance(found, Logged):
            self._note_request(log, found)
        else:
            self._note_message(log, found)

    def _note_message(self, log: str, found: Message) -> None:
        said = read_message(found.program, found.text)
        if said is None:
            return
        place = _place(log, found.program, said)
        client = said.parts.get("peer") if said.kind == "virus-found" else None
        if not self._takes(found.time, place.member, to_address(client) or ""):
            return
        if place not in self.messages and len(self.messages) >= SERVICES_KEPT:
            place = place._replace(member=MORE, service="") if place.member else place._replace(log=MORE)
        counted = self.messages.setdefault(place, {})
        if said.kind not in counted:
            counted[said.kind] = Counted({}, found.text[:TEXT_KEPT])
        counted[said.kind].note(found.time, said.parts)

    def _note_request(self, log: str, found: Logged) -> None:
        if not self._takes(found.time, found.member, found.client):
            return
        place = Place(log, found.program, found.member, found.service[:TEXT_KEPT])
        key = Outcome(place, found.method, found.status, found.outcome, found.bypassed, found.verdict, found.failed)
        group = self.requests.get(key)
        if group is None:
            if len(self.requests) >= GROUPS_KEPT:
                key = key._replace(place=Place(MORE, found.program, MORE, ""))
            group = self.requests.setdefault(key, CountedRequests(found.time.iso, found.time.iso))
        group.note(found)

    def _takes(self, time: Time | None, member: str, client: str) -> bool:
        """Whether the filters take it; the log of c-icap names no server, and is that of the one asked for."""
        filters = self.filters
        if not filters:
            return True
        taken = filters.takes_time(None if time is None else time.iso)
        taken = taken and (not member or filters.takes_member(member))
        if taken:
            met = filters.takes_client(client)
            taken = met and not filters.of_avi
            if missing := (*filters.of_avi, *(() if met or client else ("--client",))):
                self.unmet += 1
                self.options = self.options.union(missing)
        self.filtered += not taken
        return taken


def _place(log: str, program: str, said: Said) -> Place:
    """Squid names the service that a message is about; c-icap has nobody to name."""
    found = None if program == C_ICAP else split_uri(said.parts.get("uri"))
    if found is None:
        return Place(log, program)
    return Place(log, program, host_port(found[0], found[1]), found[2][:TEXT_KEPT])
