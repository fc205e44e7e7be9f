"""IP fragments put together again: few datagrams at a time, first come first kept."""

from __future__ import annotations

from collections.abc import Hashable

_DATAGRAMS = 64  # that are waited for at a time
_LONGEST = 1 << 16  # bytes of a datagram
_PIECES = 128  # of a datagram


class _Datagram:
    __slots__ = ("held", "length", "pieces")

    def __init__(self) -> None:
        self.pieces: dict[int, bytes] = {}
        self.held = 0  # bytes of its pieces
        self.length: int | None = None  # known once the last fragment is there


class Fragments:
    """Datagrams of which not all is there yet; of too many, the oldest is given up."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, _Datagram] = {}

    def add(self, key: Hashable, offset: int, piece: bytes, *, more: bool) -> bytes | None:
        """The whole datagram once its last piece came, else None. ``more``: this piece is not the datagram's end."""
        found = self._waiting.get(key)
        if found is None:
            if len(self._waiting) >= _DATAGRAMS:
                del self._waiting[next(iter(self._waiting))]
            found = self._waiting[key] = _Datagram()
        found.held += len(piece)
        if offset + len(piece) > _LONGEST or len(found.pieces) >= _PIECES or found.held > 2 * _LONGEST:
            del self._waiting[key]
            return None
        found.pieces.setdefault(offset, piece)
        if not more:
            found.length = offset + len(piece)
        whole = _joined(found)
        if whole is not None:
            del self._waiting[key]
        return whole


def _joined(datagram: _Datagram) -> bytes | None:
    """The datagram, or None while a part is missing. Of overlapping pieces the earlier bytes count."""
    if datagram.length is None:
        return None
    whole = bytearray()
    for offset in sorted(datagram.pieces):
        if offset > len(whole):
            return None
        whole += datagram.pieces[offset][len(whole) - offset :]
    return bytes(whole[: datagram.length]) if len(whole) >= datagram.length else None
