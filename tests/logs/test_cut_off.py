"""A file that is cut off at its end: said in the first line and by the exit status, whatever the container."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from icapdiag.api.explaining import explain
from icapdiag.facts.logs import LogSource
from icapdiag.facts.run import LogSubject
from icapdiag.model import Report
from icapdiag.report.build import exit_status
from icapdiag.report.document.words import gap
from icapdiag.report.terminal import render
from icapdiag.vocabulary import ExitStatus

CUT_OFF = "incomplete: the file is cut off"
PASSED = {"action": "ICAP_PASSED", "request_logs": [{"icap_response_code": 204, "action": "ICAP_PASSED"}]}
ENTRIES = [
    {
        "report_timestamp": f"2026-06-17T08:00:{number:02}.000000+00:00",
        "method": "POST",
        "uri_path": "/v2/documents",
        "response_code": 200,
        "service_engine": "se-1",
        "virtualservice": "virtualservice-1",
        "icap_log": PASSED,
    }
    for number in range(12)
]
ARRAY = json.dumps(ENTRIES)
ENVELOPE = json.dumps({"count": 12, "results": ENTRIES})
LINES = "".join(json.dumps(entry) + "\n" for entry in ENTRIES)
SYSLOG = "".join(f"<14>1 2026-06-17T08:00:00Z se - - - - {line}\n" for line in LINES.splitlines())
LARGE = json.dumps(ENTRIES * 400)
LARGE_LINES = LINES * 400


def _csv() -> str:
    file = io.StringIO()
    rows = csv.DictWriter(file, list(ENTRIES[0]))
    rows.writeheader()
    rows.writerows(ENTRIES)
    return file.getvalue()


CSV = _csv()
TEXT = f"From: someone\nThe log of today:\n\n{LINES}"
CONTAINERS = {
    "array": ARRAY,
    "envelope": ENVELOPE,
    "lines": LINES,
    "syslog": SYSLOG,
    "csv": CSV,
    "text": TEXT,
    "object": LINES.splitlines()[0],
    "large array": LARGE,
    "large lines": LARGE_LINES,
}
NAMES = list(CONTAINERS)


def report_on(folder: Path, *contents: bytes) -> Report:
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / f"{number}.log")
        paths[-1].write_bytes(content)
    return explain([str(path) for path in paths], jobs=1)


def sources_of(report: Report) -> tuple[LogSource, ...]:
    assert isinstance(report.subject, LogSubject)
    return report.subject.sources


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("left_out", [20, 70, 170])  # the end of an entry, its action, everything of its icap_log
def test_the_end_is_missing(tmp_path: Path, name: str, left_out: int) -> None:
    report = report_on(tmp_path, CONTAINERS[name].encode()[:-left_out])
    first, second, *_ = render(report).split("\n")

    assert (False, CUT_OFF) == (report.complete, gap(report))
    assert CUT_OFF in f"{first} {second.strip()}"
    assert ExitStatus.INCOMPLETE == exit_status(report)
    assert "without ICAP" not in first + second
    assert "cut off" in " ".join(report.notes)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_missing(tmp_path: Path, name: str) -> None:
    report = report_on(tmp_path, CONTAINERS[name].rstrip().encode())

    assert (True, "", ExitStatus.OK) == (report.complete, gap(report), exit_status(report))


def test_between_two_entries(tmp_path: Path) -> None:
    report = report_on(tmp_path, ARRAY[: ARRAY.rindex(", {")].encode())
    assert (False, CUT_OFF) == (report.complete, gap(report))


def test_the_entry_that_was_cut_is_not_counted(tmp_path: Path) -> None:
    report = report_on(tmp_path, ARRAY[: ARRAY.rindex(', "icap_log"')].encode())
    (source,) = sources_of(report)

    assert (12, 11, 1) == (source.total, source.read, source.unreadable)
    assert "its icap_log may be missing" in (source.problems[0].reason or "")


def test_an_entry_that_was_cut_behind_its_icap_log_is_counted(tmp_path: Path) -> None:
    report = report_on(tmp_path, ARRAY[:-2].encode())
    (source,) = sources_of(report)

    assert (12, 0) == (source.read, source.unreadable)


@pytest.mark.parametrize("name", ["array", "lines", "csv", "large array"])
@pytest.mark.parametrize("left_out", [4, 8, 40])  # half of the checksums, both, a part of the data
def test_gzip_is_cut(tmp_path: Path, name: str, left_out: int) -> None:
    report = report_on(tmp_path, gzip.compress(CONTAINERS[name].encode())[:-left_out])
    assert (False, CUT_OFF) == (report.complete, gap(report))


def test_one_of_several_files_is_cut(tmp_path: Path) -> None:
    report = report_on(tmp_path, ARRAY.encode(), ARRAY.encode()[:-30])
    assert "incomplete: 1 of 2 files is cut off" == gap(report)


def test_a_page_that_is_cut_off(tmp_path: Path) -> None:
    report = report_on(tmp_path, ENVELOPE.replace('"count": 12', '"count": 60000').encode()[:-30])
    assert "incomplete: the file is cut off and holds 12 of 60,000 entries" == gap(report)


def test_a_line_in_the_middle_that_was_cut_is_not_the_end(tmp_path: Path) -> None:
    first, *others = LINES.splitlines(keepends=True)
    report = report_on(tmp_path, "".join([first[:100] + "\n", *others]).encode())
    assert (True, "") == (report.complete, gap(report))


def test_a_fragment_of_an_entry_is_no_cut_file(tmp_path: Path) -> None:
    report = report_on(tmp_path, f'"icap_log": {json.dumps(PASSED)}'.encode())
    assert (True, "") == (report.complete, gap(report))


def test_a_sample_without_its_last_brace_is_no_cut_file(tmp_path: Path) -> None:
    report = report_on(tmp_path, CONTAINERS["object"].encode()[:-1])
    assert (True, "") == (report.complete, gap(report))
