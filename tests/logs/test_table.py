"""CSV in two halves: what two processes count is what one counts, wherever the second half begins."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icapdiag.facts import to_plain
from icapdiag.logs.blocks import rows, table
from icapdiag.logs.blocks.decoding import FallbackReader
from icapdiag.logs.blocks.halves import Half, Moved
from icapdiag.logs.containers import csvexport
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.opening.source import Stop
from icapdiag.logs.reading import read_logs
from tests.examples import examples
from tests.logs.generate import generated
from tests.logs.samples import as_csv

ROWS = 60
ENTRIES = tuple(generated(ROWS, share=0.6, order="as written", seed=5))
TEXT = as_csv(ENTRIES)
FILTERS = (None, Filters(actions=frozenset({"ICAP_BLOCKED"})))


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "FORK_ABOVE", 0)
    monkeypatch.setattr(rows, "_BLOCK", 2000)


def everything(path: Path, jobs: int, filters: Filters | None = None) -> object:
    """All that is said of a file."""
    reading = read_logs([str(path)], jobs=jobs, filters=filters)
    summary = reading.summary
    return reading.sources, *map(to_plain, (summary.groups(), summary.head(), summary.timeline()))


def in_turn(
    first: Callable[[Moved], bool], second: Callable[[Moved], FallbackReader], _: Moved | None, __: Stop | None
) -> Half | None:
    """`read_in_two` without a child."""
    found = second(lambda _: None)
    wire = msgspec.msgpack.encode(Half(found.summary.to_wire(), found.notes, found.tally))
    return msgspec.msgpack.decode(wire, type=Half) if first(lambda _: None) else None


_damage = st.tuples(
    st.floats(0, 1),
    st.integers(0, 3),
    st.sampled_from(["", '"', '""', ",", "\n", "\r", '"\r\n', "'", "\\'", "é", "{}"]),
)


@given(
    damage=st.lists(_damage, max_size=4),
    cut=st.sampled_from([0, 0, 1, 2, 300]),
    share=st.floats(0, 1),
    blocks=st.tuples(*[st.sampled_from([700, 2000, 1 << 19])] * 2),
    limit=st.sampled_from([1500, 6000, 1 << 20]),
    filtered=st.booleans(),
)
@settings(max_examples=examples(400), suppress_health_check=list(HealthCheck), deadline=None)
def test_what_is_damaged(
    tmp_path_factory: pytest.TempPathFactory,
    damage: list[tuple[float, int, str]],
    cut: int,
    share: float,
    blocks: tuple[int, int],
    limit: int,
    *,
    filtered: bool,
) -> None:
    header, rest = TEXT.split("\r\n", 1)
    for place, length, put in damage:
        at = int(place * len(rest))
        rest = rest[:at] + put + rest[at + length :]
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_text(f"{header}\r\n{rest[: len(rest) - cut]}", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csvexport, "CELL_LIMIT", limit)
        patch.setattr(table, "FIRST", share)
        patch.setattr(table, "read_in_two", in_turn)
        patch.setattr(rows, "_BLOCK", blocks[0])
        expected = everything(path, 1, FILTERS[filtered])
        patch.setattr(rows, "_BLOCK", blocks[1])
        assert expected == everything(path, 2, FILTERS[filtered])


def test_a_child_reads_the_second_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.csv"
    path.write_text("\ufeff" + TEXT, newline="")
    children: list[int] = []
    fork = os.fork

    def counted() -> int:
        children.append(fork())
        return children[-1]

    monkeypatch.setattr(os, "fork", counted)
    expected = everything(path, 1)
    assert [] == children

    done: list[int] = []
    reading = read_logs([str(path)], jobs=2, progress=lambda _, at, __: done.append(at))

    assert 1 == len(children)
    assert (ROWS, path.stat().st_size) == (reading.records.read, done[-1])
    assert expected == everything(path, 2)
    monkeypatch.setattr(Summary, "to_wire", lambda self: 1 // 0)  # called by the child only
    assert expected == everything(path, 2)
    assert 3 == len(children)
