"""One direction of a TCP connection put in order: what came late, twice or overlapping, and what never came.

Of bytes that came twice the first ones count, as most kernels have it. What waits behind a gap is bounded.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

_HALF = 1 << 31
_MODULUS = 1 << 32
_HELD = 1 << 20  # bytes that wait behind a gap
_SEGMENTS = 1024  # that wait behind a gap
_PATIENCE = 2  # segments behind a gap that the peer has acknowledged, before it is given up
_EACH = 256  # bytes that a segment takes which waits, beside its data
_ALL = 64 << 20  # bytes that wait behind gaps, of all connections
_TWICE = 100_000  # ns within which two equal segments without an identification are one that was captured twice


class Piece(NamedTuple):
    """Bytes in order, or a ``gap``: the number of bytes missing from the capture."""

    data: bytes
    gap: int
    time: int  # ns, of the packet that brought it


_NONE: dict[int, Piece] = {}  # what waits at most streams, and is never written to
_NOWHERE: list[int] = []


class Room:
    """How many bytes wait behind gaps, of all the streams that share it; each takes `_EACH` more than its data."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = 0


class Stream:
    """Feed it segments; it gives out pieces in order. Counts are of segments with data, unless they say otherwise.

    Positions are sequence numbers that do not wrap around.
    """

    __slots__ = (
        "_held",
        "_last",
        "_last_time",
        "_order",
        "_room",
        "acked",
        "differing",
        "last_ack",
        "last_seq",
        "longest",
        "longest_end",
        "missing",
        "next",
        "out_of_order",
        "repeat_at",
        "repeat_length",
        "repeats",
        "resent",
        "segments",
        "waiting",
    )

    def __init__(self, room: Room | None = None) -> None:
        """``room`` is shared by the streams of a capture."""
        self._room = Room() if room is None else room
        self.next: int | None = None  # the position that comes next
        self.acked: int | None = None  # the highest that the peer acknowledged
        self.segments = 0
        self.resent = 0
        self.out_of_order = 0
        self.missing = 0  # bytes that the capture has not
        self.differing = 0  # came twice with other bytes
        self.repeat_at = self.repeats = self.repeat_length = 0  # the segment that was sent again last, and how often
        self.waiting = _NONE  # by position; its gap: bytes that are missing behind the data
        self._order = _NOWHERE  # a heap of these positions
        self._held = 0
        self.last_seq = -1  # of the packet before
        self._last = (0, 0)  # its length and flags, and its identification
        self._last_time = 0
        self.last_ack = -1  # that the peer sent
        self.longest = self.longest_end = 0  # the longest segment, the first one of that length, and where it ends

    def start(self, seq: int) -> None:
        """A SYN has this number."""
        self.next = seq + 1

    def position(self, seq: int) -> int:
        """Of a sequence number; the nearest one, as numbers repeat after 4 GiB."""
        if self.next is None:
            return seq
        return self.next + (seq - self.next + _HALF) % _MODULUS - _HALF

    def is_twice(self, time: int, seq: int, mark: int, ident: int) -> bool:
        """Whether this packet is the one before, captured a second time. ``mark``: its length and its flags."""
        last, before = self._last, self._last_time
        self._last, self._last_time = (mark, ident), time
        if seq != self.last_seq:
            self.last_seq = seq
            return False
        return last == self._last and bool(ident or time - before < _TWICE)

    def skip(self, time: int, seq: int, size: int, flags: int, ident: int) -> None:
        """Count a segment that comes next, which nothing waits behind and whose data are taken elsewhere."""
        self.last_seq, self._last, self._last_time = seq, (size << 8 | flags, ident), time
        self.segments += 1
        end = self.next = (self.next or 0) + size
        if size > self.longest:
            self.longest, self.longest_end = size, end

    def add(self, time: int, seq: int, data: bytes, missing: int) -> list[Piece]:
        """What is in order now. ``missing``: bytes of the segment behind ``data`` that were not captured."""
        self.segments += 1
        at = self.position(seq)
        if self.next is None:
            self.next = at
        if len(data) > self.longest:
            self.longest, self.longest_end = len(data), at + len(data)
        if at == self.next and not self.waiting and not missing:
            self.next = at + len(data)
            return [Piece(data, 0, time)]
        if at < self.next:
            return self._old(time, at, data, missing)
        if at == self.next:
            return [*self._given(Piece(data, missing, time)), *self._drain()]
        self._hold(at, Piece(data, missing, time))
        if self._held > _HELD or len(self.waiting) > _SEGMENTS or self._room.held > _ALL:
            return self._over_gap()
        return self._past_acknowledged()

    def acknowledged(self, ack: int) -> list[Piece]:
        """The peer has everything before ``ack``: a gap before it is one of the capture."""
        at = self.position(ack)
        if self.acked is None or at > self.acked:
            self.acked = at
        return self._past_acknowledged() if self.waiting else []

    @property
    def longest_acknowledged(self) -> int:
        """Bytes of the longest segment, if the peer has acknowledged one of that length, else 0."""
        return self.longest if self.acked is not None and self.acked >= self.longest_end else 0

    def flush(self) -> list[Piece]:
        """Nothing more comes: what waits behind gaps, with them."""
        pieces: list[Piece] = []
        while self.waiting:
            pieces += self._over_gap()
        return pieces

    def _given(self, piece: Piece) -> tuple[Piece, ...]:
        """The piece, and the bytes behind it that were not captured."""
        assert self.next is not None  # noqa: S101 - set by its first segment
        self.next += len(piece.data) + piece.gap
        if not piece.gap:
            return (piece,)
        self.missing += piece.gap
        lost = Piece(b"", piece.gap, piece.time)
        return (piece._replace(gap=0), lost) if piece.data else (lost,)

    def _old(self, time: int, at: int, data: bytes, missing: int) -> list[Piece]:
        """A segment that begins with bytes that are there already."""
        assert self.next is not None  # noqa: S101 - set by its first segment
        behind, length = self.next - at, len(data) + missing
        if behind == 1 and length <= 1:
            return []  # keep-alive (RFC 9293, 3.8.4)
        self._count_repeat(at, length)
        if behind >= length:
            return []
        return [*self._given(Piece(data[behind:], min(missing, length - behind), time)), *self._drain()]

    def _count_repeat(self, at: int, length: int) -> None:
        self.resent += 1
        if at != self.repeat_at:
            self.repeat_at, self.repeats, self.repeat_length = at, 0, length
        self.repeats += 1

    def _hold(self, at: int, piece: Piece) -> None:
        known = self.waiting.get(at)
        if known is None:
            self.out_of_order += 1
            self._room.held += _EACH
            if self.waiting is _NONE:
                self.waiting, self._order = {}, []
            heappush(self._order, at)
        else:
            self._count_repeat(at, len(piece.data) + piece.gap)
            shared = min(len(known.data), len(piece.data))
            if known.data[:shared] != piece.data[:shared]:
                self.differing += 1
            if len(known.data) + known.gap >= len(piece.data) + piece.gap:
                return
            piece = piece._replace(data=known.data + piece.data[len(known.data) :])
            self._hold_bytes(-len(known.data))
        self.waiting[at] = piece
        self._hold_bytes(len(piece.data))

    def _hold_bytes(self, number: int) -> None:
        self._held += number
        self._room.held += number

    def _drain(self) -> list[Piece]:
        """What follows without a gap now."""
        assert self.next is not None  # noqa: S101 - set by its first segment
        pieces: list[Piece] = []
        while self._order and self._order[0] <= self.next:
            at = heappop(self._order)
            piece = self.waiting.pop(at)
            self._hold_bytes(-len(piece.data))
            self._room.held -= _EACH
            behind, length = self.next - at, len(piece.data) + piece.gap
            if behind < length:
                gap = min(piece.gap, length - behind)
                pieces += self._given(Piece(piece.data[behind:], gap, piece.time))
        return pieces

    def _over_gap(self) -> list[Piece]:
        """Give up what is missing before the first segment that waits."""
        assert self.next is not None  # noqa: S101 - set by its first segment
        first = self._order[0]
        gap = first - self.next
        lost = self._given(Piece(b"", gap, self.waiting[first].time)) if gap > 0 else ()
        return [*lost, *self._drain()]

    def _past_acknowledged(self) -> list[Piece]:
        pieces: list[Piece] = []
        if len(self.waiting) >= _PATIENCE and self.acked is not None:
            while self._order and self._order[0] < self.acked:
                pieces += self._over_gap()
        return pieces
