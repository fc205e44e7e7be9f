"""The CSV export, a block at a time: rows that are as the Controller writes them become JSON, decoded together.

One pattern, made of the header row, takes the columns that are needed from a row where each holds what it should, and
nothing that JSON would have to escape. Every other row is read cell by cell, see `csvexport`; so a row that the
pattern takes must mean the same there.
"""

from __future__ import annotations

import csv
import io
import re
from itertools import pairwise
from typing import Final

import msgspec

from icapdiag.avi.vocabulary import WAF_REJECTED
from icapdiag.logs.blocks.decoding import UNDECODABLE, FallbackReader, Sink
from icapdiag.logs.containers import csvexport
from icapdiag.logs.containers.collector import Collector
from icapdiag.logs.containers.csvexport import NUMBERS, PLAUSIBLE, TEXTS, Columns
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import Account, Repair
from icapdiag.logs.opening.source import STRAY, Source, Tick

_BLOCK: Final = 512 * 1024  # bytes
_TOGETHER: Final = 200  # rows that are decoded as one
_LOG, _CODES = "icap_log", "significant_log"
_OWN: Final = ("adf", _CODES, _LOG)  # columns with a form of their own
_END: Final = rb"(?:\r\n|\n|\r|\Z)"
_EDGE: Final = rb"!#-+\--\[\]-~"  # of a text: no blank, quote, comma, backslash, nothing that is not ASCII
_QUOTE: Final = 0x22
_SPACES: Final = b" \t\r\n"
_decode = msgspec.json.Decoder().decode_lines
_encode = msgspec.json.Encoder().encode_lines
_WORDS: Final = ((b"': True", b"': true"), (b"': False", b"': false"), (b"': None", b"': null"))
_NUMBER: Final = rb"(-?(?:0|[1-9][0-9]{0,17}))"
_BRIEF: Final = ("report_timestamp", "virtualservice", "service_engine", "adf")  # of an entry without an icap_log
_INEXACT: Final = "a key appears twice, or a number is written in an unusual way"
_ACTION_FIRST: Final = b"{'action': 'ICAP_"
_REJECTED: Final = WAF_REJECTED.encode()
_ACTION = re.compile(rb"'action'\s*:\s*'ICAP_[A-Z]+'")
_FORMS: Final = {  # what a plausible cell begins with, or is, and has no more letters than ASCII: see `PLAUSIBLE`
    "report_timestamp": rb"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}",
    "virtualservice": rb"virtualservice-|https?://|/api/",
    "service_engine": rb"[A-Za-z0-9_.:-]+",
    "client_ip": rb"-?[0-9.]+",
    "client_ip6": rb"[0-9A-Fa-f.:]+",
    "method": rb"[A-Za-z-]{1,40}",
    "uri_path": rb"/",
    "request_content_type": rb"[A-Za-z0-9_.+-]+/",
}


class _Layout:
    """The patterns of a file, and the JSON of its rows."""

    def __init__(self, names: list[str], delimiter: str) -> None:
        self.columns = Columns(names)
        stop = re.escape(delimiter.encode())
        wanted = {self.columns.index_of(name): name for name in (*TEXTS, *NUMBERS, *_OWN)}
        parts: list[bytes] = []
        members: list[bytes] = []
        brief_members: list[bytes] = []
        self._brief_groups: list[int] = []
        self._groups: dict[str, int] = {}  # of the columns with a form of their own
        groups = 0
        for at in range(len(names)):
            name = wanted.get(at)
            pattern, json = (_cell(stop), b"") if name is None else _form(name, stop)
            parts.append(pattern)
            if name is not None:
                count = re.compile(pattern).groups
                members.append(b'"%b":%b' % (name.encode(), json))
                if name in _BRIEF:
                    brief_members.append(members[-1])
                    self._brief_groups += range(groups, groups + count)
                self._groups[name] = groups
                groups += count
        known = {"report_timestamp", _LOG} <= self._groups.keys() and PLAUSIBLE.keys() <= _FORMS.keys()
        self.plain = re.compile(stop.join(parts) + _END) if known else None
        self._form = b"{%b}" % b",".join(members)
        self._brief_form = b"{%b}" % b",".join(brief_members)

    def takes(self, row: re.Match[bytes]) -> bool:
        """Whether the row can be made JSON; else it has to be read cell by cell."""
        log = self.log_of(row)
        return row.string.find(b"ICAP_", *row.span()) < 0 if log is None else _may_be_plain(log)  # in another column?

    def log_of(self, row: re.Match[bytes]) -> bytes | None:
        """The cell with the icap_log, without its quotes; None if it is empty."""
        cell = row[self._groups[_LOG] + 1]
        if not cell:
            return None
        return cell if cell[0] != _QUOTE else cell[1:-1] if cell[-1] == _QUOTE else b""

    def json_of(self, row: re.Match[bytes], log: bytes | None, *, brief: bool) -> bytes:
        """The JSON of a row, with that of its icap_log; ``brief``: of one without it, the few columns that count."""
        cells = list(row.groups(b""))
        if log is None and brief:
            return self._brief_form % tuple([cells[at] for at in self._brief_groups])
        cells[self._groups[_LOG]] = b"null" if log is None else log
        if (codes := self._groups.get(_CODES)) is not None and cells[codes] != b"[]":
            cells[codes] = cells[codes].strip(b'"').replace(b"'", b'"') or b"null"
        return self._form % tuple(cells)


