"""A TLS handshake as far as it is in clear: name, version, cipher, certificates, alerts (RFC 5246, 8446, 6066).

From TLS 1.3 on the certificate is encrypted, as are alerts after the ServerHello.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_KEPT = 32 * 1024  # bytes of each direction: more than any handshake
_CHANGE, _ALERT, _HANDSHAKE, _DATA = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = 1, 2, 11
_SERVER_NAME, _VERSIONS = 0, 43
_CERTIFICATES = 10
_SEALED_ALERT = 19  # bytes of an alert under TLS 1.3: two, its type, and 16 of the seal
VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
_CIPHERS = {
    0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256", 0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256", 0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305", 0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    0x009C: "AES128-GCM-SHA256", 0x009D: "AES256-GCM-SHA384", 0x002F: "AES128-SHA", 0x0035: "AES256-SHA",
}  # fmt: skip
ALERTS = {
    0: "close notify", 10: "unexpected message", 20: "bad record MAC", 22: "record overflow", 40: "handshake failure",
    42: "bad certificate", 43: "unsupported certificate", 44: "certificate revoked", 45: "certificate expired",
    46: "certificate unknown", 47: "illegal parameter", 48: "unknown CA", 49: "access denied", 50: "decode error",
    51: "decrypt error", 70: "protocol version", 71: "insufficient security", 80: "internal error",
    86: "inappropriate fallback", 90: "user canceled", 109: "missing extension", 112: "unrecognized name",
    116: "certificate required", 120: "no application protocol",
}  # fmt: skip


def begins_tls(data: bytes) -> bool:
    """Whether a TLS handshake begins with these bytes."""
    return len(data) >= 3 and data[0] == _HANDSHAKE and data[1] == 3 and data[2] <= 4


class Alert(NamedTuple):
    """``code`` of `ALERTS`; None where it is encrypted."""

    by_server: bool
    code: int | None


class Handshake(NamedTuple):
    """What could be read of it."""

    server_name: str = ""
    version: str = ""
    cipher: str = ""
    certificates: tuple[bytes, ...] = ()  # DER, the server's own first
    alerts: tuple[Alert, ...] = ()
    data_sent: bool = False  # the client has sent encrypted data beyond the handshake
    dismissed: bool = False  # all that the server has sent after that is of an alert's length, in TLS 1.3
    answered: bool = False  # the server has answered by TLS
    clear_text: bytes = b""  # what the server has sent instead of TLS


class HandshakeReader:
    """Feed it both directions; bytes beyond the first ones are dropped."""

    __slots__ = ("_done", "_kept", "_turn")

    def __init__(self) -> None:
        self._kept = (bytearray(), bytearray())
        self._turn: int | None = None  # bytes of the server that came before the client's first encrypted data
        self._done: Handshake | None = None

    def sent(self, data: bytes) -> None:
        """Bytes of the client."""
        self._add(0, data)
        if self._turn is None and any(_is_data(kind, size) for kind, size, _ in _records(bytes(self._kept[0]))):
            self._turn = len(self._kept[1])

    def received(self, data: bytes) -> None:
        """Bytes of the server."""
        self._add(1, data)

    def skip_sent(self, _: bytes, __: int, ___: int, ____: int) -> bool:
        """Whether nothing that the client sends is kept any more."""
        return len(self._kept[0]) >= _KEPT

    def skip_received(self, _: bytes, __: int, ___: int, ____: int) -> bool:
        """Whether nothing that the server sends is kept any more."""
        return len(self._kept[1]) >= _KEPT

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return len(self._kept[0]) + len(self._kept[1])

    def finish(self) -> None:
        """Nothing more comes: keep what was read, and no bytes."""
        self._done = self.handshake()
        self._kept = (bytearray(), bytearray())

    def _add(self, side: int, data: bytes) -> None:
        kept = self._kept[side]
        if len(kept) < _KEPT:
            kept += data[: _KEPT - len(kept)]

    def handshake(self) -> Handshake:
        """All that is known by now. Raises nothing."""
        if self._done is not None:
            return self._done
        client, server = (bytes(kept) for kept in self._kept)
        found = Handshake()
        if server and not (server[0] in {_ALERT, _HANDSHAKE} and server[1:2] == b"\x03"):
            return _with_client(found._replace(clear_text=server[:200]), client)
        alerts: list[Alert] = []
        for by_server, data in ((False, client), (True, server)):
            for kind, size, body in _records(data):
                if kind == _ALERT:
                    code = body[1] if len(body) == 2 else None
                    alerts.append(Alert(by_server, code))
                elif _is_data(kind, size) and not by_server:
                    found = found._replace(data_sent=True)
                elif kind == _DATA and not by_server and not found.data_sent:
                    alerts.append(Alert(by_server, None))
        for kind, body in _messages(server):
            if kind == _SERVER_HELLO:
                found = _with_server(found, body)
            elif kind == _CERTIFICATE:
                found = found._replace(certificates=tuple(_certificates(body)))
        if self._turn is not None and found.version == VERSIONS[0x0304]:
            after = [(kind, size) for kind, size, _ in _records(server[self._turn :])]
            found = found._replace(dismissed=after == [(_DATA, _SEALED_ALERT)])
        return _with_client(found._replace(alerts=tuple(alerts[:8]), answered=bool(server)), client)


def _is_data(kind: int, size: int) -> bool:
    """Whether a record is encrypted, and no alert by its length."""
    return kind == _DATA and size != _SEALED_ALERT


def _records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, length, and as much of the record as there is."""
    at = 0
    while at + 5 <= len(data):
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        if data[at + 1] != 3 or data[at] not in {_CHANGE, _ALERT, _HANDSHAKE, _DATA}:
            return
        yield data[at], size, data[at + 5 : at + 5 + size]
        at += 5 + size


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The handshake messages before encryption begins."""
    joined = bytearray()
    for kind, _, body in _records(data):
        if kind in {_CHANGE, _DATA}:
            break
        if kind == _HANDSHAKE:
            joined += body
    at = 0
    while at + 4 <= len(joined):
        size = int.from_bytes(joined[at + 1 : at + 4], "big")
        yield joined[at], bytes(joined[at + 4 : at + 4 + size])
        at += 4 + size


def _with_client(found: Handshake, data: bytes) -> Handshake:
    for kind, body in _messages(data):
        if kind == _CLIENT_HELLO:
            at = 35 + body[34] if len(body) > 34 else len(body)
            at += 2 + int.from_bytes(body[at : at + 2], "big")
            at += 1 + (body[at] if at < len(body) else 0)
            for number, value in _extensions(body, at):
                if number == _SERVER_NAME and value[2:3] == b"\0":
                    return found._replace(server_name=value[5:260].decode("ascii", "replace"))
    return found


def _with_server(found: Handshake, body: bytes) -> Handshake:
    if len(body) < 38:
        return found
    version = int.from_bytes(body[:2], "big")
    at = 35 + body[34]
    cipher = int.from_bytes(body[at : at + 2], "big")
    for number, value in _extensions(body, at + 3):
        if number == _VERSIONS and len(value) == 2:
            version = int.from_bytes(value, "big")
    return found._replace(
        version=VERSIONS.get(version, f"0x{version:04x}"), cipher=_CIPHERS.get(cipher, f"0x{cipher:04x}")
    )


def _extensions(body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    at += 2
    while at + 4 <= len(body):
        size = int.from_bytes(body[at + 2 : at + 4], "big")
        yield int.from_bytes(body[at : at + 2], "big"), body[at + 4 : at + 4 + size]
        at += 4 + size


def _certificates(body: bytes) -> Iterator[bytes]:
    at = 3
    for _ in range(_CERTIFICATES):
        size = int.from_bytes(body[at : at + 3], "big")
        if at + 3 >= len(body) or not size or at + 3 + size > len(body):
            return
        yield body[at + 3 : at + 3 + size]
        at += 3 + size
