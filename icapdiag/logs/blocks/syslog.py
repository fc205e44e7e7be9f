"""Syslog, line by line; the entries in it are decoded together, as those of JSON Lines are.

Anything that isn't an entry, or is damaged in an unusual way, is left to `Collector`: so what is taken here must mean
the same there.
"""

from __future__ import annotations

import io
import sys
from typing import Final, NamedTuple

from icapdiag.logs.blocks.decoding import UNDECODABLE, FallbackReader, Sink
from icapdiag.logs.blocks.spans import broken_place
from icapdiag.logs.containers.classify import Payload, payload_of, read_payload
from icapdiag.logs.containers.collector import RECORD_LIMIT, Collector
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.damage.mending import Repairs, by_splicing
from icapdiag.logs.damage.records import Place, Places, read_line
from icapdiag.logs.damage.recovery import Found
from icapdiag.logs.notes import Account, Repair, excerpt_of
from icapdiag.logs.opening.source import Source, Tick

_BUFFER: Final = 1 << 18
_TICK: Final = 1000  # lines between two calls of ``tick``
_TOGETHER: Final = 64 * 1024  # bytes of entries that are decoded as one
_ADDED: Final = ("missing ", " added at the end")


class _Message(NamedTuple):
    """A message that may be an entry: its line, from 1, its payload, its JSON, and what was fixed in that."""

    number: int
    payload: Payload
    json: bytes
    repairs: Repairs = ()


def read_syslog(source: Source, summary: Summary, account: Account, tick: Tick) -> None:
    """Read the lines of a source to its end; empty ones are ignored."""
    messages = _Messages(Collector(summary, account), Sink(FallbackReader(summary), look_into=sys.maxsize))
    file = io.BufferedReader(source, _BUFFER)
    number = 0
    while line := file.readline(RECORD_LIMIT + 1):
        number += 1
        if len(line) > RECORD_LIMIT:
            messages.refuse(number, line)
            while line and not line.endswith(b"\n"):
                line = file.readline(_BUFFER)
        elif record := line.rstrip(b"\r\n \0"):
            messages.take(number, record, last=not line.endswith(b"\n"))
        if number % _TICK == 0:
            tick()
    file.detach()
    messages.count()
    account.tally.read += messages.sink.tally.read


class _Messages:
    """Messages of syslog; ``_kept`` are those that are not yet counted."""

    def __init__(self, collector: Collector, sink: Sink) -> None:
        self.sink = sink
        self._collector = collector
        self._kept: list[_Message] = []
        self._size = 0

    def refuse(self, number: int, line: bytes) -> None:
        """A line that is longer than any."""
        self.count()
        reason = f"a line of more than {RECORD_LIMIT >> 20} MiB"
        self._collector.refuse("unreadable", reason, (number, 1, None), excerpt_of(line))

    def take(self, number: int, line: bytes, *, last: bool = False) -> None:
        """One line. ``last``: it has no line end."""
        payload = payload_of(line)
        if not isinstance(payload, Payload):
            self.count()
            self._collector.refuse("skipped", payload, (number, 1, None), excerpt_of(line))
            return
        message = _message(number, payload)
        if message is None or (last and message.repairs):
            self.count()
            self._alone(number, payload, last=last)
            return
        self._kept.append(message)
        self._size += len(message.json)
        if self._size > _TOGETHER:
            self.count()

    def count(self) -> None:
        """Count what was kept: all at once if it is entries, else one by one."""
        kept, self._kept, self._size = self._kept, [], 0
        if not kept:
            return
        try:
            done = self.sink.take(self.sink.lines(b"\n".join([message.json for message in kept])))
        except UNDECODABLE:
            done = False
        for message in kept:
            if not done:
                self._alone(message.number, message.payload)
            elif message.repairs:
                self._note(message)

    def _note(self, message: _Message) -> None:
        notes = self._collector.notes
        if notes.repairs_kept:
            notes.repairs_total += len(message.repairs)
            return
        places = Places(message.payload.text.decode(), message.number, message.payload.start)
        for what, index in message.repairs:
            notes.repair(Repair(what, *places.of(index)))

    def _alone(self, number: int, payload: Payload, *, last: bool = False) -> None:
        """A message that is damaged, or something else."""
        collector = self._collector
        place: Place = (number, payload.start + 1, None)
        try:
            value = read_line(payload.object.decode())
        except UnicodeDecodeError:
            value = None
        if value is not None:
            collector.value(value, place, excerpt_of(payload.text))
            return
        text, places = collector.decoded(payload.text, lambda text: Places(text, number, payload.start))
        found = read_payload(payload) or Found(start=0, end=len(text), reason="JSON that can't be read")
        collector.found(found, places, text, last=last)


def _message(number: int, payload: Payload) -> _Message | None:
    """The message, if its payload is JSON, or an entry with the usual damage."""
    json = payload.object
    try:
        text = payload.text.decode()
    except UnicodeDecodeError:
        return None
    if broken_place(json) is None:
        return _Message(number, payload, json)
    found = by_splicing("{" + text if payload.bare else text)
    if found is None:
        return None
    repairs = _without_brace(found[1]) if payload.bare else found[1]
    return None if repairs is None else _Message(number, payload, found[0], repairs)


def _without_brace(repairs: Repairs) -> Repairs | None:
    """What was fixed in members without braces, the first of which was put there; None if that is not known."""
    *others, (what, at) = repairs
    begin, end = _ADDED
    if not (what.startswith(begin) and what.endswith("}" + end)):
        return None
    added = what[len(begin) : -len(end) - 1]
    shown = (*others, (f"{begin}{added}{end}", at)) if added else tuple(others)
    return tuple((each, index - 1) for each, index in shown)
