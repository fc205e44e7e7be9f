"""A Word document with a macro, as small as ClamAV takes it for one; and a ZIP archive that says it is encrypted."""

from __future__ import annotations

import struct
from io import BytesIO
from zipfile import ZipFile

_SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_STREAM, _STORAGE, _ROOT = 2, 1, 5
_BLACK = 1
_LARGE = 4096  # bytes from which on a stream has sectors of its own


def document_with_a_macro() -> bytes:
    """[MS-CFB]: a header, one sector of the FAT, two of the directory, and the streams; with one module of [MS-OVBA].

    Every stream is padded to the size that needs no mini stream.
    """
    code = _compressed(b'Attribute VB_Name = "M"\r\nSub AutoOpen()\r\nMsgBox "icapdiag"\r\nEnd Sub\r\n')
    project = b"\xcc\x61\xff\xff\x00\x00\x00" + bytes(100)
    streams = {"dir": _compressed(_DIR), "_VBA_PROJECT": project, "M": code}
    fat, data, starts = [_FAT, 2, _END], b"", {}
    for name, content in streams.items():
        body = content.ljust(_LARGE, b"\0")
        starts[name] = len(fat)
        sectors = len(body) // _SECTOR
        fat += [*range(len(fat) + 1, len(fat) + sectors), _END]
        data += body
    entries = [
        _entry("Root Entry", _ROOT, child=1),
        _entry("Macros", _STORAGE, child=2),
        _entry("VBA", _STORAGE, child=4),
        _entry("dir", _STREAM, start=starts["dir"]),
        _entry("M", _STREAM, left=3, right=5, start=starts["M"]),
        _entry("_VBA_PROJECT", _STREAM, start=starts["_VBA_PROJECT"]),
    ]
    directory = b"".join(entries).ljust(2 * _SECTOR, b"\0")
    table = b"".join(struct.pack("<I", each) for each in fat).ljust(_SECTOR, b"\xff")
    return _header() + table + directory + data


def _header() -> bytes:
    fixed = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    sizes = struct.pack("<IIIIIIIIII", 0, 1, 1, 0, _LARGE, _END, 0, _END, 0, 0)
    return (fixed + sizes).ljust(_SECTOR, b"\xff")


def _entry(name: str, kind: int, *, child: int = _FREE, left: int = _FREE, right: int = _FREE, start: int = 0) -> bytes:
    text = f"{name}\0".encode("utf-16-le")
    links = struct.pack("<BBIII", kind, _BLACK, left, right, child)
    size = _LARGE if kind == _STREAM else 0
    return text.ljust(64, b"\0") + struct.pack("<H", len(text)) + links + bytes(36) + struct.pack("<IQ", start, size)


def _compressed(content: bytes) -> bytes:
    """One chunk of literal bytes: a flag byte of zeros before each eight."""
    tokens = b"".join(b"\0" + content[at : at + 8] for at in range(0, len(content), 8))
    return b"\x01" + struct.pack("<H", 0xB000 | (len(tokens) - 1)) + tokens


def _record(number: int, data: bytes) -> bytes:
    return struct.pack("<HI", number, len(data)) + data


_DIR = b"".join(
    (
        _record(0x01, struct.pack("<I", 1)),  # SYSKIND
        _record(0x02, struct.pack("<I", 0x409)),  # LCID
        _record(0x14, struct.pack("<I", 0x409)),
        _record(0x03, struct.pack("<H", 1252)),  # code page
        _record(0x04, b"P"),  # the project's name
        _record(0x05, b""), _record(0x40, b""),
        _record(0x06, b""), _record(0x3D, b""),
        _record(0x07, struct.pack("<I", 0)), _record(0x08, struct.pack("<I", 0)),
        struct.pack("<HIIH", 0x09, 4, 1, 1),
        _record(0x0C, b""), _record(0x3C, b""),
        _record(0x0F, struct.pack("<H", 1)), _record(0x13, struct.pack("<H", 0xFFFF)),
        _record(0x19, b"M"), _record(0x47, "M".encode("utf-16-le")),  # the module and its stream
        _record(0x1A, b"M"), _record(0x32, "M".encode("utf-16-le")),
        _record(0x1C, b""), _record(0x48, b""),
        _record(0x31, struct.pack("<I", 0)),  # where its code begins
        _record(0x1E, struct.pack("<I", 0)), _record(0x2C, struct.pack("<H", 0xFFFF)),
        _record(0x21, b""), _record(0x2B, b""), _record(0x10, b""),
    )
)  # fmt: skip


def encrypted_archive() -> bytes:
    """A ZIP archive whose one file is encrypted, as its flags have it."""
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        archive.writestr("report.txt", "icapdiag: nothing harmful.\n")
    data = bytearray(file.getvalue())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + flags] |= 1
    return bytes(data)
