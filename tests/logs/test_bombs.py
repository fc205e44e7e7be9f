"""A record that is much larger in memory than in the file: given up before it is decoded, and the rest is read."""

from __future__ import annotations

import json
import tracemalloc
from io import BytesIO

import pytest

from icapdiag.facts import to_plain
from icapdiag.logs.blocks.decoding import FallbackReader
from icapdiag.logs.blocks.summarise import Layout, summarise_stream
from icapdiag.logs.counting.summary import Summary
from tests.logs.samples import entry

FEW = [entry(number, "ICAP_PASSED") for number in range(200)]
BOMBS = {
    "requests": '{"icap_log":{"action":"ICAP_PASSED","request_logs":[' + ",".join(["{}"] * 500_000) + "]}}",
    "lists": '{"report_timestamp":"2024-03-09T16:00:00Z","adf":{},"x":[' + ",".join(["[]"] * 500_000) + "]}",
    "broken": '{"icap_log":{"action":"ICAP_PASSED","request_logs":[' + ",".join(["{}"] * 500_000) + "}}",
}


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_record_of_too_many_objects(bomb: str, layout: Layout) -> None:
    records = [*map(json.dumps, FEW[:100]), BOMBS[bomb], *map(json.dumps, FEW[100:])]
    text = "\n".join(records) if layout is Layout.LINES else f"[{','.join(records)}]"
    fallback = FallbackReader(Summary())

    tracemalloc.start()
    data = text.encode()
    tally = summarise_stream(BytesIO(data).readinto, layout, fallback)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (200, 0, 1) == (tally.read, tally.skipped, tally.unreadable)
    assert ["more than 100,000 objects in one record"] == [problem.reason for problem in fallback.notes.problems]
    assert peak < 30 * len(BOMBS[bomb])


def test_requests_of_one_entry_beyond_all_bounds() -> None:
    request = {"action": "ICAP_PASSED", "latency": 1}
    line = json.dumps({"icap_log": {"action": "ICAP_PASSED", "request_logs": [request] * 5000}}).encode()
    summary = Summary()

    tally = summarise_stream(BytesIO(line).readinto, Layout.LINES, FallbackReader(summary))

    assert 1 == tally.read
    assert (1, 100) == (to_plain(summary.head())["entries_icap"], to_plain(summary.head())["icap_requests"])
