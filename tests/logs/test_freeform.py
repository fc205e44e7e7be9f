"""Pieces of logs in texts of any kind."""

from __future__ import annotations

import html
import json
from pathlib import Path
from time import process_time

import pytest

from icapdiag.logs.containers import freeform
from icapdiag.logs.containers.freeform import is_page, page_text, passages
from tests.facts import facts_of
from tests.logs.samples import actions, entry, icap_log, read

FRAGMENT = json.dumps(icap_log(), indent=2)
TICKET = f"""Dear support,

  • An upload was blocked:

    "icap_log": {FRAGMENT},

  • And this one passed, where the last brace got lost:

    {{"icap_log":
        {{"action": "ICAP_PASSED", "request_logs": [{{"icap_response_code": 204, "latency": "9"}}]}}

  • With scanning switched off it says

    "icap_log": {{"action": "ICAP_DISABLED"}}

The server is {{old}}, its settings are {{"threads": 8, "queue": [1, 2]}}.

    "icap_log":
      {{"action": "ICAP_FAILED",
      "request_logs": []}}}}

Thanks
"""


def test_every_fragment_of_a_ticket(tmp_path: Path) -> None:
    reading, report = read(tmp_path / "ticket", TICKET)
    assert {"ICAP_BLOCKED": 1, "ICAP_PASSED": 1, "ICAP_DISABLED": 1, "ICAP_FAILED": 1} == actions(reading)
    assert ("text", 5, 4, 1, 0) == (report.container, report.total, report.read, report.skipped, report.unreadable)
    line = TICKET[: TICKET.index('"9"}')].count("\n") + 1
    assert [("missing } added", line)] == [(repair.what, repair.line) for repair in report.repairs]


def test_a_whole_entry_in_prose_is_one_record(tmp_path: Path) -> None:
    text = f"we got this: {json.dumps(entry(3))} and more.\n"
    reading, report = read(tmp_path / "mail", text)
    assert (1, 1) == (report.total, report.read)
    assert ["req-3"] == list(facts_of(reading.observations[0])["request_ids"])
    assert [("text before the JSON was left out", 1, 1)] == [(r.what, r.line, r.column) for r in report.repairs]


def test_quoted_mail(tmp_path: Path) -> None:
    text = "On Monday you wrote:\n" + "".join(f"> {line}\n" for line in TICKET.splitlines()) + "Not our fault.\n"
    reading, report = read(tmp_path / "mail", text)
    assert {"ICAP_BLOCKED": 1, "ICAP_PASSED": 1, "ICAP_DISABLED": 1, "ICAP_FAILED": 1} == actions(reading)
    assert "mail quoting (>) was left out" in [repair.what for repair in report.repairs]


def test_a_web_page(tmp_path: Path) -> None:
    shown = html.escape(FRAGMENT).replace("\n", '</span>\n<span class="line">')
    text = (
        '<!DOCTYPE html>\n<html><head><script>var x = {"icap_log": {"action": "ICAP_FAILED"}};\n</script></head>'
        f"<body><p>Logs</p>\n<pre>&quot;icap_log&quot;: {shown},</pre></body></html>\n"
    )
    reading, report = read(tmp_path / "page", text)
    assert {"ICAP_BLOCKED": 1} == actions(reading)
    assert "web page markup was left out" == report.repairs[0].what
    assert text.count("\n") == page_text(text).count("\n")


def test_python_output(tmp_path: Path) -> None:
    reading, report = read(tmp_path / "session", f">>> print(log)\n{entry()!r}\n>>> \n")
    assert {"ICAP_BLOCKED": 1} == actions(reading)
    assert report.unreadable == 0
    assert "single quotes were read as double ones" in [repair.what for repair in report.repairs]


@pytest.mark.parametrize("quotes", ["“”", "„“", "«»", "''"])
def test_other_quotes(tmp_path: Path, quotes: str) -> None:
    text = "Look:\n" + f'"icap_log": {json.dumps({"action": "ICAP_PASSED", "request_logs": [{"latency": "4"}]})}'
    opening = True
    out = ""
    for char in text:
        out += quotes[0 if opening else 1] if char == '"' else char
        opening = opening != (char == '"')
    reading, _ = read(tmp_path / "text", out)
    assert {"ICAP_PASSED": 1} == actions(reading)


