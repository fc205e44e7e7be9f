"""Files that turn out to be something else: nothing hangs, nothing grows without end."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from icapdiag.bounded import read_file, read_open
from icapdiag.cli.inputs import load_report
from icapdiag.pool import PoolError, load_pool
from icapdiag.report.attach.document import read_document
from icapdiag.report.attach.target import AttachError
from icapdiag.runbook import RunbookError, load_runbooks


@pytest.fixture
def fifo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that nobody writes to, and that nobody waits for long."""
    monkeypatch.setattr("icapdiag.bounded._PATIENCE", 0.05)
    path = tmp_path / "a.md"
    os.mkfifo(path)
    return path


def test_a_pool_file_that_is_a_pipe_without_a_writer(fifo: Path) -> None:
    with pytest.raises(PoolError, match="empty"):
        load_pool(fifo)


def test_a_report_that_is_a_pipe_without_a_writer(fifo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load_report(str(fifo))
    assert "it is empty" in capsys.readouterr().err


def test_an_attachment_that_is_a_pipe_without_a_writer(fifo: Path) -> None:
    with pytest.raises(AttachError, match="is empty"):
        read_document(fifo, None)


def test_a_pipe_among_the_runbooks(fifo: Path) -> None:
    with pytest.raises(RunbookError, match=r"a\.md: can't be read: not a regular file"):
        load_runbooks([fifo.parent])


def test_a_device_among_the_runbooks(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to("/dev/zero")
    with pytest.raises(RunbookError, match="not a regular file"):
        load_runbooks([tmp_path])


def test_a_certificate_that_is_a_pipe(fifo: Path, tmp_path: Path) -> None:
    """OpenSSL would wait for its writer, and let no signal in."""
    pool = tmp_path / "pool.yaml"
    pool.write_text(f"service_uri: /scan\nmembers: [{{host: 10.0.0.1, tls: {{ca_file: {fifo.name}}}}}]\n")
    with pytest.raises(PoolError, match="is not a regular file: name a PEM file"):
        load_pool(pool)


@pytest.mark.parametrize("largest", [0, 5, 1 << 20])
def test_what_has_no_end_is_cut(largest: int) -> None:
    assert bytes(largest + 1) == read_file(Path("/dev/zero"), largest)


def test_a_pool_file_without_an_end() -> None:
    with pytest.raises(PoolError, match="larger than"):
        load_pool(Path("/dev/zero"))


def test_a_writer_may_come_late(fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icapdiag.bounded._PATIENCE", 60)
    writer = threading.Timer(0.1, fifo.write_bytes, [b"pool"])
    writer.start()
    assert b"pool" == read_file(fifo, 100)
    writer.join()


def test_a_pipe_that_does_not_block_is_read_to_its_end() -> None:
    """As a shell, or another program at the same terminal, may have left standard input."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(writing, "wb") as stream:
        timers = threading.Timer(0.05, stream.write, [b"late"]), threading.Timer(0.1, stream.close)
        for timer in timers:
            timer.start()
        assert b"late" == read_open(reading, 100)
        for timer in timers:
            timer.join()
    os.close(reading)
