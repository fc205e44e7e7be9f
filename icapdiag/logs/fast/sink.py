"""Where decoded entries and undecodable records go, and where they are counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final, Protocol, Self

import msgspec
from msgspec import DecodeError, Struct, ValidationError

from icapdiag.avi.entry import LogEntry, decode_entry, looks_like_entry
from icapdiag.avi.strict import NamedEntry, OpenEntry, OpenNamedEntry, StrictEntry
from icapdiag.logs.counting.signature import Entry
from icapdiag.logs.counting.summary import Summary

BLOCK: Final = 512 * 1024  # bytes read at a time: fits a core's second-level cache
MAX_RECORD: Final = 16 * 1024 * 1024  # bytes; a longer record is cut and unreadable
MAX_OBJECTS: Final = 100_000  # and lists, of a long record; an object of 2 bytes takes a hundred in memory
_LONG: Final = 1024 * 1024  # bytes

ReadInto = Callable[[memoryview], int]


class Skipped(Enum):
    """What `Recovery` says of a record that is none of ours."""

    SKIPPED = auto()


SKIPPED: Final = Skipped.SKIPPED


class Tally(Struct):
    """What became of the records. ``truncated``: the text ends inside a value or an open array."""

    read: int = 0
    skipped: int = 0
    unreadable: int = 0
    truncated: bool = False
    end_offset: int = 0  # where reading ended, bytes from the start of the input

    @property
    def total(self) -> int:
        return self.read + self.skipped + self.unreadable

    def add(self, later: Tally) -> None:
        """Add what was counted in the following part of the input."""
        self.read += later.read
        self.skipped += later.skipped
        self.unreadable += later.unreadable
        self.truncated = later.truncated
        self.end_offset = later.end_offset


class Recovery(Protocol):
    """What happens to records that the fast path can't take; keeps the notes about them."""

    def __call__(self, offset: int, raw: bytes) -> LogEntry | Skipped | None:
        """The entry in ``raw`` after all, `SKIPPED` for what is no entry, None for what can't be read.

        ``offset`` counts from the start of the (decompressed) input, in bytes.
        """

    def fresh(self) -> Self:
        """An empty one with the same settings, for another part of the input."""

    def to_wire(self) -> bytes:
        """Its notes, for another process."""

    def merge_wire(self, wire: bytes) -> None:
        """Add the notes about a later part of the input."""


class _NameProbe(Struct):
    vs_name: str | None = None


class _Nothing(Struct):
    pass


_name_probe = msgspec.json.Decoder(_NameProbe, strict=False)
_syntax = msgspec.json.Decoder(_Nothing)
_any = msgspec.json.Decoder(msgspec.Raw)
# DecodeError and UnicodeDecodeError are both ValueErrors; RecursionError is of JSON nested too deeply.
UNDECODABLE: Final = (ValueError, RecursionError)
OVERFULL: Final = f"more than {MAX_OBJECTS:,} objects in one record"
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


def overfull(text: bytes | memoryview) -> bool:
    """Whether a long text holds so many objects that it would be many times as large when it is read."""
    if len(text) <= _LONG:
        return False
    raw = bytes(text)
    return raw.count(b"{") + raw.count(b"[") > MAX_OBJECTS


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


class Sink:
    """Where entries and odd records go, and where they are counted."""

    def __init__(self, summary: Summary, recovery: Recovery, decoders: Decoders) -> None:
        self.summary = summary
        self.recovery = recovery
        self.decoders = decoders
        self.tally = Tally()

    def take(self, entries: Sequence[Entry]) -> bool:
        """Count a block of entries; False, and nothing counted, if some do not look like log entries."""
        if not self.summary.add_all(entries, strict=True):
            return False
        self.tally.read += len(entries)
        return True

    def take_record(self, offset: int, raw: bytes) -> None:
        """One record by itself: as an entry, leniently, or as whatever the recovery makes of it."""
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
            self._add(entry)
        else:
            self.take_odd(offset, raw)
        return True

    def take_odd(self, offset: int, raw: bytes) -> None:
        """A record that can't be decoded."""
        found = self.recovery(offset, raw)
        if found is None:
            self.tally.unreadable += 1
        elif found is SKIPPED:
            self.tally.skipped += 1
        else:
            self._add(found)

    def _add(self, entry: LogEntry) -> None:
        self.summary.add(entry)
        self.tally.read += 1
