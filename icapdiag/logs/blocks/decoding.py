"""Counts decoded entries, and passes on records that do not decode."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import DecodeError, ValidationError

from icapdiag.avi.entry import (
    Action,
    DetailedEntry,
    KnownDetailedEntry,
    KnownEntry,
    LogEntry,
    decode_entry,
    looks_like_entry,
)
from icapdiag.avi.vocabulary import DISABLED
from icapdiag.doubled import Ambiguous, unique
from icapdiag.facts.groups import ACTIONS
from icapdiag.logs.blocks.key_counter import KeyCounter
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import Account, Repair, excerpt_of

BLOCK: Final = 512 * 1024  # bytes read at a time: fits a core's second-level cache
MAX_RECORD: Final = 16 * 1024 * 1024  # bytes; a longer record is cut and unreadable
MAX_OBJECTS: Final = 100_000  # and lists, of a long record; an object of 2 bytes takes a hundred in memory
OVERFULL: Final = f"more than {MAX_OBJECTS:,} objects in one record"
_LONG: Final = 1024 * 1024  # bytes

_DETAILED_OF = 100  # blocks behind those that are looked into: one of these is decoded with all details

# Where keys that are there twice are looked for, reading takes twice as long. Nothing cheaper finds them all: to count
# one key's bytes in a block takes a third of what it takes to decode it, and some forty keys are read.
LOOKED_INTO_WHOLE: Final = 64 * 1024 * 1024  # bytes of a file that is looked through; of a longer one the beginning is:
LOOKED_INTO_SHARE: Final = 80  # one part in so many, as who writes a key twice does so in each record
LOOKED_INTO_STREAM: Final = 40 * 1024 * 1024  # bytes of what has to be unpacked or recoded, or comes through a pipe


def looked_into(size: int) -> int:
    """Bytes of JSON that are looked through for keys that are there twice, by the size of the file in bytes."""
    return sys.maxsize if size <= LOOKED_INTO_WHOLE else size // LOOKED_INTO_SHARE


ReadInto = Callable[[memoryview], int]


_Decode = Callable[[memoryview | bytes], Sequence[LogEntry]]
Decoders = tuple[_Decode, _Decode]  # of lines, of an array

_unique = json.JSONDecoder(object_pairs_hook=unique, strict=False)
_any = msgspec.json.Decoder(msgspec.Raw)
_values = msgspec.json.Decoder().decode_lines, msgspec.json.Decoder(list).decode
_written = msgspec.json.Encoder().encode_lines, msgspec.json.Encoder().encode
_BLANK: Final = b" \t\r\n"
# DecodeError and UnicodeDecodeError are both ValueErrors; RecursionError is of JSON nested too deeply.
UNDECODABLE: Final = (ValueError, RecursionError)
_byte = re.compile(r"\(byte (\d+)\)")
_between = re.compile(r"[\s,\[]*+")
_TWICE = "a key appears twice"


def place_of_error(error: BaseException) -> int | None:
    """The index of the byte at which msgspec failed, if it says so."""
    found = _byte.search(str(error))
    return int(found[1]) if found else None


def broken_at(raw: bytes) -> int:
    """Where an object stops being JSON, an index into ``raw``; 0 if it is nested too deeply to tell."""
    place = None
    try:
        _any.decode(raw)
    except RecursionError:
        place = 0
    except ValueError as error:
        place = place_of_error(error)
    return len(raw) if place is None else place


def is_cut(raw: bytes) -> bool:
    """Whether ``raw`` is the beginning of a value and nothing else is wrong with it."""
    try:
        _any.decode(raw)
    except UNDECODABLE as error:
        return isinstance(error, DecodeError) and place_of_error(error) is None
    return False


def is_entry(raw: bytes) -> bool | None:
    """Whether ``raw`` is a log entry; None if it is not a JSON object."""
    try:
        return looks_like_entry(decode_entry(raw))
    except ValueError:
        return None


def overfull(text: bytes | memoryview) -> bool:
    """Whether a long text contains so many objects that decoding it would need many times its size."""
    if len(text) <= _LONG:
        return False
    raw = bytes(text)
    return raw.count(b"{") + raw.count(b"[") > MAX_OBJECTS


class Mended(NamedTuple):
    """A damaged record as JSON, the text in which it was found, and what was fixed: ``(what, index)``."""

    text: bytes
    damaged: str
    repairs: tuple[tuple[str, int], ...]


def _mended(raw: bytes, mend: Callable[[str], tuple[bytes, tuple[tuple[str, int], ...]] | None]) -> Mended | None:
    if len(raw) > _LONG:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    found = mend(text)
    return found and Mended(found[0], text, found[1])


class FallbackReader(Account):
    """Reads parts of one large input record by record; notes have byte offsets as places."""

    def __init__(self, summary: Summary) -> None:
        super().__init__()
        self.summary = summary

    def read(self, offset: int, raw: bytes, *, last: bool = False) -> None:
        """Take the records in ``raw``, one at least; ``offset`` counts bytes from the start of the decompressed input.

        There are several where a line end was lost, and in an envelope on a line. ``last``: the input ends behind it.
        """
        if len(raw) >= MAX_RECORD or overfull(raw):
            reason = f"a record of more than {MAX_RECORD >> 20} MiB" if len(raw) >= MAX_RECORD else OVERFULL
            self.refuse("unreadable", reason, (None, None, offset), excerpt_of(raw))
            return
        from icapdiag.logs.containers.recordwise import read_stretch  # noqa: PLC0415 - most logs have no such record

        read_stretch(raw, offset, self.summary, self, last=last)

    def mend(self, raw: bytes) -> Mended | None:
        """A damaged record that is one log entry, for decoding it together with others; None if `read` has to."""
        from icapdiag.logs.damage.mending import mended  # noqa: PLC0415 - as above

        return _mended(raw, mended)

    def splice(self, raw: bytes) -> Mended | None:
        """The same of a record with the usual damage only, in a tenth of the time."""
        from icapdiag.logs.damage.mending import by_splicing  # noqa: PLC0415 - as above

        return _mended(raw, by_splicing)

    def note_mended(self, offset: int, mended: Mended) -> None:
        """A record that began at ``offset`` was read."""
        for what, index in mended.repairs:
            if self.notes.repairs_kept:
                self.notes.repairs_total += 1
            else:
                self.notes.repair(Repair(what, offset=offset + len(mended.damaged[:index].encode())))


def _is_written_again(form: Literal[0, 1], text: memoryview | bytes) -> bool:
    """Whether all of a text is in it again when its values are written: msgspec takes the last of two of one key."""
    try:
        again = _written[form](_values[form](text))
    except UNDECODABLE:
        return False
    return again.translate(None, _BLANK) == bytes(text).translate(None, _BLANK)


def _is_doubled(text: str) -> bool:
    """Whether a key appears twice, with different values, in a list, or in values with white space between them."""
    at = 0
    while (between := _between.match(text, at)) and (at := between.end()) < len(text) and text[at] != "]":
        try:
            _, at = _unique.raw_decode(text, at)
        except Ambiguous:
            return True
    return False


def _actions(entries: Sequence[LogEntry]) -> tuple[int, bool]:
    """How many actions the entries have, and whether ICAP was disabled for one that names no ICAP request."""
    logs = [entry.icap_log for entry in entries if entry.icap_log is not None]
    found = [log.action for log in logs]
    requests = [log.request_logs for log in logs]
    bare = None in requests and any(log.action == DISABLED for log in logs if log.request_logs is None)
    found += [request.action for each in requests if each is not None for request in each]
    return len(found) - found.count(None), bare


class Sink:
    """Decodes blocks of entries and counts them; odd records go to ``fallback``.

    Known values are expected until one is not known. ``strict=False`` makes numbers of text: 64-bit numbers come so.
    msgspec takes the last of two values of one key. Where more actions were met than entries have, an ``action``,
    ``icap_log`` or ``request_logs`` appears twice. Other keys are looked for in the first ``look_into`` bytes, and in
    all that comes after a record with one. Such a record is left to the fallback.

    Who sent what takes a fifth longer to decode. It is decoded of all entries in these first bytes, and beyond, unless
    a filter needs it, of some blocks all over the input; but of everything once ICAP was disabled for a request: what
    that carried decides whether it matters.
    """

    def __init__(self, fallback: FallbackReader, *, look_into: int = 0) -> None:
        self.fallback = fallback
        self.tally = fallback.tally
        self.page = fallback.notes.page
        self._decoded = 0  # bytes
        self._some_disabled = False  # ICAP was disabled for a request
        self._paced = False  # the text last decoded follows the one before
        self._met: list[str] = []  # every action in the text last decoded
        self._look_into = look_into
        self._doubled = False  # some key was there twice
        self._looked_into = False  # the text last decoded, as the next
        self._size = 0
        self._known = True  # no word was met that is not known
        self._decoders = self._made(KnownEntry), self._made(KnownDetailedEntry)  # without details, with them

    def _made(self, shape: type[LogEntry]) -> Decoders:
        met, known = self._met, {word: Action(word) for word in ACTIONS}

        def action(_: type, word: str) -> Action:
            met.append(word)
            try:
                return known[word]
            except KeyError:
                return Action(word)

        one = msgspec.json.Decoder(shape, strict=False, dec_hook=action)
        return one.decode_lines, msgspec.json.Decoder(list[shape], strict=False, dec_hook=action).decode  # type: ignore[valid-type]

    @property
    def _with_details(self) -> bool:
        """Whether what is decoded next is."""
        if self._look_into > 0 or self._some_disabled or self.fallback.summary.filters.by_entry:
            return True
        return self._decoded // BLOCK % _DETAILED_OF == 0

    def lines(self, text: memoryview | bytes) -> Sequence[LogEntry]:
        """Values with white space between them. Raises one of `UNDECODABLE`, also for an `overfull` text."""
        return self._decode(0, text)

    def array(self, text: memoryview | bytes) -> Sequence[LogEntry]:
        """One array. Raises as `lines` does."""
        return self._decode(1, text)

    def _decode(self, form: Literal[0, 1], text: memoryview | bytes) -> Sequence[LogEntry]:
        if overfull(text):
            raise DecodeError(OVERFULL)
        detailed, self._paced = self._with_details, self._look_into > 0
        self._decoded += len(text)
        self._met.clear()
        try:
            entries = self._decoders[detailed][form](text)
        except ValidationError:
            if not self._known:
                raise
            self._known = False
            self._decoders = self._made(LogEntry), self._made(DetailedEntry)
            self._met.clear()
            entries = self._decoders[detailed][form](text)
        actions, disabled = _actions(entries)
        if disabled and not detailed:
            self._some_disabled = True
            entries = self._decoders[True][form](text)
            actions *= 2  # those that were met are of both
        if len(self._met) != actions or self._is_doubled(form, text):
            self._doubled = True
            raise DecodeError(_TWICE)
        return entries

    def _is_doubled(self, form: Literal[0, 1], text: memoryview | bytes) -> bool:
        """Whether a key appears twice, as far as this is looked for."""
        self._looked_into = self._doubled or self._look_into > 0
        if not self._looked_into:
            return False
        self._size = len(text)
        try:
            return self._counter.is_doubled(form, text)
        except ValidationError:  # values where an entry has objects
            return not _is_written_again(form, text) and _is_doubled(bytes(text).decode("utf-8", "replace"))

    @cached_property
    def _counter(self) -> KeyCounter:
        return KeyCounter(DetailedEntry)

    def take(self, entries: Sequence[LogEntry]) -> bool:
        """Count a block of entries; False, and nothing counted, if some do not look like log entries."""
        if not self.fallback.summary.add_all(entries, strict=True, paced=self._paced):
            return False
        self.tally.read += len(entries)
        if self._looked_into:
            self._look_into -= self._size
        else:
            self.tally.not_looked_into += len(entries)
        return True

    def take_object(self, offset: int, raw: bytes) -> bool:
        """A record that is JSON; False, and nothing counted, if it is none, or `overfull`."""
        if overfull(raw):
            return False
        try:
            if self.take(self.lines(raw)):
                return True
        except UNDECODABLE:
            pass
        try:
            entry = decode_entry(raw)
        except ValueError:
            return False
        if looks_like_entry(entry):
            self.fallback.summary.add(entry)
            self.tally.read += 1
        else:
            self.fallback.read(offset, raw)
        return True

    def take_alone(self, offset: int, raw: bytes) -> None:
        """A record that is JSON, and nothing with it."""
        if not self.take_object(offset, raw):
            self.fallback.read(offset, raw)
