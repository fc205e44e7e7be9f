"""One TCP connection: who opened, closed and reset it, how long a round trip takes, and what it carries."""

from __future__ import annotations

import re
from collections.abc import Callable

from icapdiag.capture.conversation import Conversation, Transaction, begins_request, begins_response
from icapdiag.capture.handshake import HandshakeReader, begins_tls
from icapdiag.capture.http import HttpConversation, Upload, begins_http
from icapdiag.capture.packets import ACK, FIN, NEXT, PSH, RST, SYN, Segment, Unreachable
from icapdiag.capture.stream import Piece, Room, Stream

CLIENT, SERVER = 0, 1
UNKNOWN, ICAP, HTTP, TLS, OTHER = "", "icap", "http", "tls", "other"
_LOOKED_AT = 8  # pieces of a connection that tell what it carries; of one that was begun earlier, any may
_ENOUGH = 16  # bytes that tell it
_MARKS = SYN | FIN | RST
_LAST = (1 << 32) - 1  # sequence number
_FIRST = frozenset(b"OoRrIGPDHC")  # with which a request or an answer begins
_EXCERPT = 64
Head = tuple[int, int, int, int, int]  # sequence number, acknowledgement, flags, window; IPv4 identification
Skip = Callable[[bytes, int, int, int], bool]  # bytes, from, to, time: whether they were taken
_PROXY = re.compile(rb"PROXY (?:TCP[46]|UNKNOWN)[^\r\n]{0,100}\r\n")


