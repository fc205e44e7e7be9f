"""Damaged logs take work in proportion to their length. Work is counted, not timed: calls, and bytes looked through."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

from icapdiag.logs.blocks import rows
from icapdiag.logs.blocks.row_pattern import Header
from icapdiag.logs.containers import csvexport
from icapdiag.logs.opening import source as sources
from icapdiag.logs.reading import read_logs
from tests.logs.generate import generated

RECORDS = 400
ENTRIES = [json.dumps(one, separators=(",", ":")) for one in generated(50, share=0.6, order="as written", seed=4)]
NAMES = ("report_timestamp", "virtualservice", "icap_log", "response_code", "request_length", "adf", "user_agent")


def _each(change: Callable[[int, str], str]) -> Callable[[int], str]:
    return lambda count: "".join(change(number, ENTRIES[number % 50]) for number in range(count))


def _table(count: int) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, NAMES, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(generated(count, share=0.6, order="as written", seed=4))
    return out.getvalue()


def _open_cell(count: int) -> str:
    """A quote in the second row that nothing closes."""
    header, first, rest = _table(count).split("\r\n", 2)
    return "\r\n".join([header, first, '"' + rest.replace('"', "'")])


def _cut(count: int) -> str:
    return _each(lambda number, text: text[: 300 + number * 37 % 500] + "\n")(count)


class _Log(NamedTuple):
    make: Callable[[int], str]  # of so many records
    most: float  # calls for each of them


LOGS = {
    "cut lines": _Log(_cut, 200),
    "cut elements": _Log(lambda count: "[\n" + _cut(count).replace("\n", ",\n") + "]\n", 250),
    "a quote missing": _Log(_each(lambda _, text: text.replace('"ser', "ser", 1) + "\n"), 250),
    "two commas": _Log(_each(lambda _, text: text.replace(',"se', ',,"se', 1) + "\n"), 300),
    "two commas behind": _Log(_each(lambda _, text: text + ",,\n"), 80),
    "two commas alone": _Log(lambda count: f"{ENTRIES[0]}\n" * 20 + ",,\n" * (100 * count), 0.5),
    "empty objects": _Log(lambda count: f"{ENTRIES[0]}\n" * 20 + "{}\n" * (100 * count), 0.5),
    "a table": _Log(_table, 40),
    "a cell that never closes": _Log(_open_cell, 130),
}


def _calls(path: Path, text: str) -> int:
    """How many functions are called to read it, in Python and in C."""
    path.write_text(text)
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        read_logs([str(path)], jobs=1)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("name", LOGS)
def test_calls(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HEAD", 2000)
    make, most = LOGS[name]

    once, twice = (_calls(tmp_path / "log", make(count)) for count in (RECORDS, 2 * RECORDS))

    assert 2.1 * once >= twice
    assert most >= (twice - once) / RECORDS


def _bytes_of_rows(path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many bytes are gone through to find where rows end; where none is found, it may have been all."""
    path.write_text(text)
    original = Header.__init__
    looked_at = 0

    def counted(self: Header, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        any_row = self.any_row

        def match(text: bytes, at: int, limit: int) -> re.Match[bytes] | None:
            nonlocal looked_at
            found = any_row(text, at, limit)
            looked_at += (found.end() if found else min(limit, len(text))) - at
            return found

        self.any_row = match  # type: ignore[assignment]

    monkeypatch.setattr(Header, "__init__", counted)
    read_logs([str(path)], jobs=1)
    monkeypatch.setattr(Header, "__init__", original)
    return looked_at


def test_bytes_of_rows_behind_a_quote_that_never_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the text up to the longest cell, each time that more of it has come, and of the rows once."""
    monkeypatch.setattr(csvexport, "CELL_LIMIT", 20_000)
    monkeypatch.setattr(rows, "_BLOCK", 4_000)
    text, more = (_open_cell(count) for count in (RECORDS, 2 * RECORDS))

    once, twice = (_bytes_of_rows(tmp_path / "log.csv", each, monkeypatch) for each in (text, more))

    assert 0 < once <= 8 * len(text)
    assert 2.2 * once >= twice
