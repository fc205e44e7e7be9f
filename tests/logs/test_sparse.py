"""The way around entries without an icap_log: the same counts, and no way around lines of another shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.fast import bylines, sparse
from icapdiag.logs.fast.blocks import Layout
from tests.examples import examples
from tests.logs.making import entries
from tests.logs.oracle import count, counts_of
from tests.logs.reading import read
from tests.logs.test_blocks import entry

BLOCKS = st.sampled_from([300, 3000, 1 << 16])


def _find(text: memoryview, needle: bytes, start: int, end: int) -> int:
    return bytes(text).find(needle, start, end)


def _count(text: memoryview, needle: bytes) -> int:
    return bytes(text).count(needle)


@pytest.fixture(autouse=True)
def _everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first byte on, and also where no quick search is installed."""
    monkeypatch.setattr(bylines, "SPARSE_FROM", 0)
    if sparse.searches() is None:
        monkeypatch.setattr(bylines, "searches", lambda: (_find, _count))


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each block whether it went this way."""
    taken: list[bool] = []
    take = sparse.SparseLines.take

    def noted(self: sparse.SparseLines, buffer: bytearray, size: int) -> bool:
        taken.append(take(self, buffer, size))
        return taken[-1]

    monkeypatch.setattr(sparse.SparseLines, "take", noted)
    return taken


def plain(number: int, action: str | None = None, **more: Any) -> dict[str, Any]:
    """An entry with the key in one place or in none."""
    return entry(number, action, nested=[], **more)


def text_of(found: list[dict[str, Any]], end: str = "\n") -> bytes:
    return "".join(json.dumps(one, separators=(",", ":")) + end for one in found).encode()


@settings(max_examples=examples(150))
@given(found=st.lists(entries(), max_size=12), block=BLOCKS, end=st.sampled_from(["\n", "\r\n"]))
def test_counts_as_json_does(found: list[dict[str, Any]], block: int, end: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "_DENSE", 2.0)
        summary, tally, odd = read(text_of(found, end), Layout.LINES, block=block)

    assert [] == odd.seen
    assert len(found) == tally.read
    assert count(found) == counts_of(summary)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_few_entries_with_icap(blocks: list[bool], end: str) -> None:
    found = [plain(number, None if number % 10 else "ICAP_FAILED", adf=number == 55) for number in range(400)]
    text = text_of(found, end)

    summary, tally, _ = read(text, Layout.LINES, block=4000)

    assert blocks.count(True) > 5
    assert all(blocks)
    assert 400 == tally.read
    assert {"entries_total": 400, "entries_failed": 40, "only_significant": False}.items() <= summary.head().items()


def test_many_entries_with_icap(blocks: list[bool]) -> None:
    read(text_of([entry(number) for number in range(900)]), Layout.LINES, block=4000)

    looks = [index for index, taken in enumerate(blocks) if taken]
    assert [0, 9, 26] == looks[:3]
    assert len(looks) == sum(blocks) < len(blocks) / 10


def test_few_entries_after_many(blocks: list[bool]) -> None:
    found = [entry(number) for number in range(200)] + [plain(number) for number in range(2000)]

    _, tally, _ = read(text_of(found), Layout.LINES, block=4000)

    assert 2200 == tally.read
    assert all(blocks[-20:])


@pytest.mark.parametrize("adf", [True, False, 1, 0])
def test_significance_of_what_is_not_decoded(*, adf: bool | int) -> None:
    found = [entry(number, None if number % 2 else "ICAP_FAILED", adf=True) for number in range(40)]
    found[11]["adf"] = adf

    summary, _, _ = read(text_of(found), Layout.LINES, block=1000)

    assert bool(adf) == summary.head()["only_significant"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"adf":false,"report_timestamp":"2024-03-09T16:00:00Z","user_agent":"cu',
        b'{"level":"ALERT_LOW","events":[{"report_timestamp":"x"}]}',
        b"17",
        b"}",
        b"",
    ],
)
def test_a_line_of_another_shape(line: bytes) -> None:
    plain = text_of([entry(number, None) for number in range(20)])

    _, tally, odd = read(plain + line + b"\n" + plain, Layout.LINES, block=1000)

    assert 40 == tally.read
    assert ([line] if line else []) == [raw for _, raw in odd.seen]


def test_a_broken_entry_with_icap() -> None:
    plain = text_of([entry(number, None) for number in range(20)])
    broken = text_of([entry(1)])[:-3] + b",}}\n"

    _, tally, odd = read(plain + broken + plain, Layout.LINES, block=1000)

    assert (40, 1) == (tally.read, tally.unreadable)
    assert [broken.strip()] == [raw for _, raw in odd.seen]


def test_look_alikes() -> None:
    quoted = {"adf": False, "report_timestamp": "2024-03-09T16:00:00Z", "user_agent": '"icap_log": {"action": "X"}'}
    nested = {"adf": False, "report_timestamp": "2024-03-09T16:00:00Z", "x": [{"icap_log": {"action": "X"}}] * 2}
    found = [quoted, nested, {**nested, **entry(1)}, *(entry(number, None) for number in range(20))]

    summary, tally, _ = read(text_of(found), Layout.LINES, block=1 << 16)

    assert (23, 1, 1) == (tally.read, summary.head()["entries_icap"], summary.head()["entries_passed"])


@pytest.mark.parametrize(("filters", "looked"), [(Filters(pool="x"), False), (Filters(since=datetime.now(UTC)), True)])
def test_filters_by_time_look_at_every_entry(blocks: list[bool], filters: Filters, *, looked: bool) -> None:
    found = [plain(number) for number in range(50)]

    summary, tally, _ = read(text_of(found), Layout.LINES, filters=filters)

    assert ([] if looked else [True]) == blocks
    assert (50, 50 if looked else 0) == (tally.read, summary.filtered)
