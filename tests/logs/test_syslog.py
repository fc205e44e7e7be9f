"""Lines of syslog: with and without braces, alerts, other messages, cut lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from icapdiag.facts import to_plain
from icapdiag.logs.blocks import syslog
from icapdiag.logs.containers.classify import Payload, is_syslog, payload_of
from icapdiag.logs.notes import SourceReport
from icapdiag.logs.reading import Reading
from tests.facts import facts_of
from tests.logs.samples import ENTRIES, actions, entry, read, syslog_line

MEMBERS = json.dumps(entry())[1:-1]
_PREFIX = "<46>2026-03-02 10:00:00,123 se-host Avi-Controller - - - INFO [a.b: reason: c: d]"
_BRACKETED = "<46> Mar 02 10:00:00 se-host [2026-03-02 10:00:00,789: Avi-Controller: INFO: ] [a: reason: b]"
_EVENT = {"event_id": "X", "report_timestamp": "t"}
ALERTS = (
    f'{_PREFIX} At 2026-03-02 event POOL_DOWN occurred on object x as groups "["a"]" and more',
    f"{_PREFIX} {json.dumps({'level': 'ALERT_LOW', 'obj_key': 'x', 'events': [_EVENT]})}",
    f"{_BRACKETED} At 2026-03-02 event USER_X occurred on object y se-host ",
)


@pytest.mark.parametrize(
    "line",
    [
        f"<134>1 2026-03-02T10:00:00Z h vs 0 1 - {MEMBERS}",
        f"<134>1 2026-03-02T10:00:00Z h vs 0 1 - {{{MEMBERS}}}",
        f"<134>1 2026-03-02T10:00:00Z h vs 0 1 - \ufeff{MEMBERS}",
        f'<134>1 2026-03-02T10:00:00Z h vs 0 1 [a@1 b="c \\] d"][e@2 f="g"] {MEMBERS}',
        f"4711 <134>1 2026-03-02T10:00:00Z h vs 0 1 - {MEMBERS}",
        f"<134>Mar  2 10:00:00 h vs: {MEMBERS}",
        f"2026-03-02T10:00:00+00:00 h vs 0 1 - {MEMBERS}",
        f"Mar  2 10:00:00 h vs[0]: {{{MEMBERS}}}",
        f"<134>1 2026-03-02T10:00:00Z h vs 0 1 - {MEMBERS}   \r",
    ],
)
def test_entries(tmp_path: Path, line: str) -> None:
    reading, report = read(tmp_path / "log", line + "\n")
    assert (1, 1, "syslog") == (report.total, report.read, report.container)
    assert {"ICAP_BLOCKED": 1} == actions(reading)
    assert ["req-0"] == list(facts_of(reading.observations[0])["request_ids"])


@pytest.mark.parametrize("alert", ALERTS)
def test_alerts_are_skipped(tmp_path: Path, alert: str) -> None:
    _, report = read(tmp_path / "log", alert)
    assert (1, 1) == (report.total, report.skipped)
    assert "a Controller alert, not an application log" == report.problems[0].reason


def test_a_stream_with_everything_in_it(tmp_path: Path) -> None:
    lines = [
        syslog_line(ENTRIES[0]).strip(),
        *ALERTS,
        "",
        "<13>Mar  2 10:00:00 h su: hello",
        json.dumps(entry(1)),
        "rubbish",
    ]
    lines += [syslog_line(ENTRIES[2]).strip()[:-200], syslog_line(ENTRIES[3]).strip()]
    reading, report = read(tmp_path / "log", "\n".join(lines))
    assert (9, 4, 5, 0) == (report.total, report.read, report.skipped, report.unreadable)
    assert {"ICAP_BLOCKED": 4} == actions(reading)
    assert "a syslog message without JSON" in [problem.reason for problem in report.problems]


@pytest.mark.parametrize("size", [480, 800, 1000])
def test_a_line_cut_at_the_size_of_a_datagram(tmp_path: Path, size: int) -> None:
    lines = [syslog_line(one).strip()[:size] for one in ENTRIES]
    reading, report = read(tmp_path / "log", "\n".join(lines) + "\n")
    assert (4, 4) == (report.total, report.read)
    repair = report.repairs[0]
    assert "cut off" in repair.what or "missing" in repair.what
    assert (1, size + 1) == (repair.line, repair.column)
    assert sum(actions(reading).values()) in {0, 4}


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    line = syslog_line(entry()).strip().encode().replace(b"up.example", b"up\xe9.example")
    _, report = read(tmp_path / "log", line + b"\n")
    assert (1, 1) == (report.total, report.read)
    assert "bytes that are not UTF-8 were read as Windows-1252" in [repair.what for repair in report.repairs]


def test_a_line_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icapdiag.logs.blocks.syslog.RECORD_LIMIT", 5000)
    long = syslog_line(entry(1) | {"x": "y" * 20_000})
    _, report = read(tmp_path / "log", syslog_line(entry(0)) + long + syslog_line(entry(2)))
    assert (3, 2, 1) == (report.total, report.read, report.unreadable)
    assert 2 == report.problems[0].line


def test_payloads() -> None:
    payload = payload_of(b'<1>1 t h a p m - "a": 1')
    assert isinstance(payload, Payload)
    assert (b'{"a": 1}', 17, True) == (payload.object, payload.start, payload.bare)
    assert not is_syslog(b"2026-03-02T10:00:00Z host says hello")
    assert not is_syslog(b"hello")
    assert is_syslog(b"<13>hello")


def _damaged(number: int) -> str:
    """A line with one damage or another, or none."""
    line = syslog_line(entry(number % 10), braces=number % 7 == 0).rstrip("\n")
    match number % 6:
        case 0 | 1:
            return line[: 100 + number * 53 % (len(line) - 100)]
        case 2:
            return line.replace(", ", ",, ", 1 + number % 2)
        case 3:
            return line.replace('"', "", 1)
        case _:
            return line


def _found(reading: Reading, report: SourceReport) -> Any:
    return to_plain(reading.summary.head()), to_plain(reading.summary.groups()), report


@pytest.mark.parametrize("lines", [3, 400])
def test_messages_read_at_once_are_messages_read_one_by_one(
    tmp_path: Path, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"{_damaged(number)}\n" for number in range(lines))
    alone: list[int] = []
    original = syslog._Messages._alone

    def counted(self: syslog._Messages, number: int, payload: Payload, *, last: bool = False) -> None:
        alone.append(number)
        original(self, number, payload, last=last)

    monkeypatch.setattr(syslog._Messages, "_alone", counted)
    at_once = _found(*read(tmp_path / "log", text))
    few = len(alone)
    monkeypatch.setattr(syslog, "_message", lambda number, payload: None)

    one_by_one = _found(*read(tmp_path / "log", text))

    assert one_by_one == at_once
    assert (lines, True) == (len(alone) - few, few <= lines / 3)
