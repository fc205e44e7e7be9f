"""Where decoded entries and undecodable records go, and where they are counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import DecodeError, Struct, ValidationError

from icapdiag.avi.entry import decode_entry, looks_like_entry
from icapdiag.avi.strict import NamedEntry, OpenEntry, OpenNamedEntry, StrictEntry
from icapdiag.logs.blocks.fallback import OVERFULL, FallbackReader, overfull
from icapdiag.logs.counting.signature import Entry
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import Counts

BLOCK: Final = 512 * 1024  # bytes read at a time: fits a core's second-level cache

ReadInto = Callable[[memoryview], int]


class _NameProbe(Struct):
    vs_name: str | None = None


class _Nothing(Struct):
    pass


_name_probe = msgspec.json.Decoder(_NameProbe, strict=False)
_syntax = msgspec.json.Decoder(_Nothing)
_any = msgspec.json.Decoder(msgspec.Raw)
# DecodeError and UnicodeDecodeError are both ValueErrors; RecursionError is of JSON nested too deeply.
UNDECODABLE: Final = (ValueError, RecursionError)
_byte = re.compile(r"\(byte (\d+)\)")


def names_services(record: bytes | memoryview) -> bool:
    """Whether a record gives its virtual service a name; decides which name the whole input is read by."""
    try:
        return bool(_name_probe.decode(record).vs_name)
    except UNDECODABLE:
        return False


def place_of_error(error: BaseException) -> int | None:
    """The index of the byte that msgspec stumbled over, if it says so."""
    found = _byte.search(str(error))
    return int(found[1]) if found else None


def broken_at(raw: bytes) -> int:
    """Where an object stops being JSON, an index into ``raw``; 0 if it is nested too deeply to tell."""
    try:
        _syntax.decode(raw)
    except RecursionError:
        return 0
    except ValueError as error:
        place = place_of_error(error)
        return len(raw) if place is None else place
    return len(raw)


def is_cut(raw: bytes) -> bool:
    """Whether ``raw`` is the beginning of a value and nothing else is wrong with it."""
    try:
        _any.decode(raw)
    except UNDECODABLE as error:
        return isinstance(error, DecodeError) and place_of_error(error) is None
    return False


def is_entry(raw: bytes) -> bool | None:
    """Whether ``raw`` is a log entry; None if it is no JSON object at all."""
    try:
        return looks_like_entry(decode_entry(raw))
    except ValueError:
        return None


class Decoders:
    """msgspec decoders for blocks, from the strictest shape down.

    ``strict=False`` makes numbers of text: 64-bit numbers come so.
    """

    _PATIENCE = 8  # blocks with a word that `StrictEntry` does not know, before it is given up

    def __init__(self, *, named: bool) -> None:
        strict: type[StrictEntry] = NamedEntry if named else StrictEntry
        lenient: type[OpenEntry] = OpenNamedEntry if named else OpenEntry
        self._strict = msgspec.json.Decoder(strict, strict=False)
        self._strict_list = msgspec.json.Decoder(list[strict], strict=False)  # type: ignore[valid-type]
        self._open = msgspec.json.Decoder(lenient, strict=False)
        self._open_list = msgspec.json.Decoder(list[lenient], strict=False)  # type: ignore[valid-type]
        self._misfits = 0

    def lines(self, text: memoryview | bytes) -> Sequence[Entry]:
        """Values with white space between them. Raises one of `UNDECODABLE`, also for an `overfull` text."""
        return self._either(self._strict.decode_lines, self._open.decode_lines, text)

    def array(self, text: memoryview | bytes) -> Sequence[Entry]:
        """One array. Raises as `lines` does."""
        return self._either(self._strict_list.decode, self._open_list.decode, text)

    def _either(
        self,
        strict: Callable[[memoryview | bytes], Sequence[Entry]],
        lenient: Callable[[memoryview | bytes], Sequence[Entry]],
        text: memoryview | bytes,
    ) -> Sequence[Entry]:
        if overfull(text):
            raise DecodeError(OVERFULL)
        if self._misfits < self._PATIENCE:
            try:
                return strict(text)
            except ValidationError:
                self._misfits += 1
        return lenient(text)


class Tally(Counts):
    """What became of the records. ``truncated``: the text ends inside a value or an open array."""

    truncated: bool = False
    end_offset: int = 0  # where reading ended, bytes from the start of the input

    def add_later(self, later: Tally) -> None:
        """Add what was counted in the following part of the input."""
        self.add(later.read, later.skipped, later.unreadable)
        self.truncated = later.truncated
        self.end_offset = later.end_offset


class Sink:
    """Where entries and odd records go, and where they are counted."""

    def __init__(self, summary: Summary, fallback: FallbackReader, decoders: Decoders) -> None:
        self.summary = summary
        self.fallback = fallback
        self.decoders = decoders
        self.tally = Tally()

    def take(self, entries: Sequence[Entry]) -> bool:
        """Count a block of entries; False, and nothing counted, if some do not look like log entries."""
        if not self.summary.add_all(entries, strict=True):
            return False
        self.tally.read += len(entries)
        return True

    def take_record(self, offset: int, raw: bytes) -> None:
        """One record by itself: as an entry, leniently, or as whatever the fallback makes of it."""
        if not self.take_object(offset, raw):
            self.take_odd(offset, raw)

    def take_object(self, offset: int, raw: bytes) -> bool:
        """A record that is JSON; False, and nothing counted, if it is none, or `overfull`."""
        if overfull(raw):
            return False
        try:
            if self.take(self.decoders.lines(raw)):
                return True
        except UNDECODABLE:
            pass
        try:
            entry = decode_entry(raw)
        except ValueError:
            return False
        if looks_like_entry(entry):
            self.summary.add(entry)
            self.tally.read += 1
        else:
            self.take_odd(offset, raw)
        return True

    def take_odd(self, offset: int, raw: bytes) -> None:
        """A record that can't be decoded."""
        found = self.fallback.read(offset, raw)
        self.summary.add_all(found.entries)
        self.tally.add(len(found.entries), found.skipped, found.unreadable)
