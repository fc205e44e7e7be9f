"""Growing files: nothing is lost over truncation and rotation, and pieces end where lines do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from icapdiag.cli.explain import tail as module
from icapdiag.cli.explain.tail import FileTail, Pieces, StreamTail, open_tail


@contextmanager
def tailed(path: Path) -> Iterator[FileTail]:
    tail = FileTail(path, os.open(path, os.O_RDONLY), sleep=lambda _: None)
    yield tail
    tail.close()


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def test_reads_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    with tailed(path) as tail:
        assert b"one\n" == tail.read()
        assert b"" == tail.read()
        append(path, b"two\n")
        assert (b"two\n", False) == (tail.read(), tail.restarted)


def test_a_truncated_file_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a long first line\n")
    with tailed(path) as tail:
        tail.read()
        path.write_bytes(b"new\n")
        assert (b"new\n", True) == (tail.read(), tail.restarted)
        assert (b"", False) == (tail.read(), tail.restarted)


def test_a_rotated_file_is_read_to_its_end_before_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    with tailed(path) as tail:
        tail.read()
        append(path, b"last\n")
        path.rename(tmp_path / "log.1")
        assert (b"last\n", False) == (tail.read(), tail.restarted)
        assert (b"", False) == (tail.read(), tail.restarted)  # nobody has the name now
        path.write_bytes(b"first\n")
        assert (b"first\n", True) == (tail.read(), tail.restarted)


def test_a_pipe_ends(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    tail = StreamTail(reader, "pipe")
    os.write(writer, b"data")
    assert (b"data", False) == (tail.read(), tail.ended)
    os.close(writer)
    assert (b"", True) == (tail.read(), tail.ended)
    os.close(reader)


def test_a_pipe_that_says_nothing_is_waited_for_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL", 0.0)
    reader, writer = os.pipe()
    tail = StreamTail(reader, "pipe")
    assert (b"", False) == (tail.read(), tail.ended)
    os.close(writer)
    os.close(reader)


def test_opens_files_and_fifos_only(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x")
    with open_tail(str(tmp_path / "log")) as tail:
        assert isinstance(tail, FileTail)
    os.mkfifo(tmp_path / "fifo")
    writer = os.open(tmp_path / "fifo", os.O_RDWR)
    with open_tail(str(tmp_path / "fifo")) as tail:
        assert isinstance(tail, StreamTail)
    os.close(writer)
    with pytest.raises(IsADirectoryError), open_tail(str(tmp_path)):
        pass
    with pytest.raises(FileNotFoundError), open_tail(str(tmp_path / "nothing")):
        pass


class Taken(list[tuple[bytes, int]]):
    def __call__(self, data: bytes, line: int) -> None:
        self.append((data, line))


def test_pieces_end_where_lines_do() -> None:
    taken = Taken()
    pieces = Pieces(taken)
    for data in (b"one\ntwo", b"", b" and", b" half\nthree\nfo", b"ur"):
        pieces.add(data)
    assert [(b"one\n", 1), (b"two and half\nthree\n", 2)] == taken
    pieces.flush()
    pieces.flush()
    assert [(b"four", 4)] == taken[2:]


def test_what_begins_anew_has_lines_of_its_own() -> None:
    taken = Taken()
    pieces = Pieces(taken)
    pieces.add(b"one\ncut")
    pieces.restart()
    pieces.add(b"new\n")
    assert [(b"one\n", 1), (b"cut", 2), (b"new\n", 1)] == taken


def test_a_whole_value_needs_no_line_end() -> None:
    taken = Taken()
    pieces = Pieces(taken)
    pieces.add(b'{"a": [1')
    pieces.settle()
    pieces.add(b"]")
    pieces.settle()
    pieces.settle()
    assert [] == taken
    pieces.add(b"}")
    pieces.settle()
    assert [(b'{"a": [1]}', 1)] == taken


def test_a_line_without_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 10)
    taken = Taken()
    pieces = Pieces(taken)
    for _ in range(5):
        pieces.add(b"abc")
    assert [(b"abcabcabcabc", 1)] == taken
