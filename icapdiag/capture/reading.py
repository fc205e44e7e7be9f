"""Packet captures, one after the other, to the members that they show: packets in, observations out."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct

from icapdiag.capture.connection import Connection
from icapdiag.capture.conversation import Transaction
from icapdiag.capture.file import CaptureFile, Read
from icapdiag.capture.group import Allowance, Group, Peer, iso
from icapdiag.capture.http import Upload
from icapdiag.capture.members import MemberSeen
from icapdiag.capture.names import Names
from icapdiag.capture.packets import Decoder
from icapdiag.capture.shortcut import Shortcut
from icapdiag.capture.table import Table
from icapdiag.facts.connection import ProfileInForce
from icapdiag.facts.run import CaptureFileRead

ICAP_PORTS = frozenset({1344, 11344})  # RFC 3507, 4.1, and what is usual with TLS
_MEMBERS = 4096
_SILENT = 10_000  # connections that carried nothing and are kept to the end: of ports of ICAP, and of others
_KEPT = 64  # of these, of one server
_PATHS = 4096  # of HTTP requests that are kept for later
_REQUESTS = 16  # of a path
_JOIN = 300 * 1_000_000_000  # ns between an HTTP request and the scan that it caused
_TICK = 2048  # packets between two looks at ``stop``
_WEIGHED = 32 << 20  # bytes between two looks at what connections keep
_COMMENTS = 20  # that are kept

Progress = Callable[[int], object]  # bytes that were read


class Traffic(Struct, frozen=True, kw_only=True):
    """What a capture holds, of ICAP or not: for whoever gave the wrong file."""

    packets: int
    connections: int
    kinds: tuple[tuple[str, int], ...]  # what is not TCP, and how many packets
    ports: tuple[tuple[int, int], ...]  # TCP ports of servers, and how many connections
    unread_links: tuple[int, ...]  # link types that are not known


class CaptureReader:
    """Feed it captures, then ask for what they show. Nothing in them raises anything."""

    def __init__(
        self,
        *,
        profile: ProfileInForce,
        ports: frozenset[int] = frozenset(),
        known: Mapping[Peer, str] | None = None,
        names: Names | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        """``ports`` and ``known`` (a pool's members, with their names) are where ICAP is expected beside its own.

        ``names``: the pool's members that are given by name.
        ``profile``: the limits that an answer is held to. ``since`` and ``until``: only packets of that time.
        """
        self._profile = profile
        self.known = dict(known or {})
        self.names = names
        self._ports = ICAP_PORTS | ports | {peer.port for peer in self.known} | (names.ports if names else set())
        self._since = None if since is None else int(since.timestamp() * 1e9)
        self._until = None if until is None else int(until.timestamp() * 1e9)
        self._decoder = Decoder(names)
        self._table = Table(self._ports, ended=self._ended, take=self._transaction, upload=self._upload)
        self._shortcut = Shortcut(self._table)
        self._allowance = Allowance()
        self._members: dict[bytes, MemberSeen] = {}
        self._silent: dict[bytes, list[Connection]] = {}  # of servers that no ICAP was seen of
        self._kept = Counter[bool]()  # how many these are: at ports of ICAP, and at others
        self._waiting: OrderedDict[tuple[str, str], deque[Upload]] = OrderedDict()
        self._server_ports: Counter[int] = Counter()
        self._times_named = Counter[str]()  # members of one name
        self._time = 0
        self._weighed = 0  # bytes of the file that had been read when connections were weighed
        self.packets = 0
        self.left_out = 0  # packets, by time
        self.comments: Counter[str] = Counter()
        self.files: list[CaptureFileRead] = []
        self.has_secrets = False

    def read(
        self, name: str, read: Read, *, compressed: str = "", progress: Progress | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> None:  # fmt: skip
        """Read one capture to its end, or until ``stop`` says so. Raises OSError as ``read`` does."""
        file = CaptureFile(read)
        shortcut, decode, take = self._shortcut.take, self._decoder.segment, self._table.take
        since, until = self._since, self._until
        count = size = cut = self._weighed = 0
        first: int | None = None
        for time, link, buffer, at, end, length, comment in file.records():
            count += 1
            size += end - at
            if count % _TICK == 0:
                self._weigh(size)
                if stop is not None and stop():
                    break
                if progress is not None:
                    progress(size)
            if time is None:
                time = self._time  # noqa: PLW2901 - a format without times
            elif (since is not None and time < since) or (until is not None and time >= until):
                self.left_out += 1
                continue
            if first is None:
                first = time
            self._time = time
            if end - at < length:
                cut += 1
            if comment:
                self._comment(comment)
            if not shortcut(time, link, buffer, at, end):
                take(time, decode(link, buffer[at:end], length))
        self.packets += count
        self.has_secrets = self.has_secrets or file.has_secrets
        self.files.append(
            CaptureFileRead(
                name=name,
                format=file.format or None,
                compressed=compressed or None,
                packets=count,
                bytes=size,
                first_seen=None if first is None else iso(first),
                last_seen=None if first is None else iso(self._time),
                dropped=file.dropped or None,
                cut=cut or None,
                faults=tuple(file.faults) or None,
            )
        )

    def _comment(self, comment: str) -> None:
        if comment in self.comments or len(self.comments) < _COMMENTS:
            self.comments[comment] += 1

    def _weigh(self, size: int) -> None:
        """Look now and then at what connections keep; ``size``: bytes of the file that were read."""
        if size - self._weighed > _WEIGHED:
            self._weighed = size
            self._table.relieve(self._time)

    # --- while it is read --------------------------------------------------------------------------

    def _member(self, server: bytes) -> MemberSeen | None:
        found = self._members.get(server)
        if found is None and len(self._members) < _MEMBERS:
            found = self._members[server] = MemberSeen(Peer.of(server), self._profile, self._allowance)
        return found

    def _transaction(self, connection: Connection, current: Transaction) -> None:
        member = self._member(connection.server)
        if member is None:
            return
        connection.requests += 1
        group = member.transaction(connection, current)
        if group is not None and (upload := self._cause(current)) is not None:
            member.keep_upload(group, upload)

    def _upload(self, _: Connection, upload: Upload) -> None:
        key = (upload.method, _path(upload.target))
        found = self._waiting.get(key)
        if found is None:
            if len(self._waiting) >= _PATHS:
                self._waiting.popitem(last=False)
            found = self._waiting[key] = deque(maxlen=_REQUESTS)
        found.append(upload)

    def _cause(self, current: Transaction) -> Upload | None:
        """The client's HTTP request that led to a scan: the last one for the same path before it."""
        head = None if current.request is None else current.request.http_request
        words = [] if head is None else head.start_line.split(None, 2)
        if head is None or len(words) < 2:
            return None
        host = (head.headers.get("Host") or "").lower()
        found = self._waiting.get((words[0][:16], _path(words[1][:2048])), deque())
        for each in reversed(found):
            if 0 <= current.begun - each.begun < _JOIN and each.host.lower() == host:
                found.remove(each)  # it leads to one scan
                return each
        return None

    def _ended(self, connection: Connection) -> None:
        server = connection.server
        port = int.from_bytes(server[-2:], "big")
        if port in self._server_ports or len(self._server_ports) < 4096:
            self._server_ports[port] += 1
        if connection.icap or server in self._members:
            if (member := self._member(server)) is not None:
                member.connection(connection, self._time)
                for earlier in self._silent.pop(server, ()):
                    self._kept[earlier.trackable] -= 1
                    member.connection(earlier, self._time)
            connection.forget()
            return
        connection.forget()
        held = self._silent.get(server, ())
        if len(held) < _KEPT and self._kept[connection.trackable] < _SILENT:
            self._kept[connection.trackable] += 1
            self._silent.setdefault(server, []).append(connection)

    # --- in the end --------------------------------------------------------------------------------

    def finish(self) -> None:
        """No capture follows."""
        self._table.finish(self._time)
        members = () if self.names is None else self.names.members()
        named = {Peer(address, port): name for address, port, name in members}
        ports = self._ports | {int.from_bytes(server[-2:], "big") for server in self._members}
        for server, connections in list(self._silent.items()):
            port = int.from_bytes(server[-2:], "big")
            expected = port in ports or Peer.of(server) in self.known or Peer.of(server) in named
            begun = any(each.syns or each.tls is not None for each in connections)
            member = self._member(server) if expected and begun else None
            if member is not None:
                for each in connections:
                    member.connection(each, self._time)
        self._silent.clear()
        self.known = {**named, **self.known}
        self._times_named = Counter(self.pool_name(each) for each in self._members.values())

    @property
    def members(self) -> list[MemberSeen]:
        """In the order of their addresses; call `finish` before."""
        return sorted(self._members.values(), key=lambda each: (":" in each.peer.address, _sortable(each.peer)))

    def name(self, member: MemberSeen) -> str:
        """As the pool has it, else address and port; with its address where a name stands for several."""
        name = self.pool_name(member)
        return name if self._times_named[name] < 2 else f"{name} ({member.peer.address})"

    def pool_name(self, member: MemberSeen) -> str:
        """As the pool has it, else address and port."""
        return self.known.get(member.peer, str(member.peer))

    @property
    def given_up(self) -> int:
        """Connections that there was no room for."""
        return self._table.given_up

    @property
    def traffic(self) -> Traffic:
        """What there is beside ICAP."""
        return Traffic(
            packets=self.packets,
            connections=self._table.opened,
            kinds=tuple(self._decoder.kinds.most_common(6)),
            ports=tuple(self._server_ports.most_common(6)),
            unread_links=tuple(link for link, _ in self._decoder.unread.most_common(4)),
        )

    @property
    def avi_form(self) -> bool | None:
        """Whether the requests are written as by a Service Engine; None without any."""
        avi = sum(each.avi_form for each in self._members.values())
        other = sum(each.other_form for each in self._members.values())
        return avi > other if avi or other else None

    @property
    def place(self) -> str:
        """At which end the capture was made: ``client``, ``server``, ``between`` or ``unknown``."""
        outgoing, near = Counter[bool](), Counter[str]()
        for each in self._members.values():
            outgoing.update(each.outgoing)
            near.update(each.place)
        if outgoing and not (outgoing[True] and outgoing[False]):
            return "client" if outgoing[True] else "server"
        if not near:
            return "unknown"
        word, number = near.most_common(1)[0]
        return word if 2 * number > near.total() else "between"

    @property
    def clients(self) -> Counter[str]:
        """Addresses that connected to the members, and how often."""
        found = Counter[str]()
        for each in self._members.values():
            found.update(each.clients)
        return found


def _path(target: str) -> str:
    """Of a request target, which a proxy's client writes with scheme and host."""
    _, scheme, rest = target.partition("://")
    return "/" + rest.partition("/")[2] if scheme else target


def _sortable(peer: Peer) -> tuple[bytes, int]:
    import ipaddress  # noqa: PLC0415 - once

    return ipaddress.ip_address(peer.address).packed, peer.port


__all__ = ["CaptureReader", "Group", "Peer", "Traffic"]
