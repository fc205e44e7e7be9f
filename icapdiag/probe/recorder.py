"""Records what a probe sends and receives: the head of each exchange, and its time.

Bodies that we send are kept only as length and SHA-256, and the EICAR test file is never kept, whoever sends it.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from itertools import accumulate

import trio
from msgspec import Struct, field
from msgspec.structs import replace

from icapdiag.facts.connection import TranscriptEntry
from icapdiag.icap.body import ChunkedReader
from icapdiag.icap.message import Limits, ProtocolError
from icapdiag.icap.request import PreparedRequest
from icapdiag.icap.samples import EICAR_MARK, eicar

KEPT = 4096  # bytes of each direction of an exchange
EXCHANGES = 32  # of one probe
_EVENTS = 200  # of one probe
_TEXT = 300  # characters of an event
_TELLING = 16  # bytes: so much of the test file is a part of it, and nothing else
_OURS = Limits(body_kept=1 << 20, body_total=1 << 40)
_BODY = re.compile(rb"^Encapsulated:[^\r\n]*-body=(\d{1,9})", re.IGNORECASE | re.MULTILINE)
_FRAMING = rb"(?:\r?\n[0-9A-Fa-f]{1,16}+[^\r\n]{0,100}+\r?\n)?"  # the end of a chunk and the beginning of the next


class _Entry(Struct):
    """An event, or what one side sent until the other one spoke."""

    direction: str  # sent, received, event
    connection: int
    at: float
    until: float
    kept: bytearray = field(default_factory=bytearray)
    text: str = ""
    size: int = 0
    pieces: int = 0
    body_size: int = 0
    body_digest: hashlib._Hash | None = None


class TranscriptRecorder:
    """Of one member, one probe at a time."""

    def __init__(self) -> None:
        self.run = 0  # counts the probes
        self._connections = 0
        self.begin()

    def begin(self) -> None:
        """A probe starts: previous records belong to another one."""
        self.run += 1
        self._started = trio.current_time()
        self._entries: list[_Entry] = []
        self._exchanges = self._events = self.left_out = 0

    def connection(self) -> ConnectionRecorder:
        """For a new connection."""
        self._connections += 1
        return ConnectionRecorder(self, self._connections)

    def event(self, text: str, connection: int = 0) -> None:
        """Record an event. ``connection`` 0: not about a connection."""
        self._events += 1
        if self._events <= _EVENTS:
            self.entry("event", connection).text = text[:_TEXT]

    def entry(self, direction: str, connection: int) -> _Entry:
        """Start a new entry."""
        now = trio.current_time()
        found = _Entry(direction, connection, now, now)
        self._entries.append(found)
        return found

    def admits(self) -> bool:
        """Whether one more exchange is recorded; otherwise it is only counted."""
        self._exchanges += 1
        self.left_out = max(0, self._exchanges - EXCHANGES)
        return not self.left_out

    def taken(self) -> tuple[TranscriptEntry, ...]:
        """The records since `begin`, for a report: bytes as ISO 8859-1 text."""
        self._mask()
        records = [self._record(entry) for entry in self._entries]
        if self.left_out:
            records.append(TranscriptEntry(text=f"{self.left_out} more conversations are not shown here"))
        return tuple(records)

    def _record(self, entry: _Entry) -> TranscriptEntry:
        found = TranscriptEntry(
            direction=entry.direction, connection=entry.connection, at_ms=self._milliseconds(entry.at), text=entry.text
        )
        if entry.direction == "event":
            return found
        digest = entry.body_digest
        return replace(
            found,
            until_ms=self._milliseconds(entry.until),
            size=entry.size,
            pieces=entry.pieces,
            body_size=None if digest is None else entry.body_size,
            body_sha256=None if digest is None else digest.hexdigest(),
        )

    def _milliseconds(self, moment: float) -> float:
        return round((moment - self._started) * 1000, 3)

    def _mask(self) -> None:
        """Set the texts of the entries. The test file may span several, so all of one side are searched together."""
        directions: dict[tuple[int, str], list[_Entry]] = {}
        for entry in self._entries:
            if entry.direction != "event":
                directions.setdefault((entry.connection, entry.direction), []).append(entry)
        for entries in directions.values():
            for entry, text in zip(entries, without_eicar([bytes(entry.kept) for entry in entries]), strict=True):
                entry.text = text.decode("latin-1")


class ConnectionRecorder:
    """One connection's bytes, in clear, also under TLS."""

    def __init__(self, transcript: TranscriptRecorder, number: int) -> None:
        self._transcript = transcript
        self._number = number
        self._entry: _Entry | None = None
        self._run = transcript.run
        self._admitted = True
        self._begin(0, 0)

    def _begin(self, kept: int, head: int) -> None:
        """How many of the sent bytes are kept, and how many precede the body."""
        self._left, self._head = {"sent": kept, "received": KEPT}, head
        self._reader, self._buffer, self._readable = ChunkedReader(_OURS), bytearray(), True

    def request(self, request: PreparedRequest) -> None:
        """An exchange begins with this request."""
        self._admitted = self._transcript.admits()
        self._begin(KEPT, _head_length(request.first))

    def event(self, text: str) -> None:
        self._transcript.event(text, self._number)

    def sent(self, data: bytes) -> None:
        if not self._admitted:
            return
        entry = self._current("sent", len(data))
        head, self._head = data[: self._head], max(0, self._head - len(data))
        self._keep(entry, head)
        if len(head) < len(data):
            self._hash(entry, data[len(head) :])

    def received(self, data: bytes | bytearray) -> None:
        if not data:
            self.event("the server closed the connection")
        elif self._admitted:
            self._keep(self._current("received", len(data)), data)

    def _current(self, direction: str, size: int) -> _Entry:
        entry = self._entry
        if entry is None or entry.direction != direction or self._run != self._transcript.run:
            self._entry = entry = self._transcript.entry(direction, self._number)
            self._run = self._transcript.run
        entry.until = trio.current_time()
        entry.size += size
        entry.pieces += 1
        return entry

    def _keep(self, entry: _Entry, data: bytes | bytearray) -> None:
        kept = data[: self._left[entry.direction]]
        self._left[entry.direction] -= len(kept)
        entry.kept += kept

    def _hash(self, entry: _Entry, data: bytes) -> None:
        """The body is in chunks, first those of the preview, then the others (RFC 3507, 4.5)."""
        if entry.body_digest is None:
            entry.body_digest = hashlib.sha256()
        self._buffer += data
        while self._buffer and self._readable:
            try:
                ended = self._reader.feed(self._buffer)
            except ProtocolError:  # broken on purpose: it is told by its bytes on the wire
                ended = self._readable = False
            entry.body_digest.update(self._reader.body)
            entry.body_size += len(self._reader.body)
            self._reader.body.clear()
            if not ended:
                break
            self._reader = ChunkedReader(_OURS)


