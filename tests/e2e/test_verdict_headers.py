"""Every header that decides a verdict goes all the way: pasted alone it is read, and the report says what it said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from icapdiag.icap.header_table import HEADERS
from icapdiag.logs.reading import read_logs
from icapdiag.report.document.evidence import describe
from icapdiag.runbook import match
from tests.cli.run import icapdiag
from tests.facts import facts_of
from tests.runbook.writing import library_of, runbook_text

# A value of each that decides, and what comes of it.
DECIDING = {
    "X-Infection-Found": ("Type=0; Resolution=2; Threat=Bad.Thing;", "blocked"),
    "X-Virus-ID": ("Bad.Thing", "blocked"),
    "X-Virus-Name": ("Bad.Thing", "blocked"),
    "X-FSecure-Infection-Name": ("Bad.Thing", "blocked"),
    "X-Violations-Found": ("1", "blocked"),
    "X-FSecure-Scan-Result": ("infected", "blocked"),
    "X-FSecure-Infected-Filename": ("invoice.zip", "blocked"),
    "X-Blocked-Reason": ("Infected", "blocked"),
    "X-Block-Reason": ("Malware found", "blocked"),
    "X-MWG-Block-Reason": ("site policy 7", "blocked"),
    "X-Response-Desc": ("Infected", "blocked"),
    "X-Response-Description": ("Infected", "blocked"),
    "X-Error-Code": ("password_protected", "unscannable"),
    "X-Blocked": ("Virus found during virus scan", "blocked"),
    "X-Blocked-By": ("Sophos Anti-Virus", "blocked"),
    "X-Block-Result": ("80", "blocked"),
    "X-WWBlockResult": ("80", "blocked"),
    "X-ICAPeg-Shadow-Service": ("true", "allowed"),
    "X-Response-Info": ("Blocked", "blocked"),
}


def test_every_header_that_decides_is_here() -> None:
    assert list(DECIDING) == [header.name for header in HEADERS if header.claim]


@pytest.mark.parametrize("name", DECIDING)
def test_a_pasted_line_is_read_shown_and_open_to_runbooks(tmp_path: Path, name: str) -> None:
    value, verdict = DECIDING[name]
    fact = name.lower().replace("-", "_")
    pasted = tmp_path / "pasted.txt"
    pasted.write_text(f"{name}: {value}\n")
    condition = f"match: {{{fact}: {json.dumps(value)}}}\n"
    library = library_of(
        tmp_path / "runbooks", own=runbook_text("own", condition).replace("source: probe", "source: log")
    )

    (answer,) = read_logs([str(pasted)]).answers

    assert verdict == facts_of(answer)["verdict"]
    assert ["own"] == [finding.id for finding in match(library, [answer]).findings]
    assert f"{name}: {value}" in describe(answer)


def test_the_name_of_an_infected_file_is_redacted(tmp_path: Path) -> None:
    pasted = tmp_path / "pasted.txt"
    pasted.write_text("X-FSecure-Infected-Filename: virus report.zip\n")
    _, shared, _ = icapdiag("explain", str(pasted), "--redact", "-o", "json", cwd=tmp_path)
    (group,) = json.loads(shared)["groups"]
    assert group["x_fsecure_infected_filename"] not in {"", "virus report.zip"}


@pytest.mark.parametrize(
    "name", ["ISTag", "Encapsulated", "X-ICAP-Profile", "X-ICAP-Own", "X-Response-Own", "X-Block-Own"]
)
def test_other_lines_that_make_a_paste_an_answer(tmp_path: Path, name: str) -> None:
    pasted = tmp_path / "pasted.txt"
    pasted.write_text(f"{name}: null-body=0\n")
    assert 1 == len(read_logs([str(pasted)]).answers)
    pasted.write_text("X-Powered-By: null-body=0\n")
    assert () == read_logs([str(pasted)]).answers
