"""Who is it, if it isn't an ICAP server? Named from the first bytes alone."""

from __future__ import annotations

ENOUGH = 16  # bytes, or a line end, that settle the question

_TLS_RECORDS = (0x14, 0x15, 0x16, 0x17)  # change cipher spec, alert, handshake, application data (RFC 8446, 5.1)
_ICAP = b"ICAP/"
_STARTS = (
    (b"HTTP/", "http"),
    (b"<", "http"),  # a page without a status line, as HTTP/0.9 had it
    (b"SSH-", "ssh"),
    (b"220 ", "smtp"),
    (b"220-", "smtp"),
    (b"554 ", "smtp"),
    (b"554-", "smtp"),
    (b"UNKNOWN COMMAND", "clamd"),
    (b"PONG", "clamd"),
)


def may_be_icap(data: bytes | bytearray) -> bool:
    """Whether the bytes are, or can still become, the start of an ICAP status line."""
    return _ICAP.startswith(bytes(data[: len(_ICAP)]).upper())


def name_peer(data: bytes | bytearray, *, ended: bool = False) -> str | None:
    """``http``, ``tls``, ``ssh``, ``smtp``, ``clamd`` or ``unknown``; None while more bytes may tell.

    Only the first line counts, and at most its first 16 bytes, so that the answer does not
    depend on how the bytes were split. ``ended``: no more bytes will come.
    """
    if len(data) >= 2 and data[0] in _TLS_RECORDS and data[1] == 3:
        return "tls"
    line, newline, _ = bytes(data[:ENOUGH]).partition(b"\n")
    if not (newline or ended or len(line) >= ENOUGH):
        return None
    return next((name for start, name in _STARTS if line.upper().startswith(start)), "unknown")