def _head_length(first: bytes) -> int:
    """Bytes before the body: the ICAP head and the encapsulated heads."""
    end = first.find(b"\r\n\r\n") + 4
    found = _BODY.search(first, 0, end)
    if found is None or found[0].lower().endswith(b"null-body=" + found[1]):
        return len(first)
    return end + int(found[1])


@cache
def _pattern() -> re.Pattern[bytes]:
    """A pattern for the test file, in one piece or split over chunks."""
    return re.compile(_FRAMING.join(re.escape(bytes((byte,))) for byte in eicar()))


def without_eicar(pieces: list[bytes]) -> list[bytes]:
    """What one side sent, piece by piece, with a mark in place of the test file, or of its beginning at the end."""
    whole = b"".join(pieces)
    spans = [found.span() for found in _pattern().finditer(whole)]
    test = eicar()
    cut = next((n for n in range(len(test) - 1, _TELLING, -1) if whole.endswith(test[:n])), 0)
    if cut:
        spans.append((len(whole) - cut, len(whole)))
    result: list[bytes] = []
    for piece, end in zip(pieces, accumulate(map(len, pieces)), strict=True):
        at = start = end - len(piece)
        parts: list[bytes] = []
        for first, last in spans:
            if last <= start or first >= end:
                continue
            parts.append(whole[at : max(at, first)])
            if first >= start:
                parts.append(EICAR_MARK.encode())
            at = min(end, last)
        result.append(b"".join((*parts, whole[at:end])))
    return result
