"""ICAP messages as data, how much of one is read, and what ends the reading.

Text is decoded as ISO 8859-1, so that every byte survives and ``encode("latin-1")``
gives it back; escaping for a terminal or a page is the sink's work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

SEEN = 80  # bytes of evidence kept with an error or a deviation
BUSY = frozenset({503, 506, 551})  # statuses: RFC 3507, 4.3.3; and what Trend Micro and Symantec answer
CONTENT_AFTER_NULL_BODY = "content-after-null-body"  # a deviation that the verdict depends on
BodyName = Literal["req-body", "res-body", "opt-body", "null-body"]


@dataclass(frozen=True, slots=True)
class Headers:
    """Ordered header fields as ``(name, value)``; names keep their case, look-up ignores it.

    A folded value is joined with ``"\\n"`` (one line a continuation, white space trimmed), because
    X-Violations-Found gives its lines a meaning (draft-stecher-icap-subid-00, 4.6).
    """

    fields: tuple[tuple[str, str], ...] = ()
    _values: dict[str, list[str]] = field(init=False, repr=False, compare=False)  # by name in lower case

    def __post_init__(self) -> None:
        values: dict[str, list[str]] = {}
        for name, value in self.fields:
            values.setdefault(name.lower(), []).append(value)
        object.__setattr__(self, "_values", values)

    @classmethod
    def of(cls, fields: Iterable[tuple[str, str]]) -> Headers:
        return cls(tuple(fields))

    def get(self, name: str) -> str | None:
        """The first value of the field, or None."""
        found = self._values.get(name.lower())
        return found[0] if found else None

    def get_all(self, name: str) -> tuple[str, ...]:
        return tuple(self._values.get(name.lower(), ()))

    def tokens(self, name: str) -> tuple[str, ...]:
        """The comma-separated members of a list field, over all its lines, without spaces."""
        joined = ",".join(self.get_all(name)).replace("\n", ",")
        return tuple(t for t in (part.strip() for part in joined.split(",")) if t)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something RFC 3507 (or the RFC it builds on) forbids, and that could still be read."""

    rule: str  # slug, e.g. "istag-missing"
    section: str  # "4.7": of RFC 3507 unless it says "RFC 2616 3.6.1"
    detail: str  # one sentence: what was seen
    seen: bytes = b""  # the bytes, of which 80 are kept

    def __post_init__(self) -> None:
        object.__setattr__(self, "seen", bytes(self.seen[:SEEN]))


class EncapsulatedPart(NamedTuple):
    """One member of the Encapsulated list: ``req-hdr=0`` (RFC 3507, 4.4.1)."""

    name: str
    offset: int  # bytes from the start of the encapsulated block


class HttpHead(NamedTuple):
    """An encapsulated HTTP request or response head (RFC 3507, 4.4.2)."""

    start_line: str
    headers: Headers
    raw: bytes  # with the blank line that ends it

    @property
    def status(self) -> int | None:
        """The status code of a response head; None for a request or an unreadable line."""
        words = self.start_line.split(None, 2)
        if len(words) >= 2 and words[0].upper().startswith("HTTP/") and len(words[1]) == 3:
            return int(words[1]) if words[1].isascii() and words[1].isdigit() else None
        return None


class Request(NamedTuple):
    """An ICAP request as read by a server (the lab, and the golden tests)."""

    method: str
    uri: str
    version: str
    headers: Headers
    encapsulated: tuple[EncapsulatedPart, ...] | None
    http_request: HttpHead | None = None
    http_response: HttpHead | None = None
    body_name: BodyName | None = None
    body: bytes = b""  # decoded; the preview only, until `RequestReader` has read the rest
    preview: int | None = None  # the Preview header
    ieof: bool = False  # the body ended inside the preview ("0; ieof")
    deviations: tuple[Deviation, ...] = ()
    body_size: int = 0  # decoded bytes in all, of which ``body`` has the first `Limits.body_kept`


class Response(NamedTuple):
    """One ICAP response, 100 Continue included, however oddly it was written."""

    version: str
    status: int
    reason: str  # may be empty
    headers: Headers
    encapsulated: tuple[EncapsulatedPart, ...] | None = None  # None: no such header
    http_request: HttpHead | None = None  # the req-hdr part
    http_response: HttpHead | None = None  # the res-hdr part
    body_name: BodyName | None = None
    body: bytes = b""  # the first `Limits.body_kept` decoded bytes
    body_size: int = 0  # decoded bytes in all
    use_original_body: int | None = None  # 206: offset into the original (draft-icap-ext-partial-content)
    trailers: Headers = Headers()
    complete: bool = True  # False: the peer closed before the end that it had announced
    deviations: tuple[Deviation, ...] = ()
    size: int = 0  # bytes on the wire

    @property
    def says_nothing_returns(self) -> bool:
        """Whether a success announces nothing at all (``null-body=0``), where a 204 would have said so."""
        parts = [part for part in self.encapsulated or () if part.offset or part.name == "null-body"]
        return 200 <= self.status <= 299 and self.status != 204 and parts == [EncapsulatedPart("null-body", 0)]


class Limits(NamedTuple):
    """Caps in bytes (``header_count``: fields). Reading past one raises `CapExceeded`.

    ``body_kept`` raises nothing: later bytes are counted and dropped.
    c-icap reads heads of at most 64 KiB; Avi's ``buffer_size`` ends at 50 MiB.
    """

    head_size: int = 64 * 1024
    header_count: int = 256
    line_size: int = 8 * 1024  # a chunk-size line with its extensions
    chunk_size: int = 1 << 31
    body_kept: int = 256 * 1024
    body_total: int = 64 * 1024 * 1024


LIMITS = Limits()


class ProtocolError(Exception):
    """The peer's bytes can't be read as ICAP any further.

    ``rule`` is a slug (``status-line``, ``chunk-invalid``, …), ``detail`` one sentence,
    ``seen`` at most 80 of the bytes, ``response`` what had been read before, if the head was.
    """

    def __init__(self, rule: str, detail: str, seen: bytes | bytearray = b"", response: Response | None = None) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail
        self.seen = bytes(seen[:SEEN])
        self.response = response


class NotICAP(ProtocolError):
    """The peer speaks something else; ``peer`` names it (see `icapdiag.icap.response`)."""

    def __init__(self, peer: str, seen: bytes | bytearray) -> None:
        super().__init__("not-icap", f"the first bytes are {peer}, not ICAP/1.0", seen)
        self.peer = peer


class CapExceeded(ProtocolError):
    """The message is larger than one of our `Limits`; reading stopped."""


class PeerClosed(ProtocolError):
    """The peer closed before anything could be read: no byte, or less than a status line."""
