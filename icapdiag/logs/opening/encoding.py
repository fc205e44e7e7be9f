"""Bytes to text: byte order marks, UTF-16 and UTF-32 with and without one, stray Windows bytes."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

_MARKS = (  # the longer first: UTF-32's mark begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 512
_ENOUGH = 0.7  # share of characters that must be ASCII to believe in UTF-16 without a mark
STRAY = "icapdiag.stray"  # the name of our error handler for decoding


def encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding of a text by its first bytes, and the length of its byte order mark.

    Without a mark, NUL bytes at the places where UTF-16 and UTF-32 have them in ASCII tell
    (RFC 4627, 3); everything else is ``utf-8``.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    sample = head[:_LOOKED_AT]
    for name, width, place in (("utf-32-le", 4, 0), ("utf-32-be", 4, 3), ("utf-16-le", 2, 0), ("utf-16-be", 2, 1)):
        units = [sample[at : at + width] for at in range(0, len(sample) - width + 1, width)]
        ascii_units = sum(1 for unit in units if _is_ascii(unit, place))
        if len(units) >= 4 and _is_ascii(units[0], place) and ascii_units >= _ENOUGH * len(units):
            return name, 0
    return "utf-8", 0


def _is_ascii(unit: bytes, place: int) -> bool:
    return 0 < unit[place] < 0x80 and unit.count(0) == len(unit) - 1


def to_utf8(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The stream as UTF-8; what can't be read becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for piece in pieces:
        if text := decoder.decode(piece):
            yield text.encode("utf-8", "replace")
    if text := decoder.decode(b"", final=True):
        yield text.encode("utf-8", "replace")


def to_text(data: bytes) -> tuple[str, int | None]:
    """UTF-8 as text, and the index of the first character that was no UTF-8 (None: there is none).

    Bytes that are no UTF-8 are read as Windows-1252, one by one: that is what an editor on
    Windows makes of a smart quote.
    """
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        return data.decode("utf-8", STRAY), len(data[: error.start].decode("utf-8"))


def _stray(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    byte = error.object[error.start : error.start + 1]
    return byte.decode("cp1252", "replace"), error.start + 1


codecs.register_error(STRAY, _stray)