class Connection:
    """From the first packet to the last. Times in ns since 1970."""

    __slots__ = (
        "_banner", "_early", "_http", "_icap", "_lacks", "_looks", "_skips", "_take", "_upload", "client",
        "client_closed", "client_full", "closed_by", "established", "exported", "flipped", "kind", "last",
        "lingers", "outgoing", "requests", "reset_by", "server", "server_closed", "server_full", "server_packets",
        "started", "streams", "syn", "syn_ack", "syn_seq", "syns", "tls", "trackable", "unreachable", "watched",
    )  # fmt: skip

    def __init__(
        self,
        client: bytes,
        server: bytes,
        time: int,
        *,
        take: Callable[[Connection, Transaction], None],
        upload: Callable[[Connection, Upload], None],
        trackable: bool,
        room: Room,
    ) -> None:
        """``client`` and ``server``: address and port, as packets have them. ``trackable``: its port is one of ICAP."""
        self.client, self.server = client, server
        self.trackable = trackable
        self.flipped = False
        self._take, self._upload = take, upload
        self.kind = UNKNOWN
        self.started = self.last = time
        self.streams = (Stream(room), Stream(room))
        self.server_packets = 0
        self.syns = 0
        self.syn_seq: int | None = None
        self.syn: int | None = None  # the last one before it was answered
        self.syn_ack: int | None = None
        self.established: int | None = None
        self.closed_by: int | None = None  # who sent FIN first
        self.client_closed: int | None = None  # when each did
        self.server_closed: int | None = None
        self.reset_by: int | None = None  # who sent RST first
        self.unreachable: Unreachable | None = None
        self.client_full = self.server_full = 0  # packets that announced a window of 0
        self.outgoing: bool | None = None  # the capturing host is the client; None: not known
        self.requests = 0  # of ICAP
        self._banner = b""  # the first bytes of the server, before it is known what the connection carries
        self.tls: HandshakeReader | None = None
        self._icap: Conversation | None = None
        self._http: HttpConversation | None = None
        self._skips: tuple[Skip, Skip] | None = None  # of the client and of the server
        self._looks = 0
        self._lacks = False
        self._early = b""
        self.exported = False  # its content was decrypted elsewhere, and its packets are not here
        self.lingers = False  # it is closed, and late packets of it may come
        self.watched = time  # until when nothing else was seen

    @property
    def refused(self) -> bool:
        """Whether the server's side rejected the SYN."""
        return self.syns > 0 and self.syn_ack is None and self.reset_by == SERVER and self.established is None

    @property
    def answered(self) -> bool:
        """Whether the connection was made, as far as it shows."""
        return self.syn_ack is not None or self.established is not None or not self.syns

    @property
    def over(self) -> bool:
        """Whether one side ended it."""
        return self.closed_by is not None or self.reset_by is not None

    @property
    def closed(self) -> bool:
        """Whether both sides ended it."""
        return self.reset_by is not None or (self.client_closed is not None and self.server_closed is not None)

    @property
    def icap(self) -> bool:
        return self._icap is not None and self._icap.readable > 0

    @property
    def key(self) -> bytes:
        """Of the packets from the client."""
        client, server = self.client, self.server
        return client[:-2] + server[:-2] + client[-2:] + server[-2:]

    @property
    def held(self) -> int:
        """Bytes that are kept, at most; what waits behind gaps is counted elsewhere."""
        readers = (self._icap, self._http, self.tls)
        return sum(each.held for each in readers if each is not None)

    # --- packets -----------------------------------------------------------------------------------

    def segment(self, side: int, time: int, seg: Segment) -> None:
        """A packet of one side, 0 the client's."""
        _, seq, ack, flags, window, payload, missing, ident, _ = seg
        side ^= self.flipped
        stream, size = self.streams[side], len(payload) + missing
        if seq == NEXT:
            self.exported, seq = True, (stream.next or 0) & _LAST
        if (size or flags & _MARKS) and stream.is_twice(time, seq, size << 8 | flags, ident):
            return
        self.last = time
        if side == SERVER:
            self.server_packets += 1
        if flags & _MARKS or self.established is None:
            self._handshake(side, time, seg)
        if flags & RST:
            return
        if window == 0:
            self.client_full += side == CLIENT
            self.server_full += side == SERVER
        if self.kind == OTHER or (self.kind == UNKNOWN and not self.syns and not self._may_begin(payload)):
            size = 0  # nothing that is read here
        elif flags & ACK and ack != self.streams[1 - side].last_ack:
            self._acknowledged(self.streams[1 - side], ack)
        if size:
            for piece in stream.add(time, seq + (1 if flags & SYN else 0), payload, missing):
                self._piece(stream, piece)
        if flags & FIN:
            self._fin(CLIENT if stream is self.streams[CLIENT] else SERVER, time)

    def shortcut(self, side: int, time: int, head: Head, buffer: bytes, start: int, end: int) -> bool:
        """Take a packet whose payload is in the buffer, if that is quick; else False, and nothing is changed.

        Does what `segment` does for most packets: acknowledgements, and data whose length is known from their framing.
        """
        seq, ack, flags, window, ident = head
        if flags & ~PSH != ACK or not window or (self.established is None and self.syns):
            return False
        side ^= self.flipped
        stream, size = self.streams[side], end - start
        if self.kind == OTHER or (self.kind == UNKNOWN and not self.syns and not (size and buffer[start] in _FIRST)):
            if size and stream.is_twice(time, seq, size << 8 | flags, ident):
                return True
        else:
            peer = self.streams[1 - side]
            if peer.waiting or stream.waiting or peer.acked is None or peer.next is None or stream.next is None:
                return False
            if size:
                if self._skips is None or stream.next & _LAST != seq or not self._skips[side](buffer, start, end, time):
                    return False
                stream.skip(time, seq, size, flags, ident)
            if ack != peer.last_ack:
                peer.last_ack = ack
                peer.acked = max(peer.acked, peer.position(ack))
        self.last = time
        self.server_packets += side
        return True

    def _acknowledged(self, peer: Stream, ack: int) -> None:
        peer.last_ack = ack
        for piece in peer.acknowledged(ack):
            self._piece(peer, piece)

    @staticmethod
    def _may_begin(data: bytes) -> bool:
        """Whether something that is read here may begin with these bytes."""
        return bool(data) and data[0] in _FIRST and (begins_response(data) or begins_request(data) or begins_http(data))

    def _handshake(self, side: int, time: int, seg: Segment) -> None:
        flags, stream = seg.flags, self.streams[side]
        if flags & RST:
            self._rst(side, time)
        elif flags & SYN:
            if stream.next is None:
                stream.start(seg.seq)
            if side == CLIENT and not flags & ACK:
                self.syns += 1
                self.syn_seq = seg.seq
                self.outgoing = seg.outgoing if self.outgoing is None else self.outgoing
                if self.syn_ack is None:
                    self.syn = time
            elif self.syn_ack is None:
                self.syn_ack = time
        elif side == CLIENT and flags & ACK and self.syns:
            self.established = time
        elif side == SERVER and self.syns and self.syn_ack is None and flags & ACK:
            self.syn_ack = time  # which the capture missed

    def _fin(self, side: int, time: int) -> None:
        if self.closed_by is None:
            self.closed_by = side
        if side == CLIENT:
            self.client_closed = self.client_closed or time
        else:
            self.server_closed = self.server_closed or time
        if side == SERVER and self._icap is not None:
            for piece in self.streams[SERVER].flush():
                self._piece(self.streams[SERVER], piece)
            self._icap.closed(time, self.client_closed)

    def _rst(self, side: int, time: int) -> None:
        if self.reset_by is not None:
            return
        self.reset_by = side
        if self._icap is not None:
            if side == SERVER:
                self._icap.reset(time, self.client_closed)
            else:
                self._icap.abandoned("client-closed" if self.closed_by == CLIENT else "client-reset", time)

    # --- content -----------------------------------------------------------------------------------

    def _piece(self, stream: Stream, piece: Piece) -> None:
        if self.kind == UNKNOWN:
            self._look(CLIENT if stream is self.streams[CLIENT] else SERVER, piece)
        side = CLIENT if stream is self.streams[CLIENT] else SERVER  # which the look may have settled
        if self.kind == ICAP and self._icap is not None:
            if piece.gap and side == CLIENT:
                self._icap.sent_gap(piece.gap)
            elif piece.gap:
                self._icap.received_gap(piece.gap, piece.time)
            elif side == CLIENT:
                self._icap.sent(piece.data, piece.time)
                if self._early:
                    early, self._early = self._early, b""
                    self._icap.received(early, piece.time)
            else:
                self._icap.received(piece.data, piece.time)
        elif self.kind == HTTP and self._http is not None:
            if piece.gap:
                (self._http.sent_gap if side == CLIENT else self._http.received_gap)(piece.gap)
            elif side == CLIENT:
                self._http.sent(piece.data, piece.time)
            else:
                self._http.received(piece.data, piece.time)
        elif self.kind == TLS and self.tls is not None and piece.data:
            (self.tls.sent if side == CLIENT else self.tls.received)(piece.data)

    def _look(self, side: int, piece: Piece) -> None:
        """Tell what the connection carries, by its beginning; of one that was begun before the capture, by any."""
        data = piece.data
        if not data:
            self._lacks = True  # its beginning: what comes next may be anything
            return
        if side == SERVER:
            self._banner += data[: _EXCERPT - len(self._banner)]
        elif (line := _PROXY.match(data)) is not None:
            data = data[line.end() :]
        if begins_request(data) and not begins_http(data):
            self._carries_icap(flip=side == SERVER)
        elif begins_response(data):
            self._carries_icap(flip=side == CLIENT)
        elif side == CLIENT and begins_http(data):
            self.kind, self._http = HTTP, HttpConversation(self._uploaded)
            self._skips = self._http.skip_sent, self._http.skip_received
        elif self.trackable and side == CLIENT and begins_tls(data):
            self.kind, self.tls = TLS, HandshakeReader()
            self._skips = self.tls.skip_sent, self.tls.skip_received
        elif self.syns and not self._lacks and self._looks >= (0 if data[_ENOUGH:] and side == CLIENT else _LOOKED_AT):
            self.kind = OTHER
        self._looks += 1

    def _carries_icap(self, *, flip: bool) -> None:
        self.kind, self._icap = ICAP, Conversation(self._taken)
        self._skips = self._icap.skip_sent, self._icap.skip_received
        self._early = b"" if flip else self._banner  # as other protocols have it
        if flip and not self.syns:  # begun before the capture: who asks is the client
            self.client, self.server = self.server, self.client
            self.streams = (self.streams[1], self.streams[0])
            self.flipped = True

    def _taken(self, transaction: Transaction) -> None:
        self._take(self, transaction)

    def _uploaded(self, upload: Upload) -> None:
        self._upload(self, upload)

    def forget(self) -> None:
        """Let go of what was read: it is over, and only its facts matter."""
        self._icap = self._http = self._skips = None
        if self.tls is not None:
            self.tls.finish()

    def finish(self, time: int) -> None:
        """Nothing more comes. ``time``: of the last packet of the capture so far."""
        self.watched = max(time, self.last)
        for stream in self.streams:
            for piece in stream.flush():
                self._piece(stream, piece)
        if self._icap is not None:
            over = CLIENT in {self.closed_by, self.reset_by}
            self._icap.abandoned("client-closed" if over else "end", self.last if over else time)
            self._icap.finish()
