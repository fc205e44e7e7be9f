"""All connections of a capture: which packet belongs to which, and when one is over. The number held is bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from icapdiag.capture.connection import CLIENT, SERVER, Connection
from icapdiag.capture.conversation import Transaction
from icapdiag.capture.http import Upload
from icapdiag.capture.packets import ACK, FIN, RST, SYN, Segment, Unreachable
from icapdiag.capture.stream import Room

_MOST = 20_000  # connections that are held
_SHARE = 4  # of too many, this part is given up: those that were silent for longest
_HELD = 256 << 20  # bytes that connections keep, together
_LINGER = 60_000_000_000  # ns in which late packets of a closed connection are expected
_IDLE = 3 * 3600 * 1_000_000_000  # ns after which a connection is over


class Table:
    """``ended`` gets each connection when it is over; ``take`` and ``upload`` are a `Connection`'s."""

    def __init__(
        self,
        ports: frozenset[int],
        *,
        ended: Callable[[Connection], None],
        take: Callable[[Connection, Transaction], None],
        upload: Callable[[Connection, Upload], None],
    ) -> None:
        """``ports``: those at which ICAP is expected."""
        self._ports = ports
        self._ended, self._taken, self._upload = ended, take, upload
        self.known: dict[bytes, tuple[Connection, int]] = {}  # by addresses and ports; whose packets these are
        self._room = Room()
        self._closed: deque[Connection] = deque()  # by both sides, in the order in which they were
        self.given_up = 0  # connections that there was no room for
        self.opened = 0

    def take(self, time: int, found: Segment | Unreachable | None) -> None:
        """What a packet holds, in the order of the capture."""
        if isinstance(found, Segment):
            self.segment(time, found)
        elif found is not None:
            self.unreachable(time, found)

    def segment(self, time: int, seg: Segment) -> None:
        """A TCP packet, in the order of the capture."""
        found = self.known.get(seg.key)
        if found is None:
            if seg.flags & RST and not seg.payload:  # the last word of a connection that is over
                return
            found = self._open(time, seg)
        elif seg.flags & (SYN | ACK) == SYN and self._is_another(found, seg):
            self._end(seg.key, found[0], time)
            found = self._open(time, seg)
        connection, side = found
        connection.segment(side, time, seg)
        if seg.flags & (FIN | RST) and not connection.lingers and connection.closed:
            connection.lingers = True
            self._closed.append(connection)

    def _end_closed(self, time: int) -> None:
        """End the connections that were closed a while ago: nothing more comes. Of too many, the first ones."""
        while self._closed and (self._closed[0].last + _LINGER < time or len(self._closed) > _MOST):
            connection = self._closed.popleft()
            known = self.known.get(connection.key)
            if known is not None and known[0] is connection:
                self._end(connection.key, connection, time)

    def unreachable(self, time: int, error: Unreachable) -> None:
        """An ICMP error about a packet."""
        found = self.known.get(error.key)
        if found is not None and found[0].unreachable is None:
            found[0].unreachable = error
            found[0].last = time

    def finish(self, time: int) -> None:
        """The capture ends."""
        for connection in {id(each): each for each, _ in self.known.values()}.values():
            connection.finish(time)
            self._ended(connection)
        self.known.clear()

    @staticmethod
    def _is_another(found: tuple[Connection, int], seg: Segment) -> bool:
        """Whether this SYN begins another connection between the same ports."""
        connection, side = found
        if side != CLIENT or connection.syn_seq is None:
            return True
        return connection.syn_seq != seg.seq

    def _open(self, time: int, seg: Segment) -> tuple[Connection, int]:
        self._end_closed(time)
        if len(self.known) >= 2 * _MOST:
            self._make_room(time)
        half = len(seg.key) // 2 - 2
        one, two = seg.key[:half] + seg.key[-4:-2], seg.key[half:-4] + seg.key[-2:]
        side = self._side(seg, one, two)
        client, server = (one, two) if side == CLIENT else (two, one)
        connection = Connection(
            client, server, time,
            take=self._taken, upload=self._upload, trackable=int.from_bytes(server[-2:], "big") in self._ports,
            room=self._room,
        )  # fmt: skip
        self.opened += 1
        entry = (connection, side)
        self.known[seg.key] = entry
        self.known[_reversed(seg.key, half)] = (connection, 1 - side)
        return entry

    def _side(self, seg: Segment, one: bytes, two: bytes) -> int:
        """Whose packet it is: a SYN says so; else the ports, until the content does."""
        if seg.flags & SYN:
            return SERVER if seg.flags & ACK else CLIENT
        source, target = int.from_bytes(one[-2:], "big"), int.from_bytes(two[-2:], "big")
        if (source in self._ports) != (target in self._ports):
            return SERVER if source in self._ports else CLIENT
        return CLIENT if source >= target else SERVER

    def _end(self, key: bytes, connection: Connection, time: int) -> None:
        self.known.pop(key, None)
        self.known.pop(_reversed(key, len(key) // 2 - 2), None)
        connection.finish(time)
        self._ended(connection)

    def relieve(self, time: int) -> None:
        """If connections keep too much, give up some: those that are over, then the ones that keep most."""
        weighed = [(each.held, each) for each in {id(each): each for each, _ in self.known.values()}.values()]
        total = sum(weight for weight, _ in weighed)
        if total <= _HELD:
            return
        weighed.sort(key=lambda each: (not each[1].over, -each[0]))
        for weight, connection in weighed:
            if total <= _HELD // 2:
                break
            total -= weight
            self.given_up += not connection.over
            self._end(connection.key, connection, time)

    def _make_room(self, time: int) -> None:
        """Give up connections: those that are over, then the ones that were silent for longest."""
        held = {id(each): each for each, _ in self.known.values()}
        oldest = sorted(held.values(), key=lambda each: (not each.over, each.last))
        going = set(map(id, oldest[: len(oldest) // _SHARE]))
        for key in [key for key, (each, side) in self.known.items() if id(each) in going and side == CLIENT]:
            connection = self.known[key][0]
            if not connection.over and time - connection.last < _IDLE:
                self.given_up += 1
            self._end(key, connection, time)


def _reversed(key: bytes, half: int) -> bytes:
    """The key of the other direction."""
    return key[half:-4] + key[:half] + key[-2:] + key[-4:-2]
