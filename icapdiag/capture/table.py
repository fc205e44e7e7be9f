"""All connections of a capture: which packet belongs to which, and when one is over. The number held is bounded."""

from __future__ import annotations

from collections.abc import Callable

from icapdiag.capture.connection import CLIENT, SERVER, Connection
from icapdiag.capture.conversation import Transaction
from icapdiag.capture.http import Upload
from icapdiag.capture.packets import ACK, RST, SYN, Segment, Unreachable

_MOST = 20_000  # connections that are held
_SHARE = 4  # of too many, this part is given up: those that were silent for longest
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
        self._ended, self._take, self._upload = ended, take, upload
        self._known: dict[bytes, tuple[Connection, int]] = {}
        self.given_up = 0  # connections that there was no room for
        self.opened = 0

    def segment(self, time: int, seg: Segment) -> None:
        """A TCP packet, in the order of the capture."""
        found = self._known.get(seg.key)
        if found is None:
            if seg.flags & RST and not seg.payload:  # the last word of a connection that is over
                return
            found = self._open(time, seg)
        elif seg.flags & (SYN | ACK) == SYN and self._is_another(found, seg):
            self._end(seg.key, found[0], time)
            found = self._open(time, seg)
        found[0].segment(found[1], time, seg)

    def unreachable(self, time: int, error: Unreachable) -> None:
        """An ICMP error about a packet."""
        found = self._known.get(error.key)
        if found is not None and found[0].unreachable is None:
            found[0].unreachable = error
            found[0].last = time

    def finish(self, time: int) -> None:
        """The capture ends."""
        for connection in {id(each): each for each, _ in self._known.values()}.values():
            connection.finish(time)
            self._ended(connection)
        self._known.clear()

    @staticmethod
    def _is_another(found: tuple[Connection, int], seg: Segment) -> bool:
        """Whether this SYN begins another connection between the same ports."""
        connection, side = found
        if side != CLIENT or connection.syn_seq is None:
            return True
        return connection.syn_seq != seg.seq

    def _open(self, time: int, seg: Segment) -> tuple[Connection, int]:
        if len(self._known) >= 2 * _MOST:
            self._make_room(time)
        half = len(seg.key) // 2 - 2
        one, two = seg.key[:half] + seg.key[-4:-2], seg.key[half:-4] + seg.key[-2:]
        side = self._side(seg, one, two)
        client, server = (one, two) if side == CLIENT else (two, one)
        connection = Connection(
            client, server, time,
            take=self._take, upload=self._upload, trackable=int.from_bytes(server[-2:], "big") in self._ports,
        )  # fmt: skip
        self.opened += 1
        entry = (connection, side)
        self._known[seg.key] = entry
        self._known[_reversed(seg.key, half)] = (connection, 1 - side)
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
        del self._known[key]
        self._known.pop(_reversed(key, len(key) // 2 - 2), None)
        connection.finish(time)
        self._ended(connection)

    def _make_room(self, time: int) -> None:
        """Give up connections: those that are over, then the ones that were silent for longest."""
        held = {id(each): each for each, _ in self._known.values()}
        oldest = sorted(held.values(), key=lambda each: (not each.over, each.last))
        going = set(map(id, oldest[: len(oldest) // _SHARE]))
        for key in [key for key, (each, side) in self._known.items() if id(each) in going and side == CLIENT]:
            connection = self._known[key][0]
            if not connection.over and time - connection.last < _IDLE:
                self.given_up += 1
            self._end(key, connection, time)


def _reversed(key: bytes, half: int) -> bytes:
    """The key of the other direction."""
    return key[half:-4] + key[:half] + key[-2:] + key[-4:-2]
