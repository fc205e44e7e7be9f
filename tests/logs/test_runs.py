"""Runs of sound members, rows of CSV that become JSON: the quick way reads what the slow one reads."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icapdiag.facts import to_plain
from icapdiag.logs.blocks import lines, rows
from icapdiag.logs.blocks.row_pattern import RowPattern
from icapdiag.logs.damage import recovery
from icapdiag.logs.damage.recovery import read_members, salvage_object
from icapdiag.logs.damage.runs import Run, sound_members
from tests.examples import examples
from tests.logs.samples import ENTRIES, as_csv, entry, read

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_slow = settings(max_examples=examples(200), suppress_health_check=list(HealthCheck), deadline=None)


def _by_tokens(text: str, *, bare: bool) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery, "sound_members", lambda text, at, window: Run({}, at))
        return (read_members if bare else salvage_object)(text, 0)


@given(
    value=st.dictionaries(st.text(max_size=4), _values, min_size=1, max_size=6),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (",\n", ": ")]),
    at=st.integers(0, 200),
    length=st.integers(0, 2),
    put=st.sampled_from(["", ",", '"', "}", "{", "[", ":", "\n", "x", "\\", ', "a": 1, ', "nul"]),
    cut=st.integers(0, 200),
    bare=st.booleans(),
)
@_slow
def test_runs_change_nothing(
    value: dict[str, Any], separators: tuple[str, str], at: int, length: int, put: str, cut: int, *, bare: bool
) -> None:
    text = json.dumps(value, separators=separators, ensure_ascii=False)
    text = text[1:] if bare else text
    at = min(at, len(text))
    text = text[:at] + put + text[at + length :]
    text = text[: len(text) - cut] if 0 < cut < len(text) else text

    found = (read_members if bare else salvage_object)(text, 0) if bare or text.startswith("{") else None

    assert found is None or found == _by_tokens(text, bare=bare)


@pytest.mark.parametrize(
    ("text", "members", "end", "closed"),
    [
        ('"a":1,"b":[2],"c', {"a": 1, "b": [2]}, 14, False),
        ('"a":1,,"b":2}', {"a": 1}, 6, False),
        ('"a": 1, "b": {"c": nul}}', {"a": 1}, 7, False),
        ('"a":1,"b":2} and on', {"a": 1, "b": 2}, 11, True),
        ('"a":1,"a":2,"b', {}, 12, False),
        ('"é":"ü","b', {"é": "ü"}, 8, False),
        ('"a"', {}, 0, False),
    ],
)
def test_runs(text: str, members: dict[str, Any], end: int, *, closed: bool) -> None:
    run = sound_members(text, 0)
    assert (members, closed) == (run.members, run.closed)
    assert not members or end == run.end


_cells = st.sampled_from(
    ["", " ", "x", "a,b", 'q"q', "it's", "é", "\\", "a\nb", "True", "12", "-1", "007", "ICAP_X", "/p"]
)
_names = ("significance", "host", "method", "uri_path", "user_id", "response_code", "adf", "client_ip", "user_agent")


@given(
    changes=st.lists(st.dictionaries(st.sampled_from(_names), _cells, max_size=3), min_size=1, max_size=5),
    action=st.sampled_from(["ICAP_BLOCKED", "ICAP_NEW", "it's", "é", 'a"b', "", None]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
@_slow
def test_rows_read_at_once_are_rows_read_cell_by_cell(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, str]], action: str | None, delimiter: str
) -> None:
    names = list(dict.fromkeys((*ENTRIES[0], *_names)))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, delimiter=delimiter)
    writer.writeheader()
    for number, change in enumerate(changes):
        base = entry(number % 4) | {"method": "POST", "client_ip": "10.0.0.1", "host": "shop"}
        if action != "ICAP_BLOCKED":
            base["icap_log"] = {"action": action, "request_logs": [{"action": "ICAP_PASSED", "reason": action}]}
        writer.writerow(base | change)
    path = tmp_path_factory.getbasetemp() / "rows.csv"

    quick, report = read(path, out.getvalue())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RowPattern, "log_of", lambda self, row: None)
        slow, cell_by_cell = read(path, out.getvalue())

    assert cell_by_cell == report
    assert to_plain(slow.summary.groups()) == to_plain(quick.summary.groups())
    assert to_plain(slow.summary.head()) == to_plain(quick.summary.head())


@pytest.mark.parametrize("reason", ["Infected", "a bell \x07", "it's", 'it\'s "so"'])
def test_most_rows_are_read_at_once(tmp_path: Path, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in one of them."""
    slowly: list[int] = []
    original = rows.RowScanner._slowly

    def counted(self: rows.RowScanner, raw: bytes, *, last: bool) -> None:
        slowly.extend([len(raw)] if raw else [])
        original(self, raw, last=last)

    monkeypatch.setattr(rows.RowScanner, "_slowly", counted)
    base = entry() | {"method": "POST"}
    odd = json.loads(json.dumps(base))
    odd["icap_log"]["request_logs"][0]["reason"] = reason

    reading, report = read(tmp_path / "log", as_csv((base,) * 250 + (odd,) + (base,) * 249))

    assert (500, reason == "Infected") == (report.read, len(slowly) == 1)  # the header row
    assert 2 >= len(slowly)
    assert {"Infected", reason} == {group.opswat_reason for group in reading.summary.groups()}


def test_a_quote_that_never_closes_costs_its_row_only(tmp_path: Path) -> None:
    row = "2026-03-02T10:00:00.000000+00:00,virtualservice-1,POST,,200,True"
    text = ["report_timestamp,virtualservice,method,icap_log,response_code,adf", row.replace("v", '"v', 1), *[row] * 50]

    reading, report = read(tmp_path / "log", "\r\n".join(text))

    assert (51, 0) == (report.read, report.unreadable)
    assert 51 == reading.summary.head().entries_total


def test_what_comes_a_thousand_times_is_counted_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[bytes] = []
    original = lines.LineScanner._take_alone

    def counted(self: lines.LineScanner, offset: int, record: bytes) -> None:
        looked_at.append(record)
        original(self, offset, record)

    monkeypatch.setattr(lines.LineScanner, "_take_alone", counted)

    _, report = read(tmp_path / "log", '{"report_timestamp":"2026-03-02T10:00:00Z"}\n' + "{}\n" * 600_000)

    assert (1, 600_000, 0) == (report.read, report.skipped, report.unreadable)
    assert (5, 600_000) == (len(report.problems), report.problems_total)
    assert 50_000 >= len(looked_at)


def test_runs_are_looked_for_less_often_where_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def counted(text: str, at: int, window: int) -> Run:
        looked_at.append(at)
        return sound_members(text, at, window)

    monkeypatch.setattr(recovery, "sound_members", counted)

    salvage_object("{" + '"adf":nul,' * 5000, 0)

    assert 200 >= len(looked_at)
