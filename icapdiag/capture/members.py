"""The members that a capture shows, and the observations about each: equal ones together, with their number.

Members and groups are bounded; of a group the slowest transaction is kept.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from icapdiag.capture.connection import CLIENT, SERVER, TLS, Connection
from icapdiag.capture.conversation import Transaction
from icapdiag.capture.group import Allowance, Group, Peer, iso
from icapdiag.capture.http import Upload as HttpUpload
from icapdiag.capture.outcome import (
    Ending,
    connecting,
    ending_of,
    handshaking,
    service_of,
    transaction_facts,
)
from icapdiag.facts import connection as sheets
from icapdiag.facts import tls
from icapdiag.facts.capture import Captured, SentValue, Upload
from icapdiag.facts.connection import Endpoint, ProfileInForce, Sightings
from icapdiag.facts.deep import Size
from icapdiag.facts.sheet import Sheet
from icapdiag.facts.standard import Options, Sample
from icapdiag.icap.message import Request
from icapdiag.model import Observation
from icapdiag.vocabulary import Reason, Status

_GROUPS = 64  # of a member
_VALUES = 32  # of a header that are counted apart
_SHOWN = 5  # of these
_CLIENTS = 20
_UPLOADS = 1000  # HTTP requests of a group whose status is looked up in the end
_ROUND_TRIPS = 10_000  # of a member
_REPEATS = 2  # of one segment that was never acknowledged: a long packet that does not get through
_LONG = 500  # bytes of payload of a long packet
_NONE = "(none)"
_AVI_ORDER = ("host", "connection", "preview", "allow", "encapsulated")  # of an Avi Service Engine's headers


class MemberSeen:
    """All that the capture shows of one server."""

    def __init__(self, peer: Peer, profile: ProfileInForce, allowance: Allowance) -> None:
        """``allowance`` is shared by all members."""
        self.peer = peer
        self._allowance = allowance
        self._profile = profile
        self._groups: dict[tuple[Hashable, ...], Group] = {}
        self._tcp: dict[Hashable, Group] = {}
        self._tls: dict[Hashable, Group] = {}
        self._round_trips = array("q")  # ns
        self._near: Counter[str] = Counter()
        self.clients: Counter[str] = Counter()
        self.captured = Captured(
            connections=0, requests=0, options_requests=0, upload_requests=0, continued_requests=0,
            unfinished_requests=0, connections_reused=0, resets_by_server=0, resets_by_client=0,
            server_full=0, client_full=0, missing_bytes=0, bytes_that_differ=0,
        )  # fmt: skip
        self.sent: dict[str, Counter[str]] = {name: Counter() for name in ("preview", "allow", "connection", "service")}
        self._path = sheets.Path(connections=0, connections_lossy=0, syn_retries=0, segments_sent=0, segments_lost=0,
                                 out_of_order=0, answers_lost=0)  # fmt: skip
        self._closing: Counter[str] = Counter()
        self._stuck: tuple[int, int] | None = None  # bytes of the segment that was not acknowledged; time
        self._longest_acknowledged = 0
        self._istag: str | None = None  # of the last answer to OPTIONS
        self.mentions_icap = False
        self.encrypted = 0  # connections
        self.avi_form = self.other_form = 0  # requests
        self.outgoing: Counter[bool] = Counter()

    # --- transactions ------------------------------------------------------------------------------

    def transaction(self, connection: Connection, current: Transaction) -> Group | None:
        """Take one that is over; the group that it belongs to, None where nothing is known of its outcome."""
        captured, request = self.captured, current.request
        self.mentions_icap = True
        captured.requests = (captured.requests or 0) + 1
        is_options = current.method == "OPTIONS"
        if is_options:
            captured.options_requests = (captured.options_requests or 0) + 1
        else:
            captured.upload_requests = (captured.upload_requests or 0) + 1
        captured.continued_requests = (captured.continued_requests or 0) + (current.continued is not None)
        if request is not None:
            self._count("service", service_of(request))
            self._count("connection", request.headers.get("Connection"))
            if not is_options:
                self._count("preview", request.headers.get("Preview"))
                self._count("allow", request.headers.get("Allow"))
                is_avi = _has_avi_form(request)
                self.avi_form += is_avi
                self.other_form += not is_avi
        ending = ending_of(connection, current)
        if ending.status is None:
            captured.unfinished_requests = (captured.unfinished_requests or 0) + 1
            return None
        probe, facts = transaction_facts(connection, current, ending, self._profile)
        answer, took = facts.answer, facts.transfer.answer_ms
        tag = None if answer.istag is None else answer.istag.strip().strip('"')
        if isinstance(facts, Options):
            self._istag = tag or self._istag
        elif self._istag is not None and tag is not None:
            facts.istag_changed = tag != self._istag
        waited = ((current.done or current.begun) - current.begun) / 1e6
        key: tuple[Hashable, ...] = (
            probe, answer.method, facts.profile.service_uri, ending.status, ending.reason, answer.icap_status,
            answer.verdict, answer.protocol_rule, answer.deviation_rules, answer.istag, answer.threats,
            answer.complete_body_sent, self._slowness(took), facts.no_answer.close_reaction,
        )  # fmt: skip
        if key not in self._groups and (len(self._groups) >= _GROUPS or self._allowance.groups <= 0):
            key = (probe, ending.status, ending.reason)  # no more is told apart
        group = self._groups.get(key)
        if group is None:
            self._allowance.groups -= 1
            group = self._groups[key] = Group(ending, facts, current.begun)
        group.add(ending, facts, current.begun, took if took is not None else waited)
        return group

    def _slowness(self, took: float | None) -> int:
        limits = (self._profile.warn_ms, self._profile.crit_ms)
        return 0 if took is None else sum(limit is not None and took > limit for limit in limits)

    def _count(self, name: str, value: str | None) -> None:
        counted, word = self.sent[name], _NONE if value is None else value[:100]
        if word in counted or len(counted) < _VALUES:
            counted[word] += 1

    # --- connections -------------------------------------------------------------------------------

    def connection(self, connection: Connection, end: int) -> None:
        """Take one that is over; ``end``: of the capture, ns."""
        captured = self.captured
        captured.connections = (captured.connections or 0) + 1
        client = Peer.of(connection.client)
        if client.address not in self.clients:
            self._allowance.clients -= 1
        if client.address in self.clients or self._allowance.clients >= 0:
            self.clients[client.address] += 1
        self.mentions_icap = self.mentions_icap or connection.icap
        ending = connecting(connection, end)
        if ending.status is not None and (connection.syns or connection.icap):
            facts = sheets.TCP(
                family="ipv6" if ":" in client.address else "ipv4",
                local_address=client.address,
                retransmits=max(0, connection.syns - 1),
                error=ending.error,
            )
            self._add(self._tcp, (ending.status, ending.reason), ending, facts, connection.started)
        if ending.status is Status.OK:
            self._measure(connection)
        if not connection.exported:
            self._lossy(connection)
        self._ends(connection)
        if connection.kind == TLS and connection.tls is not None:
            self._handshake(connection, end)

    @staticmethod
    def _add(groups: dict[Hashable, Group], key: Hashable, ending: Ending, facts: Sheet, time: int) -> None:
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(ending, facts, time)
        group.add(ending, facts, time, 0.0)

    def _measure(self, connection: Connection) -> None:
        """The handshake's round trip: of both halves, wherever between the two the capture was made."""
        if connection.syn is None or connection.syn_ack is None or connection.established is None:
            return
        there, back = connection.syn_ack - connection.syn, connection.established - connection.syn_ack
        if there < 0 or back < 0:
            return
        if len(self._round_trips) < _ROUND_TRIPS and self._allowance.handshakes > 0:
            self._allowance.handshakes -= 1
            self._round_trips.append(there + back)
        at_client = connection.client[:-2] == connection.server[:-2] or there > 3 * back  # one host, or near it
        self._near["client" if at_client else "server" if back > 3 * there else "between"] += 1
        if connection.outgoing is not None:
            self.outgoing[connection.outgoing] += 1

    def _lossy(self, connection: Connection) -> None:
        path, sent, received = self._path, connection.streams[CLIENT], connection.streams[SERVER]
        retries = max(0, connection.syns - 1)
        path.connections = (path.connections or 0) + 1
        path.connections_lossy = (path.connections_lossy or 0) + bool(sent.resent or retries)
        path.syn_retries = (path.syn_retries or 0) + retries
        path.segments_sent = (path.segments_sent or 0) + sent.segments + connection.syns
        if connection.answered:
            path.segments_lost = (path.segments_lost or 0) + sent.resent + retries
        path.out_of_order = (path.out_of_order or 0) + received.out_of_order
        path.answers_lost = (path.answers_lost or 0) + bool(received.resent)
        captured = self.captured
        captured.missing_bytes = (captured.missing_bytes or 0) + sent.missing + received.missing
        captured.bytes_that_differ = (captured.bytes_that_differ or 0) + sent.differing + received.differing
        if sent.acked is not None and sent.repeats >= _REPEATS and sent.repeat_length >= _LONG:
            known = sent.longest_acknowledged >= sent.repeat_length  # one of that length has arrived
            if (
                sent.acked <= sent.repeat_at
                and not known
                and not (connection.unreachable and connection.unreachable.too_big)
            ):
                self._stuck = (sent.repeat_length, connection.started)
        self._longest_acknowledged = max(self._longest_acknowledged, sent.longest_acknowledged)

    def _ends(self, connection: Connection) -> None:
        captured = self.captured
        if connection.requests > 1:
            captured.connections_reused = (captured.connections_reused or 0) + 1
        if connection.reset_by == SERVER and connection.answered and not connection.refused:
            captured.resets_by_server = (captured.resets_by_server or 0) + 1
        if connection.reset_by == CLIENT:
            captured.resets_by_client = (captured.resets_by_client or 0) + 1
        first = connection.closed_by if connection.closed_by is not None else connection.reset_by
        if first is not None and connection.answered and not connection.refused:
            self._closing["client" if first == CLIENT else "server"] += 1
        captured.server_full = (captured.server_full or 0) + connection.server_full
        captured.client_full = (captured.client_full or 0) + connection.client_full

    def _handshake(self, connection: Connection, end: int) -> None:
        assert connection.tls is not None  # noqa: S101 - who calls has looked
        self.encrypted += 1
        found = connection.tls.handshake()
        ending = handshaking(connection, found, end)
        if ending.status is None:
            return
        facts = tls.TLS(
            sni=bool(found.server_name),
            server_name=found.server_name or None,
            tls_version=found.version or None,
            cipher=found.cipher or None,
            error=ending.error,
        )
        if found.certificates:
            from icapdiag.facts.certificate import chain_facts  # noqa: PLC0415 - cryptography only where TLS is met

            facts |= chain_facts(found.certificates, datetime.fromtimestamp(connection.started / 1e9, UTC))
        key = (ending.status, ending.reason, found.server_name, found.version)
        if key not in self._tls and len(self._tls) >= _GROUPS:
            return
        self._add(self._tls, key, ending, facts, connection.started)

    # --- what comes of it --------------------------------------------------------------------------

    @property
    def round_trip(self) -> float | None:
        """The median of the handshakes, ms."""
        found = sorted(self._round_trips)
        return round(found[len(found) // 2] / 1e6, 3) if found else None

    @property
    def place(self) -> Counter[str]:
        """How many handshakes were seen near the client, the server, or neither."""
        return self._near

    def observations(self, pool: str, name: str) -> Iterator[Observation]:
        """In the order in which a live run has them."""
        endpoint = Endpoint(
            host=self.peer.address, port=self.peer.port, tls=self.encrypted > 0 and not self._groups,
            address=self.peer.address,
        )  # fmt: skip

        def seen(probe: str, facts: sheets.ProbeSheet, group: Group | None = None) -> Observation:
            ending = Ending(Status.OK) if group is None else group.status_of
            counted = Sightings() if group is None else group.sightings
            took = None if group is None or group.took <= 0 else round(group.took, 3)
            return Observation(
                source="probe", probe=probe, pool=pool, member=name, status=ending.status or Status.OK,
                reason=None if ending.reason is None else str(ending.reason), elapsed_ms=took,
                facts=replace(facts, endpoint=endpoint, sightings=counted),
            )  # fmt: skip

        for group in self._ordered(self._tcp):
            facts = group.facts
            assert isinstance(facts, sheets.TCP)  # noqa: S101 - only those are added
            if group.status_of.status is Status.OK:
                facts = replace(facts, rtt_ms=self.round_trip)
            yield seen("tcp", facts, group)
        for group in self._ordered(self._tls):
            assert isinstance(group.facts, tls.TLS)  # noqa: S101 - only those are added
            yield seen("tls", group.facts, group)
        raw = any(key[0] == "eicar" for key in self._groups)
        listed = [(self._probe(key, raw=raw), group) for key, group in self._groups.items()]
        for probe in ("options", "clean", "upload", "eicar", "eicar-form"):
            for group in self._ordered(
                {number: group for number, (name_, group) in enumerate(listed) if name_ == probe}
            ):
                facts_ = group.facts
                assert isinstance(facts_, Options | Sample)  # noqa: S101 - only those are added
                if isinstance(facts_, Upload):
                    facts_ = replace(facts_, client_statuses=_statuses(group.uploads) or None)
                yield seen(probe, facts_, group)
        if self._stuck is not None:
            yield self._black_hole(seen("size", Size()), *self._stuck)
        if (self._path.segments_sent or 0) and any(g.status_of.status is Status.OK for g in self._tcp.values()):
            yield seen("path", self._path_facts())
        yield seen("capture", self._captured())

    @staticmethod
    def _probe(key: tuple[Hashable, ...], *, raw: bool) -> str:
        """The probe of a group; EICAR in a form is the only EICAR there is where nobody sends it as it is."""
        probe = str(key[0])
        return "eicar" if probe == "eicar-form" and not raw else probe

    @staticmethod
    def _ordered(groups: Mapping[Any, Group]) -> list[Group]:
        """Failures first, then the most frequent."""
        return sorted(groups.values(), key=lambda group: (group.status_of.status is Status.OK, -group.count))

    def _path_facts(self) -> sheets.Path:
        path = replace(self._path)
        sent, lost = path.segments_sent or 0, path.segments_lost or 0
        path.loss_percent = round(100 * lost / sent, 1) if sent else None
        return path

    def _black_hole(self, seen: Observation, length: int, time: int) -> Observation:
        """Long packets that never arrive, on connections whose short ones do."""
        shorter = 0 < self._longest_acknowledged < length
        facts = Size(
            endpoint=seen.facts.endpoint,  # type: ignore[attr-defined]
            size_failure="unacknowledged",
            size_failure_reason=str(Reason.TIMEOUT),
            segment_size=length,
            mtu_black_hole=True if shorter else None,
            sightings=Sightings(count=1, first_seen=iso(time), last_seen=iso(time)),
        )
        return replace(seen, facts=facts)

    def _captured(self) -> Captured:
        listed = {name: _values(counted) for name, counted in self.sent.items()}
        first = self._closing.most_common(1)
        return replace(
            self.captured,
            clients=tuple(address for address, _ in self.clients.most_common(_CLIENTS)) or None,
            previews_sent=listed["preview"],
            allows_sent=listed["allow"],
            connections_sent=listed["connection"],
            services_asked=listed["service"],
            first_to_close=first[0][0] if first else None,
            client_answers=_values(self.client_answers),
        )

    @property
    def client_answers(self) -> Counter[str]:
        """The HTTP statuses that clients got, and how often."""
        uploads = (upload for group in self._groups.values() for upload in group.uploads)
        return Counter(str(upload.status) for upload in uploads if upload.status is not None)

    def keep_upload(self, group: Group, upload: HttpUpload) -> None:
        """The client's HTTP request that led to a transaction of this group."""
        if len(group.uploads) < _UPLOADS:
            group.uploads.append(upload)


def _has_avi_form(request: Request) -> bool:
    """Whether it has the headers of an Avi Service Engine in its order, and is none of icapdiag's own."""
    if tuple(name.lower() for name, _ in request.headers) != _AVI_ORDER:
        return False
    head = request.http_request
    return head is None or not (head.headers.get("User-Agent") or "").startswith("icapdiag/")


def _values(counted: Counter[str]) -> tuple[SentValue, ...] | None:
    return tuple(SentValue(value=value, requests=number) for value, number in counted.most_common(_SHOWN)) or None


def _statuses(uploads: list[HttpUpload]) -> tuple[int, ...]:
    counted = Counter(upload.status for upload in uploads if upload.status is not None)
    return tuple(status for status, _ in counted.most_common(_SHOWN))
