"""Requests: how a client writes them, and above all how an Avi Service Engine does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from icapdiag.icap.body import LAST_CHUNK, LAST_CHUNK_IEOF, Body, Chunks, encode_chunks
from icapdiag.icap.headers import encode_fields
from icapdiag.icap.message import Headers

Fields = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRequest:
    """Bytes ready to send, and what they promise.

    ``first`` goes out in one write: the ICAP head, the encapsulated heads, and the preview
    or, without a preview, the whole body. ``rest`` follows a 100 Continue; empty if the
    server has everything. Of a `Body` what would be in ``rest``, or stands behind the head in
    ``first`` without a preview, is in ``stream`` instead, to be written piece by piece.
    """

    method: str
    first: bytes
    rest: bytes = b""
    stream: Chunks | None = None
    preview: int | None = None  # bytes announced in the Preview header
    ieof: bool = False  # the body ended inside the preview
    allows_204: bool = False

    @property
    def withholds(self) -> bool:
        """Whether a part of the body waits for a 100 Continue."""
        return bool(self.rest) or (self.stream is not None and self.preview is not None)

    @property
    def size_at_once(self) -> int:
        """Bytes that go out unasked."""
        return len(self.first) + (self.stream.size if self.stream and self.preview is None else 0)

    @property
    def size_withheld(self) -> int:
        """Bytes that go out after a 100 Continue."""
        return len(self.rest) + (self.stream.size if self.stream and self.preview is not None else 0)


def icap_uri(host: str, port: int, service_uri: str) -> str:
    """``icap://host:port/service``. RFC 3507 4.2 knows no other scheme, over TLS either."""
    return f"icap://{authority(host, port)}{service_uri}"


def authority(host: str, port: int) -> str:
    """``host:port``; an IPv6 literal in brackets, and without its zone, which is this host's alone (RFC 6874)."""
    return f"[{host.partition('%')[0]}]:{port}" if ":" in host else f"{host}:{port}"


def encode_request(
    method: str,
    uri: str,
    headers: Fields,
    *,
    http_request: bytes | None = None,
    http_response: bytes | None = None,
    body: bytes | Body | None = None,
    preview: int | None = None,
) -> PreparedRequest:
    """Write a request; offsets and chunks are computed (RFC 3507, 4.4.1 and 4.5).

    A field of ``headers`` named Encapsulated or Preview marks the place where that header
    goes, its value is ignored; Encapsulated comes last otherwise. ``preview`` is cut to the
    body's length. A `Body` becomes a ``stream``. Raises ValueError for a header with a line break in it.
    """
    heads = (http_request or b"") + (http_response or b"")
    computed = {"Encapsulated": _encapsulated(http_request, http_response, body=body is not None)}
    if preview is not None:
        preview = preview if body is None else min(preview, len(body))
        computed = {"Preview": str(preview), **computed}
    given = [field for field in headers if preview is not None or field[0].lower() != "preview"]
    fields = _checked(_placed(given, computed))
    head = f"{method} {uri} ICAP/1.0\r\n".encode("latin-1") + encode_fields(fields) + b"\r\n" + heads
    ieof = body is not None and preview == len(body)
    stream, rest = None, b""
    if isinstance(body, Body):
        stream = None if ieof else Chunks(body, preview or 0)
        first = head if preview is None else head + _chunked(body.head(preview), ieof=ieof)
    else:
        first = head if body is None else head + _chunked(body[:preview], ieof=ieof)
        rest = b"" if body is None or preview is None or ieof else _chunked(body[preview:])
    return PreparedRequest(
        method=method,
        first=first,
        rest=rest,
        stream=stream,
        preview=preview,
        ieof=ieof,
        allows_204="204" in Headers.of(fields).tokens("Allow"),
    )


def _chunked(data: bytes, *, ieof: bool = False) -> bytes:
    return b"".join(encode_chunks(data)) + (LAST_CHUNK_IEOF if ieof else LAST_CHUNK)


def _placed(fields: Fields, computed: Mapping[str, str]) -> list[tuple[str, str]]:
    """The fields with the computed values where their names stand; those whose name stands nowhere come last."""
    values = {name.lower(): value for name, value in computed.items()}
    placed = [(name, values.get(name.lower(), value)) for name, value in fields]
    names = {name.lower() for name, _ in placed}
    return placed + [field for field in computed.items() if field[0].lower() not in names]