def _cell(stop: bytes) -> bytes:
    """The pattern of any cell."""
    return rb'(?:"[^"]*+(?:""[^"]*+)*+"[^%b\r\n]*+|[^"%b\r\n][^%b\r\n]*+|)' % (stop, stop, stop)


def _form(name: str, stop: bytes) -> tuple[bytes, bytes]:
    """The pattern of a cell that is taken, and its value in JSON, with a place for each group of the pattern."""
    begins = _FORMS.get(name, b"")
    own = {
        "icap_log": (rb"(%b)" % _cell(stop), b"%b"),
        "significant_log": (rb'("\[[^]"\\]*+\]"|\[[^]"\\%b\r\n]*+\]|)' % stop, b"%b"),
        "adf": (rb"(True|False)", b'"%b"'),
        "response_code": (_NUMBER, b"%b"),
        "request_length": (_NUMBER, b"%b"),
        "report_timestamp": (rb"(%b[^\"\\\x00-\x1f\x7f%b]*(?<=[%b]))" % (begins, stop, _EDGE), b'"%b"'),
        "service_engine": (rb"(%b|)" % begins, b'"%b"'),
        "client_ip": (rb"(%b|)" % begins, b'"%b"'),
        "client_ip6": (rb"(%b|)" % begins, b'"%b"'),
        "method": (rb"(%b)" % begins, b'"%b"'),
    }
    if name in own:
        return own[name]
    plain = rb"(?=[%b])(?:%b)[^\"\\\x00-\x1f\x7f%b]*(?<=[%b])" % (_EDGE, begins, stop, _EDGE)
    quoted = rb"(?=[%b])(?:%b)[^\"\\\x00-\x1f\x7f]*(?<=[%b,])" % (_EDGE, begins, _EDGE)
    return rb'(?:(%b)|"(%b)"(?!")|)' % (plain, quoted), b'"%b%b"'  # one of both is empty


def _may_be_plain(log: bytes) -> bool:
    """Whether plain replacement may make JSON of a repr, and then the right one; else `csvexport` reads it."""
    begins = log.startswith(_ACTION_FIRST) or (log.startswith(b"{'") and _ACTION.search(log) is not None)
    return begins and b"\\'" not in log


def _as_json(logs: list[bytes]) -> list[bytes]:
    """Reprs as JSON, by plain replacement. Raises one of `UNDECODABLE` where they are not, or a key is there twice.

    The quotes in them are still doubled, as CSV has them. Escapes that JSON does not have, and apostrophes in texts,
    make it no JSON.
    """
    text = b"\n".join(logs)
    if text.count(b'"') == 2 * text.count(b'""'):
        text = text.replace(b'""', b'\\"')
    else:
        text = text.replace(b'""', b'"').replace(b'"', b'\\"')
    for word, value in _WORDS:
        text = text.replace(word, value)
    text = text.replace(b"'", b'"')
    again = _encode(_decode(text))  # msgspec takes the last of two values of one key: then less is written than read
    if again.translate(None, _SPACES) != text.translate(None, _SPACES):
        raise msgspec.DecodeError(_INEXACT)
    return text.split(b"\n")


