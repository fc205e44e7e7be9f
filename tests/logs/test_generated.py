"""Generated logs in every container, counted as the plain `json` module counts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from icapdiag.facts import to_plain
from icapdiag.logs.blocks.summarise import Layout
from icapdiag.logs.opening import source as sources
from icapdiag.logs.reading import Reading, read_logs
from tests.logs.generate import ORDERS, generated
from tests.logs.oracle import Counts, count, counts_of
from tests.logs.reading import read
from tests.logs.samples import containers

FORMS = ("jsonl", "array", "array-lines", "envelope", "pretty", "envelopes")
ENTRIES = 1000


@pytest.fixture(scope="module", params=ORDERS)
def log(request: pytest.FixtureRequest) -> tuple[dict[str, bytes], Counts]:
    entries = tuple(generated(ENTRIES, share=0.5, order=request.param, seed=11))
    texts = {form: text.encode() for form, text in containers(entries).items() if form in FORMS}
    return texts, count(map(json.loads, texts["jsonl"].splitlines()))


@pytest.mark.parametrize("block", [3000, 20_000, 1 << 19])
@pytest.mark.parametrize("form", FORMS)
def test_counts_as_json_does(log: tuple[dict[str, bytes], Counts], form: str, block: int) -> None:
    texts, expected = log
    layout = Layout.LINES if form == "jsonl" else Layout.VALUES

    summary, tally, odd = read(texts[form], layout, block=block)

    assert [] == odd.seen
    assert ENTRIES == tally.read
    assert not tally.truncated
    assert expected == counts_of(summary)


def test_lines_are_values_too(log: tuple[dict[str, bytes], Counts]) -> None:
    texts, expected = log

    summary, _, odd = read(texts["jsonl"], Layout.VALUES, block=20_000)

    assert [] == odd.seen
    assert expected == counts_of(summary)


@pytest.mark.parametrize("size", ["held whole", "streamed"])
@pytest.mark.parametrize("order", ORDERS)
def test_all_containers_give_the_same_counts(
    tmp_path: Path, order: str, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == "streamed":
        monkeypatch.setattr(sources, "HEAD", 50_000)
    entries = tuple(generated(160, share=0.6, order=order, seed=3))
    texts = containers(entries)
    del texts["text"]  # holds fragments, and no entries
    readings = {form: _reading(tmp_path / form, text) for form, text in texts.items()}
    for form, reading in readings.items():
        assert (160, 160) == (reading.records.total, reading.records.read), form
        assert (0, 0) == (reading.sources[0].repairs_total, reading.sources[0].problems_total), form
        assert _everything(readings["jsonl"]) == _everything(reading), form
    assert count(entries) == counts_of(readings["csv"].summary)


def _reading(path: Path, text: str) -> Reading:
    path.write_text(text, newline="")
    return read_logs([str(path)])


def _everything(reading: Reading) -> object:
    """All that the summary says, in an order of its own."""
    groups = sorted(map(repr, to_plain(reading.summary.groups())))
    return groups, to_plain(reading.summary.head()), to_plain(reading.summary.timeline())
