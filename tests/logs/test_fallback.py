"""What decoding block by block hands over, record by record, and across the pipe of a second process."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from icapdiag.facts import to_plain
from icapdiag.logs.blocks import summarise
from icapdiag.logs.blocks.decoding import MAX_RECORD, FallbackReader
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import KEPT
from icapdiag.logs.opening import source as sources
from icapdiag.logs.reading import read_logs
from tests.logs.samples import ENTRIES, actions, entry, icap_log

ONE, TWO = (json.dumps(one).encode() for one in ENTRIES[:2])
ALERT = b'{"level": "ALERT_LOW", "obj_key": "x", "events": [{}]}'


def reader() -> FallbackReader:
    return FallbackReader(Summary())


def counts(fallback: FallbackReader) -> tuple[int, int, int]:
    return fallback.tally.read, fallback.tally.skipped, fallback.tally.unreadable


def request_ids(fallback: FallbackReader) -> list[object]:
    return [name for group in fallback.summary.groups_.values() for name in group.request_ids]


def test_a_damaged_record_is_an_entry_with_a_note() -> None:
    fallback = reader()
    fallback.read(1000, ONE[:-1])
    assert ["req-0"] == request_ids(fallback)
    assert [("missing } added at the end", 1000 + len(ONE) - 1)] == [(n.what, n.offset) for n in fallback.notes.repairs]


def test_offsets_count_bytes() -> None:
    fallback = reader()
    raw = ONE.replace(b'"se-1"', '"é€"'.encode()).replace(b"403,", b"4x3,", 1)
    fallback.read(10, raw)
    assert 10 + raw.index(b"4x3") == fallback.notes.repairs[0].offset


def test_windows_bytes() -> None:
    fallback = reader()
    raw = ONE.replace(b"se-1", b"s\xe9-1")
    fallback.read(5, raw)
    assert (1, 0, 0) == counts(fallback)
    assert 5 + raw.index(b"\xe9") == fallback.notes.repairs[0].offset
    assert "bytes that are not UTF-8 were read as Windows-1252" == fallback.notes.repairs[0].what


@pytest.mark.parametrize("raw", [ALERT, b"{}", b'{"a": 1}', b"<46>x Avi-Controller event A_B occurred on object c"])
def test_what_is_no_entry_is_skipped(raw: bytes) -> None:
    fallback = reader()
    fallback.read(7, raw)
    assert (0, 1, 0) == counts(fallback)
    assert [("skipped", 7)] == [(problem.kind, problem.offset) for problem in fallback.notes.problems]


@pytest.mark.parametrize(
    "raw", [b"null", b"5", b'"text"', b"[1, 2]", b"rubbish", b"\xff\xfe", b"", b"{", b'{"a": 1', b"]"]
)
def test_what_is_nothing_is_unreadable(raw: bytes) -> None:
    fallback = reader()
    fallback.read(7, raw)
    assert (0, 0, 1) == counts(fallback)
    assert ["unreadable"] == [problem.kind for problem in fallback.notes.problems]


def test_a_record_over_the_limit() -> None:
    fallback = reader()
    fallback.read(7, b"{" + b" " * MAX_RECORD)
    assert (0, 0, 1) == counts(fallback)
    assert "a record of more than 16 MiB" == fallback.notes.problems[0].reason


def test_several_records_in_one() -> None:
    fallback = reader()
    fallback.read(0, ONE + TWO + ALERT + b'{"results": [' + ONE + b", 5, " + TWO + b"]}")
    assert ["req-0", "req-0", "req-1", "req-1"] == sorted(map(str, request_ids(fallback)))
    assert (4, 1, 0) == counts(fallback)
    fallback.read(0, ALERT + ALERT + ALERT)
    assert (4, 4, 0) == counts(fallback)


def test_a_bare_icap_log() -> None:
    fallback = reader()
    fallback.read(0, json.dumps(icap_log()).encode())
    assert 1 == to_plain(fallback.summary.head())["entries_blocked"]


def test_an_answer_among_log_entries_is_none() -> None:
    fallback = reader()
    fallback.read(0, b'{"protocol": {"code": 204, "status": "No Content"}, "headers": {"ISTag": "x"}}')
    assert (0, 1, 0) == counts(fallback)
    assert "an ICAP response among log entries" == fallback.notes.problems[0].reason


def test_notes_of_a_later_part_are_added() -> None:
    first, later = reader(), reader()
    first.read(99, b"rubbish")
    for number in range(KEPT + 3):
        later.read(number, b"rubbish \xff")
    first.notes.merge(later.notes)
    assert (KEPT + 4, KEPT) == (first.notes.problems_total, len(first.notes.problems))
    assert later.notes.repairs_total == first.notes.repairs_total > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_damage_in_a_log_read_by_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HEAD", 4000)
    monkeypatch.setattr(summarise, "FORK_ABOVE", 100_000)
    lines = [json.dumps(entry(number % 10)) for number in range(600)]
    for at in (3, 280, 500):
        lines[at] = lines[at][:-1]
    lines[590] = "rubbish"
    lines[595] += lines[596]
    name = tmp_path / "log"
    name.write_text("\n".join(lines) + "\n")
    reading = read_logs([str(name)], jobs=2)
    (report,) = reading.sources
    assert (601, 600, 1) == (report.total, report.read, report.unreadable)
    assert {"ICAP_BLOCKED": 600} == actions(reading)
    assert [4, 281, 501] == [repair.line for repair in report.repairs]
    assert [(591, 1)] == [(problem.line, problem.column) for problem in report.problems]
