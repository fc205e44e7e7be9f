"""Bodies that probes send, and how the lab knows them again.

The EICAR test string is built when asked for: it stands whole in no file, not even in a ``.pyc`` (CPython folds ``b".."
+ b".."`` into one constant; it does not fold a reversal of a name, nor ``bytes.fromhex``). It is never written to disk.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

from icapdiag.icap.body import Body, Filling

CLEAN = b"icapdiag: a harmless line of text that any scanner should let through.\n"

_REVERSED = "*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"


def eicar() -> bytes:
    """The 68 bytes of the EICAR anti-virus test file (eicar.org)."""
    return "".join(reversed(_REVERSED)).encode("ascii")


def clean_body(size: int) -> Body:
    """``size`` bytes of harmless text."""
    return Body((Filling(CLEAN, size),))


def eicar_behind_padding(size: int) -> Body:
    """A ZIP archive of ``size`` bytes, nothing in it compressed: harmless text, and behind it the test file.

    EICAR's makers have it found at a file's start alone; as a file of its own in an archive it still is one.
    Raises ValueError below `ARCHIVE_LEAST`.
    """
    padding = Filling(CLEAN, size - ARCHIVE_LEAST)
    if padding.length < 0:
        raise ValueError(f"the archive takes {ARCHIVE_LEAST} bytes at least")
    virus = eicar()
    crc = 0
    for piece in Body((padding,)).pieces():
        crc = zlib.crc32(piece, crc)
    filler, test = _Entry(b"readme.txt", len(padding), crc), _Entry(b"eicar.com", len(virus), zlib.crc32(virus))
    offset = len(filler.local) + len(padding)
    directory = filler.central(0) + test.central(offset)
    end = _END.pack(b"PK\5\6", 0, 0, 2, 2, len(directory), offset + len(test.local) + len(virus), 0)
    return Body((filler.local, padding, test.local, virus, directory + end))


def eicar_before_padding(size: int) -> Body:
    """``size`` bytes (68 at least) that begin with the test file, and blanks behind it."""
    return Body((eicar(), Filling(b" ", size - EICAR_SIZE)))


# PKWARE's APPNOTE 4.3.7, 4.3.12 and 4.3.16
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION, _STORED, _MIDNIGHT, _DAY = 10, 0, 0, 0x21  # 1980-01-01, the first there is


class _Entry:
    """A stored file of an archive."""

    def __init__(self, name: bytes, size: int, crc: int) -> None:
        self._name = name
        self._fields = (_VERSION, 0, _STORED, _MIDNIGHT, _DAY, crc, size, size, len(name), 0)

    @property
    def local(self) -> bytes:
        return _LOCAL.pack(b"PK\3\4", *self._fields) + self._name

    def central(self, offset: int) -> bytes:
        return _CENTRAL.pack(b"PK\1\2", _VERSION, *self._fields, 0, 0, 0, 0, offset) + self._name


EICAR_SIZE = len(_REVERSED)
ARCHIVE_LEAST = EICAR_SIZE + 2 * (_LOCAL.size + _CENTRAL.size) + 2 * len(b"readme.txteicar.com") + _END.size


EICAR_MARK = f"[EICAR test file: {EICAR_SIZE} bytes, SHA-256 {hashlib.sha256(eicar()).hexdigest()}]"
