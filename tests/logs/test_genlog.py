"""Every shape that the generator of synthetic logs makes, counted as the plain `json` module counts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from icapdiag.logs.fast.blocks import Layout
from tests.logs.oracle import Counts, count, counts_of
from tests.logs.reading import read

GENERATOR = Path(__file__).parents[3] / "shared" / "tools" / "genlog.py"
FORMS = ("jsonl", "array", "arraynl", "envelope", "pretty", "pages")
ENTRIES = 2500

pytestmark = pytest.mark.skipif(not GENERATOR.exists(), reason="needs the generator of synthetic logs")


@pytest.fixture(scope="module", params=["proto", "sorted", "shuffled"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], Counts]:
    directory = tmp_path_factory.mktemp(request.param)
    options = ["--entries", str(ENTRIES), "--icap", "0.5", "--seed", "11", "--messy", "--order", request.param]
    outputs = [f"{form}={directory / form}" for form in FORMS]
    subprocess.run([sys.executable, str(GENERATOR), *options, *outputs], check=True, capture_output=True)
    texts = {form: (directory / form).read_bytes() for form in FORMS}
    entries = cast("Iterable[dict[str, Any]]", map(json.loads, texts["jsonl"].splitlines()))
    return texts, count(entries)


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