def _checked(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    for name, value in fields:
        if any(end in name + value for end in "\r\n"):
            raise ValueError(f"a line break in header {name!r}")
    return fields


def with_fields(request: PreparedRequest, fields: Fields = (), *, without: str = "") -> PreparedRequest:
    """The request with more header fields at the end of its ICAP head, or with all fields of one name left out.

    A field of a name that is there already takes its place. Offsets, chunks and preview stay as they are.
    """
    head, blank, rest = request.first.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    given = {name.lower(): (name, value) for name, value in fields}
    kept: list[bytes] = []
    for line in lines:
        name = line.partition(b":")[0].decode("latin-1").lower()
        if name in given:
            kept.append(encode_fields([given.pop(name)]).removesuffix(b"\r\n"))
        elif name != without.lower():
            kept.append(line)
    kept += [encode_fields([field]).removesuffix(b"\r\n") for field in given.values()]
    return replace(request, first=b"\r\n".join((start, *kept)) + blank + rest)


def options_request(host: str, port: int, service_uri: str, *, close: bool = False) -> PreparedRequest:
    """An OPTIONS request (RFC 3507, 4.10). With Encapsulated: strict servers refuse it otherwise (4.4.1)."""
    headers = [("Host", authority(host, port))]
    if close:
        headers.append(("Connection", "close"))
    return encode_request("OPTIONS", icap_uri(host, port, service_uri), headers)


def avi_reqmod(
    host: str,
    port: int,
    service_uri: str,
    *,
    http_request: bytes,
    body: bytes | Body,
    preview_size: int | None = 5000,
    allow_204: bool = True,
    close: bool = True,
) -> PreparedRequest:
    """A REQMOD as an Avi Service Engine writes it.

    Header order and values are those of ``icap_headers_sent_to_server`` in Avi's log samples: the member's address in
    URI and Host, ``Connection: close``, ``Preview`` = min(body, ``preview_size`` bytes), ``Allow: 204``.
    ``preview_size`` None: no preview. ``close`` False, which no Service Engine does: the connection may be kept.
    """
    headers = [("Host", authority(host, port)), *([("Connection", "close")] if close else []), ("Preview", "")]
    if allow_204:
        headers.append(("Allow", "204"))
    return encode_request(
        "REQMOD", icap_uri(host, port, service_uri), headers, http_request=http_request, body=body, preview=preview_size
    )


def http_post(host: str, path: str, body_length: int | None, *, fields: Fields = ()) -> bytes:
    """The head of the upload that is put before the scanner. Raises ValueError for a line break in a field.

    ``body_length`` None: the upload came in chunks. That stands in no header here: Transfer-Encoding is between the
    client and its proxy (RFC 3507, 4.4.2).
    """
    length = [] if body_length is None else [("Content-Length", str(body_length))]
    given = _checked([("Host", host), *fields, *length])
    return f"POST {path} HTTP/1.1\r\n".encode("latin-1") + encode_fields(given) + b"\r\n"


def encode_response(
    status: int,
    reason: str,
    headers: Fields = (),
    *,
    http_request: bytes | None = None,
    http_response: bytes | None = None,
    body: bytes | None = None,
) -> bytes:
    """Write a response. Encapsulated is computed, and left out when nothing is encapsulated and none is given."""
    computed: dict[str, str] = {}
    if http_request is not None or http_response is not None or body is not None:
        computed["Encapsulated"] = _encapsulated(http_request, http_response, body=body is not None)
    head = f"ICAP/1.0 {status} {reason}\r\n".encode("latin-1") + encode_fields(_placed(headers, computed)) + b"\r\n"
    return head + (http_request or b"") + (http_response or b"") + (b"" if body is None else _chunked(body))


def _encapsulated(http_request: bytes | None, http_response: bytes | None, *, body: bool) -> str:
    parts: list[str] = []
    offset = 0
    for name, block in (("req-hdr", http_request), ("res-hdr", http_response)):
        if block is not None:
            parts.append(f"{name}={offset}")
            offset += len(block)
    side = "req" if http_response is None else "res"
    return ", ".join([*parts, f"{side if body else 'null'}-body={offset}"])
