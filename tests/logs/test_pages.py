"""A page of an API answer is not the log: what it says of the rest is read, in any layout."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from icapdiag.api.explaining import explain
from icapdiag.logs.notes import Page
from icapdiag.logs.opening import source as sources
from icapdiag.logs.reading import read_logs
from icapdiag.model import Report
from icapdiag.report.build import exit_status
from icapdiag.report.document.words import gap
from icapdiag.report.terminal import render
from icapdiag.vocabulary import ExitStatus
from tests.logs.test_summary import entry

ENTRIES = [entry("ICAP_PASSED", {"icap_response_code": 204}, request_id=f"r{n}", response_code=200) for n in range(4)]
NEXT = "https://controller/api/analytics/logs?page=2"


@pytest.fixture(params=["held whole", "streamed"])
def _reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "streamed":
        monkeypatch.setattr(sources, "HEAD", 50)


def report_on(folder: Path, *texts: str) -> Report:
    paths = []
    for number, text in enumerate(texts):
        paths.append(folder / f"{number}.json")
        paths[-1].write_text(text)
    return explain([str(path) for path in paths])


def answer(**members: Any) -> str:
    """An API answer with its members in this order; ``results`` stand where they are named, or first."""
    return json.dumps({"results": ENTRIES} | members if "results" not in members else members)


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([answer(count=60000, results=ENTRIES)], "incomplete: the file holds 4 of 60,000 entries"),
        ([answer(count="60000", next=NEXT, results=ENTRIES)], "incomplete: the file holds 4 of 60,000 entries"),
        ([answer(count=60000)], "incomplete: the file holds 4 of 60,000 entries"),
        ([answer(more=NEXT, results=ENTRIES)], "incomplete: the file holds 4 entries, and more on the next page"),
        ([answer(next=NEXT)], "incomplete: the file holds 4 entries, and more on the next page"),
        ([answer(percent_remaining=40.0)], "incomplete: the file holds 4 entries, and more on the next page"),
        ([answer(count=9, next=NEXT) + answer(count=9)], "incomplete: the file holds 8 of 9 entries"),
        ([answer(count=9, next=NEXT), answer(count=9)], "incomplete: the files hold 8 of 9 entries"),
        ([answer(count=9), answer(count=7)], "incomplete: the files hold 8 of 16 entries"),
        ([answer(count=4, results=ENTRIES, next=None, percent_remaining=0)], ""),
        ([answer(count=8, next=NEXT) + "\n" + answer(count=8)], ""),
        ([answer(next=NEXT) + answer(next=None)], ""),
        ([answer(count=8, next=NEXT), answer(count=8, results=ENTRIES)], ""),
        ([json.dumps(ENTRIES)], ""),
    ],
)
def test_what_is_not_in_the_page(tmp_path: Path, texts: list[str], said: str) -> None:
    report = report_on(tmp_path, *texts)

    assert (said, said == "") == (gap(report), report.complete)
    assert re.sub("^incomplete: the files? holds? ", "", said) in " ".join(report.notes)
    assert (ExitStatus.INCOMPLETE if said else ExitStatus.OK) == exit_status(report)


def test_a_page_in_the_first_line(tmp_path: Path) -> None:
    first, second, *_ = render(report_on(tmp_path, answer(count=60000))).split("\n")
    assert "incomplete: the file holds 4 of 60,000 entries" in f"{first} {second.strip()}"


@pytest.mark.parametrize("value", ["{}", "[1]", "-3", "1e999", "nan", '"x"', "9" * 400, "null", '"' + "9" * 400 + '"'])
@pytest.mark.usefixtures("_reader")
def test_nothing_is_made_of_odd_values(tmp_path: Path, value: str) -> None:
    text = f'{{"count": {value}, "percent_remaining": {value}, "results": {json.dumps(ENTRIES)}}}'
    (tmp_path / "log.json").write_text(text)

    reading = read_logs([str(tmp_path / "log.json")])
    assert reading.sources[0].matching is None
    assert 0 <= (reading.sources[0].percent_remaining or 0) <= 100


@pytest.mark.parametrize("place", ["before", "damaged"])
@pytest.mark.usefixtures("_reader")
def test_of_two_values_the_one_that_leaves_more_open_counts(tmp_path: Path, place: str) -> None:
    twice = (
        f'"next": "{NEXT}", "next": null, "count": 60000, "count": 4, "percent_remaining": 9, "percent_remaining": 0'
    )
    results = f'"results": {json.dumps(ENTRIES)}'
    text = f"{{{twice}, {results}}}" if place == "before" else f"{{{results}, {twice},, 'x'}}"
    (tmp_path / "log.json").write_text(text)

    (source,) = read_logs([str(tmp_path / "log.json")]).sources
    assert (4, 60000, True, 9.0) == (source.read, source.matching, source.more, source.percent_remaining)


def test_parts_of_a_file_are_put_together() -> None:
    first, second = Page(), Page()
    first.begin()
    first.note("count", "9")
    second.note("next", '"x"')  # behind the results, in the other part
    first.merge(second)
    assert Page(answers=1, matching=9, more=True) == first

    last = Page()
    last.begin()
    first.merge(last)
    assert Page(answers=2, matching=9) == first
