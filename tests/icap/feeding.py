"""Feeding a reader in every way that must not matter."""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.icap.message import LIMITS, Limits, NotICAP, ProtocolError, Response
from icapdiag.icap.response import ResponseReader

Outcome = Response | tuple[str, str, str | None, Response | None]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(parts: Iterator[bytes] | list[bytes], *, method: str = "REQMOD", limits: Limits = LIMITS) -> Outcome:
    """The response, or the error as a comparable value; the stream ends after the parts.

    Behind ``null-body=0`` a reader goes on for as long as something comes: `icapdiag.probe.connection` waits for that.
    """
    reader = ResponseReader(limits, method=method)
    try:
        for part in parts:
            response = reader.feed(part)
            if response is not None and not response.says_nothing_returns:
                return response
        return reader.feed_eof()
    except ProtocolError as error:
        peer = error.peer if isinstance(error, NotICAP) else None
        return type(error).__name__, error.rule, peer, error.response


def read_response(data: bytes, *, method: str = "REQMOD") -> Response:
    """The final response in a whole recording, after any 100 Continue; the stream ends with the data.

    Raises `ProtocolError` as `ResponseReader` does. A recording that holds only a 100 gives that.
    """
    reader = ResponseReader(method=method)
    response = reader.feed(data) or reader.feed_eof()
    if response.status == 100 and reader.excess.strip().startswith(b"ICAP/"):
        return read_response(reader.excess, method=method)
    return response
