"""Any entries, in any layout, in any pieces: the same counts as by `json`, and as in any other way."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from icapdiag.avi.entry import decode_entry
from icapdiag.facts import to_plain
from icapdiag.logs.blocks.summarise import Layout
from icapdiag.logs.counting.summary import Summary
from tests.examples import examples
from tests.logs.making import entries, texts
from tests.logs.oracle import count, counts_of
from tests.logs.reading import read

BLOCKS = st.sampled_from([200, 700, 3000, 1 << 16])
SIZES = st.lists(st.integers(30, 5000), min_size=1, max_size=4).map(tuple)


@settings(max_examples=examples(300))
@given(log=texts(), block=BLOCKS, sizes=SIZES)
def test_counts_as_json_does(
    log: tuple[list[dict[str, Any]], bytes, Layout], block: int, sizes: tuple[int, ...]
) -> None:
    found, text, layout = log

    summary, tally, odd = read(text, layout, block=block, sizes=sizes)

    assert [] == odd.seen
    assert len(found) == tally.read
    assert not tally.truncated
    assert count(found) == counts_of(summary)


@settings(max_examples=examples(100))
@given(log=texts(), block=BLOCKS, cut=st.floats(0, 1))
def test_a_cut_log(log: tuple[list[dict[str, Any]], bytes, Layout], block: int, cut: float) -> None:
    found, text, layout = log
    kept = text[: round(len(text) * cut)]

    _, tally, odd = read(kept, layout, block=block)

    assert len(odd.seen) == tally.skipped + tally.unreadable
    whole = _whole_records(found, kept, layout)
    assert whole <= tally.read <= len(found)
    assert tally.truncated or tally.total == tally.read


def _whole_records(found: list[dict[str, Any]], kept: bytes, layout: Layout) -> int:
    """How many entries are certainly whole, counted by the keys that only entries have once."""
    del layout
    return max(0, min(len(found), kept.count(b'"report_timestamp"')) - 1)


@settings(max_examples=examples(100))
@given(text=st.binary(max_size=300) | st.text('{}[]",:\\ \n0atx', max_size=200).map(str.encode), block=BLOCKS)
def test_any_bytes(text: bytes, block: int) -> None:
    for layout in Layout:
        read(text, layout, block=block)


@settings(max_examples=examples(60))
@given(found=st.lists(entries(), max_size=20), data=st.data())
def test_merging(found: list[dict[str, Any]], data: st.DataObject) -> None:
    """Any split into parts, merged in any grouping, gives what one summary gives."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(found)), max_size=3)))
    bounds = [0, *cuts, len(found)]
    parts = [found[start:stop] for start, stop in pairwise(bounds)]

    left = _summary([])
    for part in parts:
        left.merge_wire(_summary(part).to_wire())
    right = _summary(parts[-1])
    for part in reversed(parts[:-1]):
        front = _summary(part)
        front.merge_wire(right.to_wire())
        right = front

    whole = _shown(_summary(found))
    assert whole == _shown(left)
    assert whole == _shown(right)


def _summary(found: list[dict[str, Any]]) -> Summary:
    summary = Summary()
    for entry in found:
        summary.add(decode_entry(entry))
    return summary


def _shown(summary: Summary) -> tuple[Any, ...]:
    groups = sorted(to_plain(summary.groups()), key=lambda facts: repr(sorted(facts.items(), key=str)))
    return to_plain(summary.head()), groups, to_plain(summary.timeline()), summary.outcomes()
