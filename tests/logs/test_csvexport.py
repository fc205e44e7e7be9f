"""The CSV export: cells in repr, shifted columns, damage; and clients that write what they like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.logs.containers.csvexport import cell_value
from tests.facts import facts_of
from tests.logs.samples import ENTRIES, actions, as_csv, entry, icap_log, read

FOUR = {"ICAP_BLOCKED": 4}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("{'action': 'ICAP_PASSED', 'n': 1, 'x': None, 'y': True, 'z': [False, 1.5]}",
         {"action": "ICAP_PASSED", "n": 1, "x": None, "y": True, "z": [False, 1.5]}),
        ("""{'a': "it's", 'b': 'say "so"', 'c': 'it\\'s "so"'}""", {"a": "it's", "b": 'say "so"', "c": "it's \"so\""}),
        (r"{'a': 'x\r\ny', 'b': '\xe9\u20ac', 'c': '\\'}", {"a": "x\r\ny", "b": "é€", "c": "\\"}),
        ('{"action": "ICAP_PASSED", "x": null}', {"action": "ICAP_PASSED", "x": None}),
        ("""{'a': ": True", 'b': "': None"}""", {"a": ": True", "b": "': None"}),
        (r"{'a': '\ud800'}", {"a": "\ufffd"}),
    ],
)  # fmt: skip
def test_cells(cell: str, value: dict[str, Any]) -> None:
    assert (value, "") == cell_value(cell)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.text(st.characters(codec="utf-8"), max_size=10)
        | st.none()
        | st.booleans()
        | st.integers()
        | st.lists(st.booleans()),
        max_size=4,
    )
)
def test_any_repr_is_read_as_python_does(value: dict[str, Any]) -> None:
    assert (value, "") == cell_value(repr(value))


@pytest.mark.parametrize(
    "cell",
    [
        "{'action': 'ICAP_BLOCKED', 'request_logs': [{'latency': '3', 'reason': 'Infec",
        "{'action': 'ICAP_BLOCKED', 'x': __import__('os').system('true')}",
        "{'action': 'ICAP_BLOCKED', 'x': " + "[" * 5000,
        "{'action': 'ICAP_BLOCKED', 'x': " + "-" * 5000 + "1}",
        "{'action': 'ICAP_BLOCKED', 'x': 1e999999, 'y': " + "9" * 9000 + "}",
        "{'action': 'ICAP_BLOCKED', 'x': {'a'}}",
        "{'action': 'ICAP_BLOCKED'" + ", 'x': 'y'" * 40_000 + ", oh}",
    ],
    ids=lambda cell: cell[26:60],
)
def test_bad_cells_are_read_as_far_as_they_go(cell: str) -> None:
    value, damage = cell_value(cell)
    assert isinstance(value, dict)
    assert "ICAP_BLOCKED" == value["action"]
    assert not damage or "a damaged cell was read as far as it goes" == damage


@pytest.mark.parametrize("cell", ["", "rubbish", "{", "{'", "[1, 2", "{'a'}b"])
def test_hopeless_cells(cell: str) -> None:
    cell_value(cell)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    rows = [delimiter.join(ENTRIES[0])]
    rows += [delimiter.join('"' + str(value).replace('"', '""') + '"' for value in one.values()) for one in ENTRIES]
    reading, report = read(tmp_path / "log", "\r\n".join(rows) + "\r\n")
    assert (4, 4, "csv") == (report.total, report.read, report.container)
    assert actions(reading) == FOUR


@pytest.mark.parametrize("shift", [-2, -1, 1, 2])
def test_the_icap_cell_is_found_beside_its_column(tmp_path: Path, shift: int) -> None:
    names = [*list(ENTRIES[0])[:-2], "paa_log", "grpc_method_name", "icap_log", "one", "two", "saml_log"]
    at = names.index("icap_log")
    lines = [",".join(names)]
    for one in ENTRIES:
        cells = [""] * len(names)
        for name, value in one.items():
            if name in names and name != "icap_log":
                cells[names.index(name)] = str(value)
        cells[at + shift] = str(one["icap_log"])
        lines.append(",".join('"' + cell.replace('"', '""') + '"' for cell in cells))
    reading, report = read(tmp_path / "log", "\n".join(lines))
    assert (4, 4) == (report.total, report.read)
    assert actions(reading) == FOUR


def test_a_client_cannot_forge_an_icap_log(tmp_path: Path) -> None:
    forged = entry() | {"user_agent": "{'action': 'ICAP_DISABLED'}", "icap_log": icap_log()}
    without = entry() | {"user_agent": "{'action': 'ICAP_DISABLED'}"}
    del without["icap_log"]
    reading, report = read(tmp_path / "log", as_csv((forged, without)))
    assert (2, 2) == (report.total, report.read)
    assert {"ICAP_BLOCKED": 1} == actions(reading)


def test_implausible_cells_are_not_believed(tmp_path: Path) -> None:
    odd = entry() | {
        "report_timestamp": "10.0.0.1",
        "virtualservice": "GRPC_OK",
        "response_code": "text/html",
        "adf": "12",
    }
    reading, _ = read(tmp_path / "log", as_csv((odd,)))
    assert {"ICAP_BLOCKED": 1} == actions(reading)
    assert facts_of(reading.observations[0]).get("response_code") is None
    assert [] == list(facts_of(reading.observations[0]).get("virtualservices") or [])


def test_cells_over_several_lines_and_the_lines_of_problems(tmp_path: Path) -> None:
    text = as_csv(ENTRIES[:2]) + "only one cell\r\n" + as_csv(ENTRIES).split("\r\n", 1)[1]
    _, report = read(tmp_path / "log", text)
    assert (7, 6, 1) == (report.total, report.read, report.unreadable)
    line = as_csv(ENTRIES[:2]).count("\n") + 1
    assert [("a row with a single cell", line, None)] == [(p.reason, p.line, p.column) for p in report.problems]


def test_a_header_that_comes_again_is_no_row(tmp_path: Path) -> None:
    _, report = read(tmp_path / "log", as_csv(ENTRIES[:2]) + as_csv(ENTRIES[2:]))
    assert (4, 4) == (report.total, report.read)


def test_blanks_above_the_header_row(tmp_path: Path) -> None:
    reading, report = read(tmp_path / "log", " \r\n\r\n  " + as_csv(ENTRIES))
    assert (4, 1) == (report.read, report.unreadable)
    assert actions(reading) == FOUR


def test_a_row_that_was_cut_keeps_what_it_has(tmp_path: Path) -> None:
    text = as_csv(ENTRIES)
    cut = text[: text.rindex("'reason'") + 12]
    reading, report = read(tmp_path / "log", cut)
    assert (4, 4) == (report.total, report.read)
    assert actions(reading) == FOUR
    assert ["a damaged cell was read as far as it goes"] == [repair.what for repair in report.repairs]


def test_a_quote_that_never_closes_takes_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icapdiag.logs.containers.csvexport.CELL_LIMIT", 1 << 20)
    header, _, rest = as_csv(ENTRIES[:1]).partition("\r\n")
    _, report = read(tmp_path / "log", header + '\r\n"' + "x,y\n" * (1 << 20) + rest)
    assert report.unreadable >= 1
    assert "not CSV: field larger than field limit" in report.problems[0].reason
