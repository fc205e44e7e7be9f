"""``--follow``: explain a log while it grows.

Each piece is read separately and added to what was read before, so records of one line
each (JSON Lines, syslog) are counted as they come.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from msgspec.structs import replace

from icapdiag.api.explaining import refusals, report_on
from icapdiag.capture.file import is_capture
from icapdiag.cli.console import complain, fail, terminal_width, wants_color, write_stdout
from icapdiag.cli.explain.run import Explained
from icapdiag.cli.explain.tail import Pieces, Tail, open_tail
from icapdiag.cli.signals import Stop
from icapdiag.logs.containers.sniff import Container
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import KEPT, Problem, Repair, SourceReport
from icapdiag.logs.opening.compression import compression_of
from icapdiag.logs.opening.inputs import InputError
from icapdiag.logs.opening.source import Source, encoding_of
from icapdiag.logs.reading import Reading, ScannerLogs, read_source
from icapdiag.model import Observation, Report
from icapdiag.report.terminal import PIPED_WIDTH, render_news
from icapdiag.runbook import Library
from icapdiag.script.frames import is_output

_PATIENCE = 2.0  # seconds between two lines while the file grows without a pause


class CanNotFollow(InputError):
    """The input can be read, but not piece by piece."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__([f"{name} is {what}: it can't be followed; read it without --follow"])


def follow_file(file: str, filters: Filters, library: Library, stop: Stop, *, on_stdout: bool) -> Explained:
    """Read what is there and what comes, until ``stop`` or the end of standard input; tell the news meanwhile.

    Raises `InputError` for what can't be followed, or holds nothing.
    """
    refused: list[str] = []
    try:
        with open_tail(file) as tail:
            watcher = Watcher(library, filters, tail.name, on_stdout=on_stdout)
            reading = follow(tail, watcher, stop)
        if not stop():
            refused = refusals(reading)
    except OSError as error:
        fail(f"can't follow {file}", error)
    return Explained(watcher.report([file]), refused, stop())


class Watcher:
    """Adds up what was read, and tells what is new of it."""

    def __init__(self, library: Library, filters: Filters, name: str, *, on_stdout: bool) -> None:
        self._library = library
        self._filters = filters
        self._name = name
        self._on_stdout = on_stdout
        self._started_at = datetime.now(UTC)
        self._told: set[str] = set()  # findings that were shown
        self._changed = True
        self._summary = Summary(filters)
        self._scanner = ScannerLogs(filters)
        self._source: SourceReport | None = None
        self._answers: list[Observation] = []

    @property
    def reading(self) -> Reading:
        """All that was read so far."""
        sources = () if self._source is None else (self._source,)
        return Reading(summary=self._summary, sources=sources, answers=tuple(self._answers), scanner=self._scanner)

    def take(self, data: bytes, line: int) -> None:
        """Read one more piece that begins on this line. Raises `CanNotFollow` for what pieces can't tell."""
        piece, answers = read_source(Source(self._name, io.BytesIO(data).read), self._summary, self._scanner)
        self._answers += answers
        if self._source is None and piece.container == Container.CSV:
            raise CanNotFollow(self._name, "CSV, whose heading comes only once")
        self._source = _added(self._source, _moved(piece, line - 1))
        self._changed = True

    def tell(self) -> None:
        """Show a line of counts and the findings that were not there before; nothing if nothing changed."""
        if not self._changed:
            return
        self._changed = False
        report = self.report([self._name])
        news = tuple(finding for finding in report.findings if finding.id not in self._told)
        self._told.update(finding.id for finding in news)
        if self._on_stdout:
            write_stdout(render_news(report, news, terminal_width(PIPED_WIDTH), color=wants_color()))
        else:
            complain(*render_news(report, news).splitlines())

    def report(self, inputs: Sequence[str]) -> Report:
        """All that was read so far, judged."""
        return report_on(
            self.reading,
            self._library,
            inputs=inputs,
            filters=self._filters,
            started_at=self._started_at,
            complete=True,
        )


def follow(
    tail: Tail, watcher: Watcher, stop: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic
) -> Reading:
    """Read until ``stop`` says so or the tail ends; all that was read.

    Raises `CanNotFollow` for what is compressed, and OSError.
    """
    pieces = Pieces(watcher.take)
    first = True
    due = clock() + _PATIENCE
    while not stop() and not tail.ended:
        data = tail.read()
        if tail.restarted:
            pieces.restart()
        if data:
            if first:
                _refuse(data, tail.name)
                first = False
            pieces.add(data)
        else:
            pieces.settle()
        if not data or clock() >= due:
            watcher.tell()
            due = clock() + _PATIENCE
    pieces.flush()
    return watcher.reading


def _refuse(beginning: bytes, name: str) -> None:
    """Raise `CanNotFollow` for what can't be cut behind its line ends."""
    if is_capture(beginning):
        raise CanNotFollow(name, "a packet capture")
    if is_output(beginning):
        raise CanNotFollow(name, "the output of icapdiag se-script")
    packed = compression_of(beginning[:4])
    encoding = "utf-8" if packed else encoding_of(beginning[:512])[0]
    if packed or encoding != "utf-8":
        raise CanNotFollow(name, packed or encoding.upper())


def _moved(piece: SourceReport, lines: int) -> SourceReport:
    """The report of a piece with the lines of the whole file; its bytes have no place in that."""
    return replace(
        piece,
        repairs=tuple(_moved_note(note, lines) for note in piece.repairs),
        problems=tuple(_moved_note(note, lines) for note in piece.problems),
    )


_Note = TypeVar("_Note", Repair, Problem)


def _moved_note(note: _Note, lines: int) -> _Note:
    return replace(note, line=None if note.line is None else note.line + lines, offset=None)


def _added(whole: SourceReport | None, piece: SourceReport) -> SourceReport:
    """Both as one: what the file is, the first piece that was understood tells."""
    if whole is None:
        return piece
    known = whole if whole.read or whole.skipped else piece
    return replace(
        whole,
        container=known.container,
        label=known.label,
        bytes=whole.bytes + piece.bytes,
        total=whole.total + piece.total,
        read=whole.read + piece.read,
        skipped=whole.skipped + piece.skipped,
        unreadable=whole.unreadable + piece.unreadable,
        repairs=(*whole.repairs, *piece.repairs)[:KEPT],
        repairs_total=whole.repairs_total + piece.repairs_total,
        problems=(*whole.problems, *piece.problems)[:KEPT],
        problems_total=whole.problems_total + piece.problems_total,
    )
