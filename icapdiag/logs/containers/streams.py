"""Containers that are read line by line or window by window, however long they are: CSV, syslog, any text."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

from icapdiag.logs.containers.answer import answers, has_answers
from icapdiag.logs.containers.csvcells import rows
from icapdiag.logs.containers.fragments import is_page, page_text, passages
from icapdiag.logs.containers.settle import ANSWERS_KEPT, Collector, read_payload
from icapdiag.logs.containers.syslog import Payload, payload_of
from icapdiag.logs.damage.records import Places
from icapdiag.logs.notes import EXCERPT, Repair
from icapdiag.logs.opening.encoding import STRAY, to_text

if TYPE_CHECKING:
    from icapdiag.logs.opening.source import Source

RECORD_LIMIT = 16 << 20  # bytes or characters of one record
_BUFFER = 1 << 18
_WINDOW = 1 << 20
_TICK = 1000  # records between two calls of ``tick``

Tick = Callable[[], None]


def read_csv(source: Source, delimiter: str, collector: Collector, tick: Tick) -> None:
    """The rows of a CSV export."""
    file = io.TextIOWrapper(io.BufferedReader(source, _BUFFER), "utf-8", errors=STRAY, newline="")
    pieces = iter(lambda: file.readline(RECORD_LIMIT), "")
    for number, row in enumerate(rows(pieces, delimiter)):
        for what, line in row.repairs:
            collector.notes.repair(Repair(what, line))
        if row.value is None:
            collector.refuse("unreadable", row.reason, row.line, None, row.excerpt)
        else:
            collector.value(row.value, row.line, None, row.excerpt, damaged=bool(row.repairs))
        if number % _TICK == 0:
            tick()
    file.detach().detach()


def read_syslog(source: Source, collector: Collector, tick: Tick) -> None:
    """Lines of a syslog stream; blank ones count for nothing."""
    file = io.BufferedReader(source, _BUFFER)
    number = 0
    while line := file.readline(RECORD_LIMIT + 1):
        number += 1
        if len(line) > RECORD_LIMIT:
            collector.refuse("unreadable", f"a line of more than {RECORD_LIMIT >> 20} MiB", number, 1, _excerpt(line))
            while line and not line.endswith(b"\n"):
                line = file.readline(_WINDOW)
        elif line := line.rstrip(b"\r\n \0"):
            _syslog_line(line, number, collector)
        if number % _TICK == 0:
            tick()
    file.detach()


def _syslog_line(line: bytes, number: int, collector: Collector) -> None:
    payload = payload_of(line)
    if not isinstance(payload, Payload):
        collector.refuse("skipped", payload, number, 1, _excerpt(line))
        return
    column = payload.start + 1
    excerpt = _excerpt(line[payload.start :])
    try:
        value = msgspec.json.decode(payload.object)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        value = None
    if isinstance(value, dict):
        collector.value(value, number, column, excerpt)
        return
    text, stray = to_text(payload.text)
    found = read_payload(payload)
    if stray is not None:
        collector.notes.repair(Repair("bytes that are no UTF-8 were read as Windows-1252", number, column + stray))
    if found is None or found.value is None:
        collector.refuse("unreadable", "JSON that can't be read", number, column, excerpt)
        return
    places = Places(text, number)
    for what, index in found.repairs:
        row, inside = places.of(index)
        collector.notes.repair(Repair(what, row, inside + payload.start))
    collector.value(found.value, number, column, excerpt, damaged=bool(found.repairs))


def _excerpt(line: bytes) -> str:
    return line[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]


def read_text(source: Source, collector: Collector, tick: Tick) -> bool:
    """A long text of any kind, for the entries and answers in it. Returns whether there was anything."""
    anything = False
    windows = _Windows(source)
    for window in windows:
        places = Places(window, windows.line)
        for found in passages(window):
            if found.open_end and not windows.final:
                windows.done = found.start
                break
            anything = anything or found.value is not None or bool(found.reason)
            collector.found(found, places, window)
        data = window[: windows.done].encode("utf-8", "replace")
        if has_answers(data) and len(collector.answers) < ANSWERS_KEPT:
            anything = bool(collector.take_answers(answers(data))) or anything
        tick()
    if windows.page:
        collector.notes.repair(Repair("the markup of a web page was left out", 1, 1))
    return anything


class _Windows:
    """Iterates over stretches of a text that end with a line.

    ``line`` is the number of the first line. The user says by ``done`` how much of a stretch is dealt
    with; the rest comes again, with more behind it, until ``final``: nothing follows, or the limit of a
    record is reached.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.line = 1
        self.final = False
        self.done = 0
        self.page = False

    def __iter__(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")(errors=STRAY)
        window = tail = ""
        ended = False
        while not ended:
            wanted = max(_WINDOW, len(window))
            while len(tail) < wanted and not ended:
                data = self._source.read(_WINDOW) or b""
                ended = not data
                tail += decoder.decode(data, final=ended)
            cut = len(tail) if ended else (tail.rfind("\n") + 1 or len(tail))
            fresh, tail = tail[:cut], tail[cut:]
            self.page = self.page or (not window and self.line == 1 and is_page(fresh))
            window += page_text(fresh) if self.page else fresh
            self.final = ended or len(window) >= RECORD_LIMIT
            self.done = len(window)
            yield window
            self.line += window.count("\n", 0, self.done)
            window = window[self.done :]
