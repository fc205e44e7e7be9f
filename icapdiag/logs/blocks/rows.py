"""The CSV export, a block at a time: rows that are as the Controller writes them become JSON, decoded together.

Every other row is read cell by cell, see `csvexport`; so a row that `RowPattern` takes must mean the same there. What
becomes of a row depends on the text only, never on where blocks end.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from icapdiag.avi.entry import LogEntry
from icapdiag.avi.times import to_iso
from icapdiag.avi.vocabulary import WAF_REJECTED
from icapdiag.logs.blocks.decoding import UNDECODABLE, Sink
from icapdiag.logs.blocks.row_pattern import BRIEF, Header, logs_as_json
from icapdiag.logs.containers import csvexport
from icapdiag.logs.containers.collector import Collector
from icapdiag.logs.notes import Repair
from icapdiag.logs.opening.source import STRAY

_BLOCK: Final = 512 * 1024  # bytes
_TOGETHER: Final = 200  # rows that are decoded as one
_REJECTED: Final = WAF_REJECTED.encode()
_TELLING: Final = ("virtualservice", "vs_name", "significant_log", "significance")  # a row with one of them is an entry

Read = Callable[[int], bytes | None]  # so many bytes at most, none at the end


class RowScanner:
    """Reads rows to the end of ``read``."""

    def __init__(self, read: Read, header: Header, sink: Sink) -> None:
        self._read = read
        self._header = header
        self._plain = header.plain
        self._summary = sink.fallback.summary
        self._collector = Collector(self._summary, sink.fallback)
        self._sink = sink
        self._filtered = bool(self._summary.filters)
        self._bare: list[LogEntry] = []  # entries without an icap_log that were read cell by cell, and not yet counted
        self._longest = csvexport.CELL_LIMIT + _BLOCK  # bytes of a row; a longer one has a quote that nothing closes
        self._text = b""  # that was read, and not yet counted
        self._rejecting = False  # WAF has refused a request of it
        self._closed = True  # the row whose end was looked for: it has all its quotes
        self.offset = 0  # of the row that comes next, in bytes from the first one
        self.line = 1  # the same in lines, from 1

    def run(self, on_block: Callable[[int], None], *, end: int | None = None) -> None:
        """Read to the end, or to the offset ``end``, behind which the text goes on. ``on_block`` is told `offset`."""
        while self._step(end):
            on_block(self.offset)

    def _step(self, end: int | None) -> bool:
        pieces, size = [self._text], len(self._text)
        wanted = max(_BLOCK, 2 * size)  # a long row is not looked through after every block
        more = True
        while more and size < wanted:
            room = _BLOCK if end is None else min(_BLOCK, end - self.offset - size)
            piece = (room > 0 and self._read(room)) or b""
            more = bool(piece)
            size += len(piece)
            pieces.append(piece)
        self._text = b"".join(pieces)
        done = self._rows(self._text, ended=not more and end is None)
        self._text = self._text[done:]
        self.offset += done
        return more

    def _rows(self, text: bytes, *, ended: bool) -> int:
        """Count rows; the index behind the last one that is known to be complete."""
        self._rejecting = _REJECTED in text
        at, following = -1, 0
        while at < following < len(text):
            at = self._plain_rows(text, following, ended=ended)
            following = self._other_rows(text, at, ended=ended)
        return following

    def _plain_rows(self, text: bytes, at: int, *, ended: bool) -> int:
        """Count the rows from ``at`` to the first that has to be read cell by cell; the index behind them."""
        rows: list[re.Match[bytes]] = []
        logs: list[bytes] = []
        while row := self._plain.match(text, at):
            log = self._log_of(row, ended=ended)
            if log is None:
                break
            rows.append(row)
            logs.append(log)
            at = row.end()
            if len(rows) == _TOGETHER:
                self._count(rows, logs)
                rows, logs = [], []
        self._count(rows, logs)
        return at

    def _log_of(self, row: re.Match[bytes], *, ended: bool) -> bytes | None:
        """`RowPattern.log_of` a row; None also if it may go on, is too long, or was refused by WAF."""
        start, end = row.span()
        if (end == len(row.string) and not ended) or end - start >= self._longest:
            return None
        if self._rejecting and row.string.find(_REJECTED, start, end) >= 0:
            return None
        return self._plain.log_of(row)

    def _other_rows(self, text: bytes, at: int, *, ended: bool) -> int:
        """Count the rows from ``at`` to the next that is plain, and at least one; the index behind them."""
        bounds = [at]
        while (stop := self._row_end(text, bounds[-1], ended=ended)) > bounds[-1]:
            bounds.append(stop)
            row = self._plain.match(text, stop)
            if not self._closed or (row is not None and self._log_of(row, ended=ended) is not None):
                break
        raw = text[at : bounds[-1]]
        last = ended and bounds[-1] == len(text)
        if raw.count(b"\r") == raw.count(b"\r\n"):
            self._slowly(raw, last=last)
        else:  # `csv` counts other lines than `_slowly`
            for start, stop in pairwise(bounds):
                self._slowly(text[start:stop], last=last and stop == len(text))
        return bounds[-1]

    def _row_end(self, text: bytes, at: int, *, ended: bool) -> int:
        """Behind the row at ``at``, as `csv` sees it; ``at`` if more text is needed, or there is none."""
        limit = at + self._longest
        row = self._header.any_row(text, at, limit)
        self._closed = row is not None and (row.end() < min(limit, len(text)) or (ended and row.end() == len(text)))
        if row is not None and self._closed:
            return row.end()
        if len(text) < limit and not ended:
            return at
        # A quote that nothing closes: the row ends before the next line that is a row, if there is one.
        line = text.find(b"\n", at, limit) + 1
        while line:
            if self._plain.match(text, line, limit):
                return line
            line = text.find(b"\n", line, limit) + 1
        return len(text) if len(text) <= limit else text.rfind(b"\n", at, limit) + 1 or limit

    def _slowly(self, raw: bytes, *, last: bool) -> None:
        """Count rows, or lines of which `csv` makes several. ``last``: the input ends behind them."""
        line, self.line = self.line, self.line + raw.count(b"\n")
        text = raw.decode("utf-8", STRAY)
        columns = self._header.columns
        without_end = len(raw.splitlines()) if last and not raw.endswith((b"\n", b"\r")) else 0  # its last line, from 1
        is_open = raw.count(b'"') % 2 == 1
        csv.field_size_limit(csvexport.CELL_LIMIT)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._header.delimiter)
        while True:
            at = line + reader.line_num
            try:
                cells = next(reader)
            except StopIteration:
                self._count_bare()
                return
            except csv.Error as error:
                self._collector.refuse("unreadable", f"not CSV: {error}", (at, None, None), "")
                continue
            if cells and cells != columns.names:  # exports put together repeat the header
                cut = reader.line_num == without_end and (is_open or len(cells) < len(columns.names))
                self._take(cells, at, cut=cut)

    def _take(self, cells: list[str], line: int, *, cut: bool) -> None:
        collector = self._collector
        row = self._header.columns.row(cells)
        collector.tally.truncated = collector.tally.truncated or cut
        for what in row.repairs:
            collector.notes.repair(Repair(what, line))
        value = row.value
        if value is None:
            collector.refuse("unreadable", row.reason, (line, None, None), ",".join(cells)[:200])
        elif cut or "icap_log" in value or value.keys().isdisjoint(_TELLING) or not self._is_brief:
            self._count_bare()
            collector.value(value, (line, None, None), "", damaged=bool(row.repairs), cut=cut)
        else:
            entry = LogEntry(**{name: value.get(name) for name in BRIEF})  # type: ignore[arg-type]
            entry.report_timestamp = to_iso(entry.report_timestamp)
            self._bare.append(entry)

    @property
    def _is_brief(self) -> bool:
        """Whether of entries without an icap_log only the number, the time and who logged them counts."""
        return not self._filtered and not self._summary.asks_why

    def _count_bare(self) -> None:
        if self._bare:
            self._summary.add_all(self._bare)
            self._collector.tally.read += len(self._bare)
            self._bare = []

    def _count(self, rows: list[re.Match[bytes]], logs: list[bytes]) -> None:
        """Count rows that follow each other: all at once; each alone if one of them is not what it seemed."""
        if not rows:
            return
        if self._is_counted(rows, logs):
            self.line += rows[0].string.count(b"\n", rows[0].start(), rows[-1].end())
        elif len(rows) == 1:
            self._slowly(rows[0][0], last=False)
        else:
            for row, log in zip(rows, logs, strict=True):
                self._count([row], [log])

    def _is_counted(self, rows: list[re.Match[bytes]], logs: list[bytes]) -> bool:
        """Count rows all at once; False, and nothing counted, if one of them is not what it seemed."""
        try:
            done = iter(logs_as_json([log for log in logs if log]))
            brief = self._is_brief
            texts = [
                self._plain.json_of(row, log and next(done), brief=brief) for row, log in zip(rows, logs, strict=True)
            ]
            return self._sink.take(self._sink.lines(b"\n".join(texts)))
        except UNDECODABLE:
            return False
