"""Fetching a log: spans that hold more than the API gives, entries that can't be told apart, answers without an end."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from icapdiag.controller import logs
from icapdiag.controller.asking import Asker, Target
from icapdiag.controller.logs import Fetched, LogFetcher
from icapdiag.controller.windows import Window, Windows
from tests.controller.pulls import keys_in

START = datetime(2026, 6, 1, 6, tzinfo=UTC)
END = START + timedelta(hours=6)
_LARGEST = 100
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
Entry = dict[str, Any]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that gives 100 entries at most, not 10,000."""
    monkeypatch.setattr(logs, "LARGEST", _LARGEST)
    monkeypatch.setattr(logs, "_AIM", _LARGEST // 2)


class FakeLog:
    """The log's API over entries in order of time. ``page`` makes an answer of what a span holds."""

    def __init__(self, entries: Sequence[Entry], page: Callable[[list[Entry]], Entry] | None = None) -> None:
        self.entries = entries
        self.asked: list[tuple[str, str]] = []
        self.paused = 0.0
        self._times = [datetime.fromisoformat(entry["report_timestamp"]) for entry in entries]
        self._page = page or (lambda found: {"count": len(found), "results": found[:_LARGEST]})

    def read(self, target: Target, decode: Callable[[bytes], Any]) -> Any:
        start, end = str(target.params["start"]), str(target.params["end"])
        self.asked.append((start, end))
        first, last = (datetime.strptime(text, _TIME).replace(tzinfo=UTC) for text in (start, end))
        found = self.entries[bisect_left(self._times, first) : bisect_right(self._times, last)]
        return decode(json.dumps(self._page(list(found)), indent=1).encode())

    def pause(self, seconds: float) -> None:
        self.paused += seconds


def entry(moment: datetime, number: int, **more: object) -> Entry:
    return {
        "virtualservice": "vs-1",
        "service_engine": f"se-{number % 2}",
        "vcpu_id": 0,
        "log_id": number // 2,
        "report_timestamp": moment.isoformat(),
        **more,
    }


def fetch(log: FakeLog, folder: Path) -> Fetched:
    return LogFetcher(cast("Asker", log), "vs-1", Windows(folder), START, END).fetch(lambda *_: None)


def numbers(fetched: Fetched, folder: Path) -> list[tuple[str, int]]:
    Windows(folder).join(fetched.row, folder / "all.gz")
    return [(engine, log_id) for _, engine, _, log_id, _ in keys_in(folder / "all.gz")]


def test_a_span_with_too_many_entries_is_cut(tmp_path: Path) -> None:
    """110 within two seconds, then a quiet time, and some at the very borders."""
    burst = START + timedelta(minutes=10)
    entries = [entry(START, 0), *(entry(burst + timedelta(microseconds=18_000 * n), n) for n in range(1, 111))]
    entries += [entry(END - timedelta(microseconds=1), 111), entry(END, 112)]
    log = FakeLog(entries)
    fetched = fetch(log, tmp_path)
    assert fetched.missing is None
    assert [(each["service_engine"], each["log_id"]) for each in entries[:-1]] == numbers(fetched, tmp_path)
    assert len(log.asked) < 40
    assert fetched.row == Windows(tmp_path).done(fetched.row[0].start)


def test_more_than_the_api_gives_for_a_moment_is_missing(tmp_path: Path) -> None:
    burst = START + timedelta(minutes=10)
    log = FakeLog([*(entry(burst, n) for n in range(120)), entry(burst + timedelta(hours=1), 120)])
    fetched = fetch(log, tmp_path)
    assert "20 entries between 2026-06-01 06:09:59 and 2026-06-01 06:10:00" == fetched.missing
    assert 101 == len(numbers(fetched, tmp_path))
    (partial,) = [window for window in fetched.row if window.partial]
    assert partial not in Windows(tmp_path).done(fetched.row[0].start), "it is asked for again"


@pytest.mark.parametrize("claimed", [7, "7"])
def test_an_answer_with_less_than_it_counts_is_asked_for_again(tmp_path: Path, claimed: object) -> None:
    entries = [entry(START + timedelta(minutes=n), n) for n in range(5)]
    log = FakeLog(entries, lambda found: {"count": claimed if found else 0, "results": found})
    fetched = fetch(log, tmp_path)
    assert "2 entries between 2026-06-01 06:00:00 and 2026-06-01 06:15:00" == fetched.missing
    assert log.asked[0] == log.asked[1] != log.asked[2]
    assert 5 == len(numbers(fetched, tmp_path))


@pytest.mark.parametrize("more", [True, "true", "https://elsewhere.example/api/analytics/logs/?start={}&end={}"])
def test_an_answer_that_stays_partial_is_left_at_last(tmp_path: Path, more: object) -> None:
    log = FakeLog([entry(START, 0)])

    def page(found: list[Entry]) -> Entry:
        link = more.format(*log.asked[-1]) if isinstance(more, str) else more
        return {"results": found, "more": link if found else False}

    log._page = page
    fetched = fetch(log, tmp_path)
    assert "an unknown number of entries between 2026-06-01 06:00:00 and 2026-06-01 06:15:00" == fetched.missing
    assert [("se-0", 0)] == numbers(fetched, tmp_path)
    assert len(log.asked) < 30
    assert log.paused > 10


def test_entries_are_kept_as_they_came_and_once(tmp_path: Path) -> None:
    """As JavaScript has them, without an id, and on several lines."""
    moment = START + timedelta(minutes=5)
    same = entry(moment, 4)
    as_text = same | {"log_id": str(same["log_id"]), "vcpu_id": "0"}
    nameless = {"report_timestamp": moment.isoformat(), "uri_path": "/a"}
    log = FakeLog([same, as_text, nameless, dict(nameless), nameless | {"uri_path": "/b"}])
    fetched = fetch(log, tmp_path)
    assert 3 == sum(window.entries for window in fetched.row)
    Windows(tmp_path).join(fetched.row, tmp_path / "all.gz")


def test_the_spans_grow_where_nothing_happens(tmp_path: Path) -> None:
    fetched = fetch(FakeLog([]), tmp_path)
    assert [15, 60, 240, 45] == [(window.end - window.start) // 60_000_000 for window in fetched.row]
    assert 0 == Windows(tmp_path).join(fetched.row, tmp_path / "all.gz")
    assert [] == keys_in(tmp_path / "all.gz")


def test_only_spans_that_follow_each_other_count(tmp_path: Path) -> None:
    windows = Windows(tmp_path / "w")
    start = 1_780_000_000_000_000
    for window in (Window(start, start + 5, 0), Window(start + 5, start + 9, 1), Window(start + 10, start + 12, 0)):
        windows.add(window, [b"{}"] * window.entries)
    (tmp_path / "w" / f"{start + 9}-{start + 10}-1.jsonl.gz.part").write_bytes(b"")
    assert [(start, start + 5), (start + 5, start + 9)] == [(each.start, each.end) for each in windows.done(start)]
    assert [] == Windows(tmp_path / "none").done(start)
