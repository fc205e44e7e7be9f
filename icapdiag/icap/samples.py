"""Bodies that probes send, and how the lab knows them again.

The EICAR test string is built when asked for: it stands whole in no file, not even in a ``.pyc`` (CPython folds ``b".."
+ b".."`` into one constant; it does not fold a reversal of a name, nor ``bytes.fromhex``). It is never written to disk.
"""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from icapdiag.icap.body import Body, Filling

CLEAN = b"icapdiag: a harmless line of text that any scanner should let through.\n"

_REVERSED = "*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"


def eicar() -> bytes:
    """The 68 bytes of the EICAR anti-virus test file (eicar.org)."""
    return "".join(reversed(_REVERSED)).encode("ascii")


class Form(NamedTuple):
    """How a file is handed over. ``wrap`` makes the body of an upload of a file's bytes.

    ``sized`` False: its head has no Content-Length, as that of an upload that its client sends in chunks.
    """

    content_type: str
    wrap: Callable[[bytes], bytes]
    sized: bool = True


_BOUNDARY = "icapdiag-form-boundary"  # RFC 2046, 5.1.1: stands in no line of what is between


def _in_multipart(data: bytes) -> bytes:
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="comment"\r\n\r\na test\r\n--{_BOUNDARY}\r\n'
        'Content-Disposition: form-data; name="file"; filename="eicar.com"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _in_zip(data: bytes) -> bytes:
    entry = _Entry(b"eicar.com", len(data), zlib.crc32(data))
    directory = entry.central(0)
    end = _END.pack(b"PK\5\6", 0, 0, 1, 1, len(directory), len(entry.local) + len(data), 0)
    return entry.local + data + directory + end


def _in_json(data: bytes) -> bytes:
    return b'{"name": "eicar.com", "content": "%b"}\n' % base64.b64encode(data)


def _in_pdf(data: bytes) -> bytes:
    """As an embedded file (ISO 32000-1, 7.11.4), nothing in it compressed."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(eicar.com)4 0 R]>>>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
        b"<</Type/Filespec/F(eicar.com)/EF<</F 5 0 R>>>>",
        b"<</Type/EmbeddedFile/Length %d>>stream\n%b\nendstream" % (len(data), data),
    )
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start, count = len(body), len(objects) + 1
    body += b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    return body + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start)


FORMS: Mapping[str, Form] = {
    "raw": Form("application/octet-stream", bytes),
    "multipart": Form(f"multipart/form-data; boundary={_BOUNDARY}", _in_multipart),  # RFC 7578: what browsers send
    "zip": Form("application/zip", _in_zip),
    "pdf": Form("application/pdf", _in_pdf),
    "json": Form("application/json", _in_json),  # in base64
    "chunked": Form("application/octet-stream", bytes, sized=False),
}


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
    """``size`` bytes (68 at least) that begin with the test file, and spaces behind it."""
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
