"""Rows of the CSV export as the Controller writes them: the pattern that takes what is needed of one, and its JSON.

The pattern is made of the header row. It matches a row where each needed column holds what it should, and nothing that
JSON would have to escape.
"""

from __future__ import annotations

import csv
import io
import re
from itertools import pairwise
from typing import Final

import msgspec

from icapdiag.logs.containers import csvexport
from icapdiag.logs.containers.csvexport import NUMBERS, PLAUSIBLE, TEXTS, Columns
from icapdiag.logs.opening.source import STRAY

_LOG, _CODES = "icap_log", "significant_log"
_OWN: Final = ("adf", _CODES, _LOG)  # columns with a form of their own
_END: Final = rb"(?:\r\n|\n|\r|\Z)"
_EDGE: Final = rb"!#-+\--\[\]-~"  # of a text: no blank, quote, comma, backslash, nothing that is not ASCII
_values = msgspec.json.Decoder(msgspec.Raw).decode_lines
_WORDS: Final = ((b"': True", b"': true"), (b"': False", b"': false"), (b"': None", b"': null"))
_NUMBER: Final = rb"(-?(?:0|[1-9][0-9]{0,17}))"
BRIEF: Final = ("report_timestamp", "virtualservice", "service_engine", "adf")  # what counts without an icap_log
_ACTION_FIRST: Final = b"{'action': 'ICAP_"
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


class Header:
    """The header row of a file, at the beginning of ``head``: its columns, and the patterns of the rows below.

    ``any_row`` takes a text, where a row begins in it and where it ends at the latest; the row is as `csv` sees it.
    """

    def __init__(self, head: bytes, delimiter: str) -> None:
        csv.field_size_limit(csvexport.CELL_LIMIT)
        rows = csv.reader(io.StringIO(head.decode("utf-8", STRAY), newline=""), delimiter=delimiter)
        cell, between = _cell(delimiter.encode()), re.escape(delimiter.encode())
        self.delimiter = delimiter
        self.columns = Columns(next(row for row in rows if any(map(str.strip, row))))
        self.plain = RowPattern(self.columns, delimiter)
        self.any_row = re.compile(rb"%b(?:%b%b)*+%b" % (cell, between, cell, _END)).match


class RowPattern:
    """The pattern for rows, and the JSON of a row. ``match`` takes a text and where a row begins in it."""

    def __init__(self, columns: Columns, delimiter: str) -> None:
        stop = delimiter.encode()
        names = columns.names
        wanted = {columns.index_of(name): name for name in (*TEXTS, *NUMBERS, *_OWN)}
        parts: list[bytes] = []
        members: list[bytes] = []
        brief_members: list[bytes] = []
        self._brief_groups: list[int] = []  # from 1
        self._groups: dict[str, int] = {}  # the first one of each column, from 0
        groups = 0
        for at in range(len(names)):
            name = wanted.get(at)
            pattern, json = (_cell(stop), b"") if name is None else _form(name, stop)
            parts.append(pattern)
            if name is not None:
                count = re.compile(pattern).groups
                members.append(b'"%b":%b' % (name.encode(), json))
                if name in BRIEF:
                    brief_members.append(members[-1])
                    self._brief_groups += range(groups + 1, groups + count + 1)
                self._groups[name] = groups
                groups += count
        known = {"report_timestamp", _LOG} <= self._groups.keys() and PLAUSIBLE.keys() <= _FORMS.keys()
        self._log = self._groups.get(_LOG, 0)
        self.match = re.compile(re.escape(stop).join(parts) + _END if known else rb"(?!)").match
        self._form = b"{%b}" % b",".join(members)
        self._form_without = b"{%b}" % b",".join(one for one in members if not one.startswith(b'"icap_log"'))
        self._brief_form = b"{%b}" % b",".join(brief_members)

    def log_of(self, row: re.Match[bytes]) -> bytes | None:
        """The cell with the icap_log, without its quotes; nothing if it is empty, None if it is read cell by cell.

        Without an icap_log, one in another column is looked for.
        """
        log = row[self._log + 1] or row[self._log + 2]
        if not log:
            return log if row.string.find(b"ICAP_", *row.span()) < 0 else None
        begins = log.startswith(_ACTION_FIRST) or (log.startswith(b"{'") and _ACTION.search(log) is not None)
        return log if begins and b"\\'" not in log else None

    def json_of(self, row: re.Match[bytes], log: bytes, *, brief: bool) -> bytes:
        """The JSON of a row, with that of its icap_log; ``brief``: of one without it, the few columns that count."""
        if brief and not log:
            return self._brief_form % tuple([row[group] or b"" for group in self._brief_groups])
        cells = list(row.groups(b""))
        if (codes := self._groups.get(_CODES)) is not None and cells[codes] != b"[]":
            cells[codes] = cells[codes].strip(b'"').replace(b"'", b'"') or b"null"
        cells[self._log : self._log + 2] = [log] if log else []
        return (self._form if log else self._form_without) % tuple(cells)


def _none_of(characters: bytes) -> bytes:
    """A class of all bytes but these; to match ``[^…]``, which means the same, takes half as long again."""
    edges = pairwise([-1, *sorted(set(characters)), 256])
    return b"[%b]" % b"".join(b"\\x%02x-\\x%02x" % (low + 1, high - 1) for low, high in edges if high - low > 1)


def _cell(stop: bytes) -> bytes:
    """The pattern of any cell."""
    rest, first = _none_of(stop + b"\r\n"), _none_of(stop + b'"\r\n')
    return rb'(?:"[^"]*+(?:""[^"]*+)*+"%b*+|%b%b*+|)' % (rest, first, rest)


def _form(name: str, stop: bytes) -> tuple[bytes, bytes]:
    """The pattern of a cell that is taken, and its value in JSON, with a place for each group of the pattern."""
    begins = _FORMS.get(name, b"")
    own = {
        "icap_log": (rb'(?:"(\{\'[^"]*+(?:""[^"]*+)*+)"(?=[%b\r\n])|(%b))' % (stop, _cell(stop)), b"%b"),
        "significant_log": (
            rb'("\[%b*+\]"|\[%b*+\]|)' % (_none_of(b']"\\'), _none_of(b']"\\\r\n' + stop)),
            b"%b",
        ),
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


def logs_as_json(logs: list[bytes]) -> list[bytes]:
    """Reprs as JSON, by plain replacement. Raises one of `UNDECODABLE` where one is not a value.

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
    done = text.split(b"\n")
    if len(done) != len(logs) or [*map(len, _values(text))] != [*map(len, done)]:
        raise msgspec.DecodeError("not one value a line")
    return done