def test_a_text_without_its_beginning(tmp_path: Path) -> None:
    """What ``tail -c`` gives: the first record has lost its beginning."""
    text = json.dumps(entry(1), indent=1)[300:] + ",\n" + json.dumps(entry(2), indent=1) + "\n"
    reading, report = read(tmp_path / "log", text)
    assert report.read >= 1
    assert report.total == report.read + report.unreadable
    assert set(actions(reading)) == {"ICAP_BLOCKED"}


def test_a_member_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    _, report = read(tmp_path / "text", 'see "icap_log": • and "icap_log": {"action": "ICAP_PASSED"}')
    assert (2, 1, 1) == (report.total, report.read, report.unreadable)
    assert "a fragment of an entry that can't be read" == report.problems[0].reason


@pytest.mark.parametrize("text", ["{", "a {b} c", '{"', '"action": "x"', "no JSON here", '{"a": 1}'])
def test_prose_counts_for_nothing(text: str) -> None:
    assert [] == list(passages(text))


def test_what_is_a_page() -> None:
    assert is_page("\n<!doctype HTML>")
    assert is_page("<p>&quot;icap_log&quot;: {")
    assert not is_page("a < b")
    assert not is_page(FRAGMENT)


def test_a_long_text_is_read_in_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icapdiag.logs.opening.source.HEAD", 1000)
    monkeypatch.setattr(freeform, "_WINDOW", 700)
    filler = "This line says nothing about anything; it is only long. é\n" * 30
    text = "".join(f'{filler}"icap_log": {json.dumps(icap_log(number), indent=2)},\n' for number in range(5)) + filler
    reading, report = read(tmp_path / "text", text + f'ICAP/1.0 204 No Content\nISTag: "1"\n\n{filler}')
    assert ("text", 6, 6) == (report.container, report.total, report.read)
    assert {"ICAP_BLOCKED": 5} == actions(reading)
    assert ["allowed"] == [facts_of(answer)["verdict"] for answer in reading.answers]
    assert () == report.repairs


def test_damage_in_a_long_text_is_placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icapdiag.logs.opening.source.HEAD", 1000)
    monkeypatch.setattr(freeform, "_WINDOW", 700)
    filler = "This line says nothing about anything; it is only long. é\n" * 40
    text = f'{filler}"icap_log": {FRAGMENT},\n{filler}{{"icap_log": {{"action": "ICAP_PASSED",}}}}\n{filler}'
    _, report = read(tmp_path / "text", text)
    assert (2, 2) == (report.total, report.read)
    line = text[: text.index(",}")].count("\n") + 1
    assert [("a comma before } was left out", line, 38)] == [(r.what, r.line, r.column) for r in report.repairs]


def test_a_record_over_the_limit_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icapdiag.logs.opening.source.HEAD", 1000)
    monkeypatch.setattr(freeform, "_WINDOW", 700)
    monkeypatch.setattr(freeform, "RECORD_LIMIT", 5000)
    long = '"icap_log": {"x": [' + "1,\n" * 8000 + "]}\n"
    text = "prose\n" * 300 + long + '"icap_log": {"action": "ICAP_PASSED"}\n' + "prose\n" * 9
    reading, report = read(tmp_path / "text", text)
    assert report.read >= 1
    assert "ICAP_PASSED" in actions(reading)


@pytest.mark.parametrize("line", ['{"r', '{"r' + "x" * 77])
def test_many_strings_without_an_end_take_linear_time(line: str) -> None:
    """Each asked for the longest line of the whole text."""
    spent: list[float] = []
    for number in (4_000, 16_000):
        text = "null\n" + f"{line}\n" * number
        began = process_time()
        assert [] == list(passages(text))
        spent.append(process_time() - began)
    assert spent[1] < 8 * spent[0] + 0.2
