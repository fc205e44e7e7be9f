"""Arrays, envelopes and objects in any layout: cut between elements, decoded a block at a time.

Elements of one file have the same layout, so the text between the first two of them (``},{"adf"``, also with line ends
and indents) is the separator for all. A slice that begins at an element and decodes as a list ends at an element: no
JSON value is the beginning of another. So a separator found inside an element, or not found at all,
only costs time: elements are then read one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from icapdiag.avi.entry import LogEntry
from icapdiag.logs.blocks.batch import Batch
from icapdiag.logs.blocks.decoding import (
    BLOCK,
    MAX_RECORD,
    UNDECODABLE,
    ReadInto,
    Sink,
    broken_at,
    is_entry,
    place_of_error,
)
from icapdiag.logs.blocks.spans import (
    UNFINISHED,
    Separators,
    end_of_scalar,
    end_of_value,
    may_be_lenient,
    page_members,
    results_of,
    skip_member,
    sound_end,
)
from icapdiag.logs.damage.beginnings import NONE, Beginnings, indent_of
from icapdiag.logs.notes import PAGE_KEYS

_BETWEEN = re.compile(rb"[\s,]*+")
_REPLY = re.compile(rb'\{\s*+"(?:count|results|next|previous|percent_remaining)"')
_MAY_BE_RESULTS = re.compile(rb"results|.*\\.*", re.DOTALL)  # or written with escapes
_END_LISTED = re.compile(rb"\s*+(?:,|\]|\Z)")
_END = re.compile(rb"\s*+(?:[,\]{]|\Z)")
_GARBAGE = re.compile(rb"[^\n{\[]++")
_ANEW = re.compile(rb"\s*+(?:\[|%b)" % _REPLY.pattern)
_SEPARATOR_SEEN = 512  # bytes behind an element
_BEFORE = 200  # bytes in front of what is not yet counted that are kept: is it the beginning of a line?
_PARTING = b" \t\r\n,"
_STEPS_BACK = 8
_DEEPEST = 8
_QUOTE_BEHIND = 32  # from an element's brace to its first quote, at most

ARRAY: Final = "["
ENVELOPE: Final = "{"
_OPENERS = (0x5B, 0x7B)  # [ {
_CLOSERS = {0x5D: ARRAY, 0x7D: ENVELOPE}  # ] }


class ElementScanner:
    """Reads values to the end of ``read``.

    ``stack`` is what is open, of `ARRAY` and `ENVELOPE`. ``_buffer[_start:_filled]`` is not
    yet counted; a byte before and a byte after it are free, for brackets.
    """

    def __init__(self, read: ReadInto, sink: Sink, *, offset: int = 0) -> None:
        self._read = read
        self._sink = sink
        self._batch = Batch(sink, sink.take_alone)
        self.stack: list[str] = []
        self.separators = Separators()
        self._buffer = bytearray(2 * BLOCK + _BEFORE + 2)
        self._buffer[0] = 0x0A
        self._start = self._filled = 1
        self._base = offset - 1  # of the buffer's first byte in the input
        self._ended = False
        self._lost = False  # inside something unreadable: go on at the next element
        self._single_until = 0  # up to this index elements are taken one by one
        self._beginnings = Beginnings()
        self._needed = 0  # bytes from ``_start`` on, without which it is of no use to look again

    @property
    def offset(self) -> int:
        """Of the next byte to be counted, from the start of the input."""
        return self._base + self._start

    def run(self, on_block: Callable[[int], None] | None = None, *, final: bool = True) -> None:
        """Read to the end. With ``final`` False the text goes on after it, and what is cut there stays uncounted."""
        more = True
        while more:
            more = self._fill()
            self._ended = final and not more
            while self._advance():
                pass
            if on_block:
                on_block(self.offset)
        if final:
            self._finish()
        self._batch.count()

    def _finish(self) -> None:
        tally = self._sink.tally
        rest = bytes(self._buffer[self._start : self._filled]).strip(_PARTING)
        if rest and not self._lost:
            self._batch.leave(self.offset, rest)
            tally.truncated = True
        self._start = self._filled
        tally.truncated = tally.truncated or bool(self.stack)
        tally.end_offset = self.offset

    def _fill(self) -> bool:
        """Read a block behind what is there; False at the end of the input."""
        shift = self._start - 1 - _BEFORE
        if shift > 0:
            view = memoryview(self._buffer)
            view[1 : self._filled - shift] = view[1 + shift : self._filled]
            self._start, self._filled, self._base = self._start - shift, self._filled - shift, self._base + shift
            self._single_until -= shift
        if self._filled + BLOCK + 1 > len(self._buffer):
            self._buffer = self._buffer.ljust(2 * len(self._buffer), b"\0")
        count = self._read(memoryview(self._buffer)[self._filled : self._filled + BLOCK])
        self._filled += count
        return count > 0

    def _advance(self) -> bool:
        """One step of the outer structure, or a run of elements; False if more text is needed."""
        if self._lost:
            return self._find_way()
        buffer, end = self._buffer, self._filled
        if end - self._start < self._needed and not self._ended:
            return False
        self._needed = 0
        found = _BETWEEN.match(buffer, self._start, end)
        self._start = found.end() if found else self._start
        if self._start >= end:
            return False
        return self._enter(buffer[self._start], self.stack[-1] if self.stack else "")

    def _enter(self, byte: int, top: str) -> bool:
        """What begins with ``byte``, inside of ``top``."""
        if byte in _CLOSERS:
            if top == _CLOSERS[byte]:
                self.stack.pop()
            self._start += 1
            return True
        if top == ENVELOPE:
            return self._skip_member()
        if byte == 0x7B:
            return self._object(in_array=top == ARRAY)
        return self._list(in_array=top == ARRAY) if byte == 0x5B else self._no_object(in_array=top == ARRAY)

    def _list(self, *, in_array: bool) -> bool:
        """A ``[``: elements follow, or it is a list of something else among them."""
        found = _BETWEEN.match(self._buffer, self._start + 1, self._filled)
        following = found.end() if found else self._start + 1
        if in_array:
            if following >= self._filled and not self._ended:
                return False
            if self._buffer[following] not in _OPENERS or len(self.stack) >= _DEEPEST:
                return self._no_object(in_array=True)
        self.stack.append(ARRAY)
        self._start += 1
        return True

    def _skip_member(self) -> bool:
        """The members of an envelope other than its results."""
        member = skip_member(self._buffer, self._start, self._filled)
        if member is not None and self._buffer[member[1]] == 0x5B and _MAY_BE_RESULTS.fullmatch(member[0]):
            self.stack.append(ARRAY)  # once more: both are read
            self._start = member[1] + 1
            return True
        if member is not None and member[2] >= 0:
            key, value, self._start = member
            self._note(
                key.decode("utf-8", "replace"), self._buffer[value : self._start][:300].decode("utf-8", "replace")
            )
            return True
        if self._ended and self._buffer[self._start] == 0x22:  # a cut member
            self._start = self._filled
        elif self._ended or self._filled - self._start > BLOCK:
            self.stack.pop()  # no member: what follows is read as it comes
            return True
        return False

    def _note(self, key: str, value: str) -> None:
        if key in PAGE_KEYS:
            self._sink.page.note(key, value)

    def _no_object(self, *, in_array: bool) -> bool:
        """A number, a string or a list of such among the elements; or text between values."""
        buffer, start, end = self._buffer, self._start, self._filled
        if buffer[start] == 0x5B:
            stop = end_of_value(buffer, start, end)
        elif in_array:
            stop = end_of_scalar(buffer, start, end)
        else:
            found = _GARBAGE.match(buffer, start, end)
            stop = found.end() if found else start + 1
        if not self._ended and stop in {UNFINISHED, end}:
            return self._too_long()
        if stop < 0:
            return self._broken(start + 1)
        self._batch.leave(self.offset, bytes(buffer[start:stop]).strip())
        self._start = stop
        return True

    def _too_long(self) -> bool:
        """A value does not end within the buffer: read on, unless it is longer than any record."""
        size = self._filled - self._start
        if size <= MAX_RECORD:
            self._needed = min(2 * size, MAX_RECORD + 1)  # not after every block: a long value is looked through anew
            return False
        self._batch.leave(self.offset, bytes(self._buffer[self._start : self._start + MAX_RECORD]))
        self._start += MAX_RECORD
        self._lost = True
        return True

    def _find_way(self) -> bool:
        following = self._next_element(self._start, self._filled)
        self._lost = following is None or following == UNFINISHED
        self._start = max(self._start, self._filled - BLOCK) if following is None or self._lost else following
        return not self._lost

    def _object(self, *, in_array: bool) -> bool:
        if not in_array or _REPLY.match(self._buffer, self._start, self._filled):
            following = self._next_beginning(self._start)
            end = self._filled if following is None else following
            results = results_of(self._buffer, self._start, end, whole=following is not None)
            if results == UNFINISHED and following is None and not self._ended:
                return self._too_long()
            if results > 0:
                self._sink.page.begin()
                for key, value in page_members(self._buffer, self._start, results):
                    self._note(key, value)
                self.stack += [ENVELOPE, ARRAY]
                self._start = results
                return True
        if self.separators and self._start >= self._single_until:
            cut = self.separators.last(self._buffer, self._start, self._filled)
            if cut < 0 and not self._ended:
                if self._filled - self._start < BLOCK:
                    return False
                self.separators = Separators()  # the layout has changed
            elif cut >= 0 and self._run_of_elements(cut):
                return True
        return self._element()

    def _run_of_elements(self, cut: int) -> bool:
        """Decode up to the last separator in the buffer; False if that failed."""
        self._batch.count()
        self._single_until = cut  # unless it comes out well
        for _ in range(_STEPS_BACK):
            try:
                entries = self._decode(cut + 1)
            except UNDECODABLE as error:
                place = place_of_error(error)
                broken = cut if place is None else self._start - self.separators.listed + place
                if "trailing characters" in str(error) and self._decode_to_bracket(broken):
                    return True
                cut = self.separators.last(self._buffer, self._start, min(broken, cut))
                if cut < 0:
                    return False
                continue
            return self._counted(entries, cut + 1)
        return False

    def _decode(self, stop: int) -> Sequence[LogEntry]:
        """The elements from the start up to ``stop``; where commas part them, as a list made in place."""
        view = memoryview(self._buffer)
        if not self.separators.listed:
            return self._sink.lines(view[self._start : stop])
        before, after = self._buffer[self._start - 1], self._buffer[stop]
        self._buffer[self._start - 1], self._buffer[stop] = 0x5B, 0x5D
        try:
            return self._sink.array(view[self._start - 1 : stop + 1])
        finally:
            self._buffer[self._start - 1], self._buffer[stop] = before, after

    def _decode_to_bracket(self, after: int) -> bool:
        """The list ends within the buffer: count up to its own ``]``."""
        stop = self._buffer.rfind(b"]", self._start, after)
        try:
            return stop > 0 and self._counted(self._decode(stop), stop)
        except UNDECODABLE:
            return False

    def _counted(self, entries: Sequence[LogEntry], stop: int) -> bool:
        if not self._sink.take(entries):
            return False
        self._start = stop
        self._single_until = 0
        return True

    def _element(self) -> bool:
        """One element: JSON, or damaged; see `_damaged`."""
        buffer, start, end = self._buffer, self._start, self._filled
        stop = sound_end(buffer, start, end)
        if stop == UNFINISHED and not self._ended:
            return self._too_long()
        if stop > 0:
            if self._awaits_separator(stop):
                return False
            raw = bytes(buffer[start:stop])
            if self._batch.take_object(self.offset, raw):
                self.separators.learn(buffer, stop, end)
            else:
                self._batch.leave(self.offset, raw)
            self._start = stop
            return True
        return self._spliced() or self._damaged()

    def _awaits_separator(self, stop: int) -> bool:
        """Whether more text is needed to see what parts the elements: that must not depend on where blocks end."""
        return not self.separators and not self._ended and self._filled - stop < _SEPARATOR_SEEN

    def _damaged(self) -> bool:
        """An element that does not decode: up to its last bracket, to the next one, or to a line that begins one."""
        buffer, start = self._buffer, self._start
        following = self._next_beginning(start)
        end = self._filled if following is None else following
        stop = end_of_value(buffer, start, end)
        if stop == UNFINISHED and following is None and not self._ended:
            return self._too_long()
        if stop > 0 and self._awaits_separator(stop):
            return False
        raw = bytes(buffer[start : stop if stop > 0 else end])
        if stop > 0 and may_be_lenient(raw, broken_at(raw)) and self._batch.take_object(self.offset, raw):
            self.separators.learn(buffer, stop, end)
            self._start = stop
            return True
        if stop > 0 and (_END_LISTED if self.separators.listed else _END).match(buffer, stop, end):
            self._batch.damaged(self.offset, raw)
            self._start = stop
            return True
        if following is not None and self._is_one_a_line(start):
            return self._skip_to(following, end)
        return self._broken(start + max(1, broken_at(bytes(buffer[start:end]))))

    def _is_one_a_line(self, start: int) -> bool:
        line = max(start - _BEFORE, self._buffer.rfind(b"\n", max(0, start - _BEFORE), start) + 1)
        return not self._buffer[line:start].strip(b" \t[,") and (not self.separators or self.separators.by_lines)

    def _next_beginning(self, start: int) -> int | None:
        """Where the next line begins that begins a record; None if none does, or none is there yet."""
        indent = indent_of(self._buffer, start)
        found = self._beginnings.next(self._buffer, self._base, start, self._filled, indent)
        return None if found == NONE else found

    def _broken(self, after: int) -> bool:
        """Text that is not JSON and has no matching bracket: skip to the next element."""
        start = self._start
        line = self._next_beginning(start)
        end = self._filled if line is None else line
        following = self._next_element(after, end)
        if following == UNFINISHED or (following is None and line is None):
            if not self._ended and self._filled - start < MAX_RECORD:
                self._needed = 2 * (self._filled - start)
                return False
            following = None if following == UNFINISHED else following
        return self._skip_to(line if following is None else following, end)

    def _skip_to(self, following: int | None, end: int) -> bool:
        """Take what is damaged, and go on behind it."""
        self._lost = following is None
        end = end if following is None else following
        raw = bytes(self._buffer[self._start : end]).rstrip(_PARTING)
        self._sink.tally.truncated = self._sink.tally.truncated or (self._ended and self._lost)
        self._batch.damaged(self.offset, raw, last=self._ended and self._lost)
        self._go_on(end)
        return True

    def _spliced(self) -> bool:
        """Take an element that begins a line, if it is an entry with the usual damage up to the next such line."""
        following = self._next_beginning(self._start)
        if following is None or not self._is_one_a_line(self._start):
            return False
        raw = bytes(self._buffer[self._start : following]).rstrip(_PARTING)
        mended = self._sink.fallback.splice(raw)
        if mended is not None:
            self._batch.mended(self.offset, raw, mended)
            self._go_on(following)
        return mended is not None

    def _go_on(self, at: int) -> None:
        """Behind what was damaged."""
        self._start = at
        if _ANEW.match(self._buffer, at, self._filled):  # what was open was not closed
            self.stack.clear()

    def _next_element(self, after: int, end: int) -> int | None:
        """Where the next element begins, seen from something broken.

        A string without its end goes on to the next element's first quote, so the search begins a bit earlier.
        """
        earliest = max(self._start + (0 if self._lost else 1), after - _QUOTE_BEHIND)
        return self.separators.next_element(
            self._buffer, earliest, end, is_entry, more=not self._ended and end == self._filled
        )