class RowScanner:
    """Reads the rows of a source to its end."""

    def __init__(self, source: Source, delimiter: str, summary: Summary, account: Account, tick: Tick) -> None:
        self._source = source
        self._delimiter = delimiter
        self._collector = Collector(summary, account)
        self._sink = Sink(FallbackReader(summary), unique=True)
        self._tick = tick
        stop = re.escape(delimiter.encode())
        self._any_row = re.compile(rb"%b(?:%b%b)*+%b" % (_cell(stop), stop, _cell(stop), _END))
        self._layout: _Layout | None = None
        self._line = 1  # of the next row
        self._kept: list[re.Match[bytes]] = []  # rows to be decoded
        self._closed = True  # the row whose end was looked for: it has all its quotes
        self._rejecting = False  # WAF has refused a request of the block
        self._summary = summary
        self._account = account

    def run(self) -> None:
        """Read all rows."""
        text = b""
        ended = False
        wanted = _BLOCK
        while not ended:
            pieces, size = [text], len(text)
            while size < wanted and not ended:
                piece = self._source.read(_BLOCK) or b""
                ended = not piece
                size += len(piece)
                pieces.append(piece)
            text = b"".join(pieces)
            done = self._rows(text, ended=ended)
            text = text[done:]
            wanted = max(_BLOCK, 2 * len(text))  # a long row is not looked through after every block
            self._tick()
        self._account.tally.read += self._sink.tally.read

    def _rows(self, text: bytes, *, ended: bool) -> int:
        """The index behind the last row that is complete."""
        at, end = 0, len(text)
        slow = [0]  # where rows begin that are read cell by cell, and where the last of them ends
        self._rejecting = _REJECTED in text
        while at < end:
            layout = self._layout
            row = layout.plain.match(text, at) if layout is not None and layout.plain is not None else None
            if row is not None and layout is not None and (row.end() < end or ended) and self._takes(layout, row):
                self._read_slow(text, slow)
                self._kept.append(row)
                at = row.end()
                slow = [at]
                if len(self._kept) == _TOGETHER:
                    self._count_kept()
                continue
            stop = self._row_end(text, at, ended=ended)
            if stop < 0:
                break
            self._count_kept()  # in the order of the log
            slow.append(stop)
            if layout is None or not self._closed:
                self._read_slow(text, slow)
                slow = [stop]
            at = stop
        self._read_slow(text, slow)
        self._count_kept()
        return at

    def _read_slow(self, text: bytes, bounds: list[int]) -> None:
        """Rows that follow each other: all at once, unless that would not count their lines as `_slowly` does."""
        raw = text[bounds[0] : bounds[-1]]
        if not raw:
            return
        if raw.count(b"\r") == raw.count(b"\r\n"):
            self._slowly(raw)
        else:
            for start, stop in pairwise(bounds):
                self._slowly(text[start:stop])

    def _takes(self, layout: _Layout, row: re.Match[bytes]) -> bool:
        """Whether the row is one of those that are read at once."""
        if self._rejecting and row.string.find(_REJECTED, *row.span()) >= 0:
            return False
        return layout.takes(row)

    def _row_end(self, text: bytes, at: int, *, ended: bool) -> int:
        """Behind the row at ``at``, as `csv` sees it; -1 if more text is needed."""
        row = self._any_row.match(text, at)
        self._closed = row is not None
        if row is not None and (row.end() < len(text) or ended):
            return row.end()
        if not ended and len(text) - at <= csvexport.CELL_LIMIT:
            return -1
        # A quote that nothing closes: the row ends before the next line that is a row, if there is one.
        plain = self._layout.plain if self._layout else None
        line = text.find(b"\n", at) + 1
        while line and plain is not None:
            if plain.match(text, line):
                return line
            line = text.find(b"\n", line) + 1
        return len(text) if ended else text.rfind(b"\n", at) + 1 or len(text)

    def _slowly(self, raw: bytes) -> None:
        """Rows, or lines of which `csv` makes several."""
        line, self._line = self._line, self._line + raw.count(b"\n")
        text = raw.decode("utf-8", STRAY)
        csv.field_size_limit(csvexport.CELL_LIMIT)
        without_end = 0 if raw.endswith((b"\n", b"\r")) else len(raw.splitlines())  # its last line, from 1
        is_open = raw.count(b'"') % 2 == 1
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter)
        while True:
            at = line + reader.line_num
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._collector.refuse("unreadable", f"not CSV: {error}", (at, None, None), "")
                continue
            if not cells:
                continue
            if self._layout is None:
                self._layout = _Layout(cells, self._delimiter)
            elif cells != self._layout.columns.names:  # exports put together repeat the header
                last = reader.line_num == without_end
                cut = last and (is_open or len(cells) < len(self._layout.columns.names))
                self._take(self._layout.columns, cells, at, cut=cut)

    def _take(self, columns: Columns, cells: list[str], line: int, *, cut: bool) -> None:
        collector = self._collector
        row = columns.row(cells, line)
        collector.tally.truncated = collector.tally.truncated or cut
        for what, place in row.repairs:
            collector.notes.repair(Repair(what, place))
        if row.value is None:
            collector.refuse("unreadable", row.reason, (row.line, None, None), row.excerpt)
        else:
            collector.value(row.value, (row.line, None, None), row.excerpt, damaged=bool(row.repairs), cut=cut)

    def _count_kept(self) -> None:
        """Count the rows that were kept, which follow each other."""
        kept, self._kept = self._kept, []
        if kept and self._layout is not None:
            self._count_all(self._layout, kept)

    def _count_all(self, layout: _Layout, rows: list[re.Match[bytes]]) -> None:
        """All at once; each alone if one of them is not what it seemed."""
        if self._is_counted(layout, rows):
            self._line += rows[0].string.count(b"\n", rows[0].start(), rows[-1].end())
        elif len(rows) == 1:
            self._slowly(rows[0][0])
        else:
            for row in rows:
                self._count_all(layout, [row])

    def _is_counted(self, layout: _Layout, rows: list[re.Match[bytes]]) -> bool:
        """Count rows all at once; False, and nothing counted, if one of them is not what it seemed."""
        logs = [layout.log_of(row) for row in rows]
        try:
            brief = not self._summary.filters and not self._summary.asks_why
            done = iter(_as_json([log for log in logs if log is not None]))
            texts = [
                layout.json_of(row, None if log is None else next(done), brief=brief)
                for row, log in zip(rows, logs, strict=True)
            ]
            return self._sink.take(self._sink.lines(b"\n".join(texts)))
        except UNDECODABLE:
            return False
