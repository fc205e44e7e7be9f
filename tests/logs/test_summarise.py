"""Two processes count what one counts; what goes wrong in the second is done by the first."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from icapdiag.facts import to_plain
from icapdiag.logs.blocks import summarise
from icapdiag.logs.blocks.summarise import Layout, summarise_file
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import Tally
from tests.logs.reading import Odd, block_size
from tests.logs.test_blocks import entry

ENTRIES = [
    entry(
        number,
        "ICAP_FAILED" if number % 7 == 0 else "ICAP_PASSED",
        request_id=f"R{number}",
        user_agent="x" * (number % 50),
    )
    for number in range(400)
]
for _one in ENTRIES:
    _one["nested"] = [{"x": 1}, {"adf": False, "y": 2}]
TEXTS = {
    "lines": ("\n".join(map(json.dumps, ENTRIES)), Layout.LINES),
    "array": (json.dumps(ENTRIES, separators=(",", ":")), Layout.VALUES),
    "pretty": (json.dumps(ENTRIES, indent=4), Layout.VALUES),
    "envelope": (json.dumps({"count": 400, "results": ENTRIES}), Layout.VALUES),
    "pages": ("".join(json.dumps({"results": ENTRIES[n : n + 9]}) for n in range(0, 400, 9)), Layout.VALUES),
    "stream": ("".join(map(json.dumps, ENTRIES)), Layout.VALUES),
}


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(summarise, "FORK_ABOVE", 1000)
    monkeypatch.setattr(summarise, "BLOCK", 4000)
    with block_size(2000):
        yield


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Process ids of the children."""
    children: list[int] = []
    fork = os.fork

    def counted() -> int:
        child = fork()
        if child:
            children.append(child)
        return child

    monkeypatch.setattr(os, "fork", counted)
    return children


def read(path: Path, layout: Layout, *, jobs: int = 2, **options: Any) -> tuple[Summary, Tally, Odd]:
    summary = Summary()
    odd = Odd(summary)
    fd = os.open(path, os.O_RDONLY)
    try:
        tally = summarise_file(fd, layout, odd, jobs=jobs, **options)
    finally:
        os.close(fd)
    return summary, tally, odd


def shown(summary: Summary) -> tuple[Any, ...]:
    return to_plain(summary.head()), to_plain(summary.groups()), to_plain(summary.timeline()), summary.outcomes()


@pytest.mark.parametrize("form", TEXTS)
def test_two_processes_count_as_one(form: str, tmp_path: Path, forks: list[int]) -> None:
    text, layout = TEXTS[form]
    path = tmp_path / "log"
    path.write_text("\n\n" + text)
    done: list[int] = []

    alone, first, _ = read(path, layout, jobs=1, start=2)
    assert [] == forks
    both, second, odd = read(path, layout, start=2, progress=done.append)

    assert 1 == len(forks)
    assert [] == odd.seen
    assert first == second
    assert (400, path.stat().st_size) == (second.read, second.end_offset)
    assert shown(alone) == shown(both)
    assert done[-1] <= path.stat().st_size


@pytest.mark.parametrize("form", ["lines", "array", "pretty"])
def test_notes_of_both_halves(form: str, tmp_path: Path, forks: list[int]) -> None:
    text, layout = TEXTS[form]
    for number in (10, 390):
        text = text.replace(f'"R{number}"', f"R{number}", 1)
    path = tmp_path / "log"
    path.write_text(text[:-30])

    _, first, alone = read(path, layout, jobs=1)
    _, second, both = read(path, layout)

    assert 1 == len(forks)
    assert first == second
    assert (397, 3, True) == (second.read, second.unreadable, second.truncated)
    assert 3 == both.notes.problems_total
    assert alone.notes == both.notes
    assert all(text[problem.offset :].startswith(problem.excerpt) for problem in both.notes.problems)


@pytest.mark.parametrize(("looks", "processes"), [((8, 1 << 20), 2), ((8, 9), 1)])
@pytest.mark.parametrize("form", ["lines", "array"])
def test_a_record_longer_than_the_first_look(
    form: str, looks: tuple[int, ...], processes: int, tmp_path: Path, forks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summarise, "_SEARCHED", looks)
    text, layout = TEXTS[form]
    path = tmp_path / "log"
    path.write_text(text)

    _, tally, odd = read(path, layout)

    assert processes - 1 == len(forks)
    assert (400, []) == (tally.read, odd.seen)


def test_a_separator_inside_of_an_element(tmp_path: Path, forks: list[int]) -> None:
    """The second half would begin inside of an element: the first process does it all."""
    long = entry(1, nested=[{"adf": True, "report_timestamp": "2024-03-09T16:00:00.000000+00:00"}] * 400)
    path = tmp_path / "log"
    path.write_text(json.dumps([*ENTRIES[:20], long, *ENTRIES[20:40]]))

    summary, tally, odd = read(path, Layout.VALUES)

    assert 1 == len(forks)
    assert (41, []) == (tally.read, odd.seen)
    assert 41 == summary.entries


@pytest.mark.parametrize("form", ["lines", "array"])
def test_a_child_that_dies(
    form: str,
    tmp_path: Path,
    forks: list[int],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(_self: Summary) -> NoReturn:
        raise ZeroDivisionError

    text, layout = TEXTS[form]
    path = tmp_path / "log"
    path.write_text(text)
    monkeypatch.setattr(Summary, "to_wire", crash)  # called by the second process only

    summary, tally, odd = read(path, layout)

    assert 1 == len(forks)
    assert (400, []) == (tally.read, odd.seen)
    assert 400 == summary.entries
    assert "" == capfd.readouterr().err


def test_no_fork_beside_threads_or_for_one_job(tmp_path: Path, forks: list[int]) -> None:
    path = tmp_path / "log"
    path.write_text(TEXTS["lines"][0])
    blocked = threading.Event()
    thread = threading.Thread(target=blocked.wait)
    thread.start()
    try:
        read(path, Layout.LINES)
    finally:
        blocked.set()
        thread.join()
    read(path, Layout.LINES, jobs=1)

    assert [] == forks


@pytest.mark.parametrize("form", ["lines", "array"])
def test_stop(form: str, tmp_path: Path, forks: list[int]) -> None:
    path = tmp_path / "log"
    path.write_text(TEXTS[form][0])

    _, nothing, _ = read(path, TEXTS[form][1], stop=lambda: True)
    asked = iter([False] * 5)
    _, some, odd = read(path, TEXTS[form][1], jobs=1, stop=lambda: next(asked, True))

    assert 0 == nothing.total
    assert 0 < some.read < 100
    assert some.total == some.read + len(odd.seen)


def test_the_end_of_a_part(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(TEXTS["lines"][0])
    end = TEXTS["lines"][0].index("\n", 500) + 1

    _, tally, _ = read(path, Layout.LINES, jobs=1, end=end)

    assert end == tally.end_offset
    assert TEXTS["lines"][0][:end].count("\n") == tally.read
