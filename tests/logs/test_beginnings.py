"""A line that begins a record ends the one before, whatever is open there: as many records as lines."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icapdiag.facts import to_plain
from icapdiag.logs.blocks import elements, lines, summarise
from icapdiag.logs.blocks.decoding import FallbackReader
from icapdiag.logs.blocks.summarise import Layout, summarise_file, summarise_stream
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.damage.beginnings import NONE, Beginnings, indent_of, next_beginning
from icapdiag.logs.opening import source as sources
from tests.examples import examples
from tests.logs.generate import generated
from tests.logs.reading import Pieces
from tests.logs.samples import read, syslog_line

RECORDS = 400
TEXTS = [
    json.dumps(one, separators=(",", ":")).encode() for one in generated(RECORDS, share=0.6, order="as written", seed=5)
]
SHUFFLED = [json.dumps(one).encode() for one in generated(RECORDS, share=0.6, order="shuffled", seed=6)]


def _near(line: bytes, wanted: bytes, number: int) -> int:
    """Behind the occurrence of these bytes that is chosen by the number; the middle where there is none."""
    places = [at for at in range(2, len(line)) if line.startswith(wanted, at)]
    return places[number % len(places)] + len(wanted) if places else len(line) // 2


# Where a line is cut: an index into it.
CUTS: dict[str, Callable[[bytes, int], int]] = {
    "anywhere": lambda line, number: 2 + number * 37 % (len(line) - 2),
    "in a string": lambda line, number: _near(line, b'":"', number) + 1,
    "in an escape": lambda line, number: _near(line, b"\\", number),
    "in a number": lambda line, number: _near(line, b'_length":1', number),
    "in a key": lambda line, number: _near(line, b',"', number) + 2,
    "before a value": lambda line, number: _near(line, b'":', number),
    "in a list": lambda line, number: _near(line, b"[", number),
    "at the last bracket": lambda line, _: len(line) - 1,
}
CONTAINERS: dict[str, Callable[[list[bytes]], bytes]] = {
    "lines": lambda cut: b"".join(line + b"\n" for line in cut),
    "lines, CRLF": lambda cut: b"".join(line + b"\r\n" for line in cut),
    "array": lambda cut: b"[\n" + b",\n".join(cut) + b"\n]\n",
    "array, commas first": lambda cut: b"[" + b"\n,".join(cut) + b"\n]\n",
    "envelope": lambda cut: b'{"count": 400, "results": [\n' + b",\n".join(cut) + b"\n]}\n",
    "gzip": lambda cut: gzip.compress(b"".join(line + b"\n" for line in cut)),
}


@pytest.mark.parametrize("head", [1 << 20, 3000])  # read as a whole, and as a stream
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("cut", CUTS)
def test_every_cut_line_is_a_record(
    tmp_path: Path, cut: str, container: str, head: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "HEAD", head)
    damaged = [line[: CUTS[cut](line, number)] for number, line in enumerate(TEXTS)]

    reading, report = read(tmp_path / "log", CONTAINERS[container](damaged))

    assert abs(report.total - RECORDS) <= RECORDS // 100, (report.total, report.problems)
    kept = sum(b'"report_timestamp":"2026-03-02T10' in line for line in damaged)
    assert report.read >= kept * 0.97
    assert reading.records.total == report.total


@pytest.mark.parametrize("head", [1 << 20, 3000])
def test_some_cut_lines_cost_no_other(tmp_path: Path, head: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HEAD", head)
    damaged = [line[:-200] if number % 10 == 3 else line for number, line in enumerate(SHUFFLED)]
    for text in (b"\n".join(damaged), b"[\n" + b",\n".join(damaged) + b"\n]"):
        _, report = read(tmp_path / "log", text)
        assert (RECORDS, 0) == (report.total, report.skipped)
        assert report.read >= RECORDS - RECORDS // 10


def test_cut_lines_of_syslog(tmp_path: Path) -> None:
    cut = [syslog_line(json.loads(line))[: 90 + number * 31 % 600] for number, line in enumerate(TEXTS)]

    _, report = read(tmp_path / "log", "\n".join(cut))

    assert ("syslog", RECORDS) == (report.container, report.total)


def test_the_log_of_the_ticket(tmp_path: Path) -> None:
    """It was one entry of which no request went through ICAP."""
    log = {"action": "ICAP_BLOCKED", "request_logs": [{"action": "ICAP_BLOCKED", "pool_name": "pg"}]}
    line = json.dumps({"report_timestamp": "2026-03-02T10:00:00Z", "icap_log": log, "headers": "x" * 300})

    reading, report = read(tmp_path / "log", "".join(line[:300] + "\n" for _ in range(1037)))

    assert (1037, 1037) == (report.total, report.read)
    assert 1037 == reading.summary.head().entries_blocked


NESTED = {"report_timestamp": "2026-03-02T10:00:00Z", "icap_log": {"request_logs": [{"latency": 1}, {"latency": 2}]}}
BROKEN = '{"report_timestamp":"2026-03-02T10:00:00Z","icap_log":{"request_logs":[\n{"latency":1},\n{"latency":2}]}}'
SOUND = {
    "line breaks inside": BROKEN,
    "an array of such": f"[\n{BROKEN}]",
    "indented": json.dumps([NESTED], indent=0),
}


@pytest.mark.parametrize("times", [1, 30])
@pytest.mark.parametrize("form", SOUND)
@pytest.mark.parametrize("head", [1 << 20, 1500])
def test_sound_json_stays_whole(
    tmp_path: Path, form: str, head: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "HEAD", head)

    reading, report = read(tmp_path / "log", "\n".join([SOUND[form]] * times))

    assert (times, times, (), ()) == (report.total, report.read, report.repairs, report.problems)
    assert 2 * times == reading.summary.head().icap_requests


def _damage(data: st.DataObject, texts: list[bytes]) -> list[bytes]:
    """Some of the records, most of them damaged in one way or another."""
    kinds = st.sampled_from(["whole", "cut", "cut", "tail", "byte", "commas", "break", "empty"])
    found: list[bytes] = []
    for whole in texts:
        text = whole
        at = data.draw(st.integers(1, len(text) - 1))
        match data.draw(kinds):
            case "cut":
                text = whole[:at]
            case "tail":
                text = whole[at:]
            case "byte":
                byte = data.draw(st.sampled_from([b"\xff", b"\x01", b"\\", b'"', b"{", b"]", b""]))
                text = whole[:at] + byte + whole[at + 1 :]
            case "commas":
                text = whole + b",,"
            case "break":
                text = whole[:at] + b"\n" + whole[at:]
            case "empty":
                text = b"{}"
        found.append(text)
    return found


def _counted(data: bytes, layout: Layout, size: int, block: int) -> Any:
    summary = Summary()
    fallback = FallbackReader(summary)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "BLOCK", block)
        patch.setattr(elements, "BLOCK", block)
        tally = summarise_stream(Pieces(data, (size,)).readinto, layout, fallback)
    return (tally.read, tally.skipped, tally.unreadable), to_plain(summary.head())


_slow = settings(max_examples=examples(40), suppress_health_check=list(HealthCheck), deadline=None)


@given(data=st.data(), count=st.integers(1, 12), block=st.integers(40, 3000), size=st.integers(1, 3000))
@_slow
def test_lines_do_not_depend_on_blocks(data: st.DataObject, count: int, block: int, size: int) -> None:
    start = data.draw(st.integers(0, RECORDS - count))
    text = b"\n".join(_damage(data, TEXTS[start : start + count]))

    assert _counted(text, Layout.LINES, 1 << 20, 1 << 19) == _counted(text, Layout.LINES, size, block)


@given(data=st.data(), count=st.integers(1, 12), block=st.integers(40, 3000), size=st.integers(1, 3000))
@_slow
def test_elements_do_not_depend_on_blocks(data: st.DataObject, count: int, block: int, size: int) -> None:
    start = data.draw(st.integers(0, RECORDS - count))
    text = b"[\n" + b",\n".join(_damage(data, TEXTS[start : start + count])) + b"\n]\n"

    assert _counted(text, Layout.VALUES, 1 << 20, 1 << 19) == _counted(text, Layout.VALUES, size, block)


@given(data=st.data(), count=st.integers(8, 24))
@_slow
def test_two_processes_count_what_one_does(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, count: int
) -> None:
    start = data.draw(st.integers(0, RECORDS - count))
    path = tmp_path_factory.getbasetemp() / "halves"
    path.write_bytes(b"\n".join(_damage(data, TEXTS[start : start + count])) + b"\n")
    found: list[Any] = []
    with pytest.MonkeyPatch.context() as patch, path.open("rb") as file:
        patch.setattr(summarise, "FORK_ABOVE", 100)
        for jobs in (1, 2):
            summary = Summary()
            tally = summarise_file(file.fileno(), Layout.LINES, FallbackReader(summary), jobs=jobs)
            found.append(((tally.read, tally.skipped, tally.unreadable), to_plain(summary.head())))

    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("text", "indent", "found"),
    [
        ('{"a": "x\n{"b": 1}', 0, 9),
        ('{"a": "x\r\n{"b": 1}', 0, 10),
        ('{"a": [\n  {"b": 1}', 0, NONE),
        ('{"a": [\n  {"b": 1}', 2, 8),
        ('{"a": [\n,{"b": 1}', 0, 8),
        ('{"a": [\n[{"b": 1}', 0, 8),
        ('{"a": [\n{\n"b": 1}', 0, NONE),
        ('{"a": [\n<134>1 2026', 0, 8),
        ('{"a": [\n27 <13>Mar  1 10:00', 0, 8),
        ('{"a": [\n1 < 2', 0, NONE),
        ('{"a": [\n{}', 0, 8),
    ],
)
def test_beginnings(text: str, indent: int, found: int) -> None:
    assert found == next_beginning(text, 0, indent)
    assert found == Beginnings().next(text.encode(), 0, 0, len(text), indent)


def test_indents() -> None:
    text = '[\n  {"a":1},{"b":2}\n, {"c":3}'
    assert [0, 2, 0, 2] == [indent_of(text, at) for at in (0, 4, 12, 22)]
    assert [0, 2, 0, 2] == [indent_of(text.encode(), at) for at in (0, 4, 12, 22)]


class _Counted(bytes):
    """Bytes that count how often a line end is looked for in them."""

    looks = 0

    def find(self, *arguments: Any) -> int:
        self.looks += 1
        return super().find(*arguments)


def test_records_of_two_indents_do_not_search_the_text_again_and_again() -> None:
    """Two damaged records side by side on each line: the second is not indented, and no line begins as it does."""
    text = _Counted(b'  {"a":tru}, {"b":tru},\n' * 2000)
    beginnings = Beginnings()
    starts = [at for at in range(len(text)) if text.startswith(b"{", at)]

    found = [beginnings.next(text, 0, start, len(text), indent_of(text, start)) for start in starts]

    assert (4000, 2001) == (len(found), found.count(NONE))
    assert 10 * 4000 >= text.looks  # the last few lines each time: they may go on
