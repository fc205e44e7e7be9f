"""``-o FORMAT[=FILE]``: what is refused, and files that are whole or not there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from icapdiag.cli.output import Output, OutputError, exit_code, parse_outputs, write_file, write_outputs
from icapdiag.report.status import ExitStatus
from tests.report.samples import report


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ((), (Output("table"),)),
        (("json",), (Output("json"),)),
        (("json=-",), (Output("json"),)),
        (("table", "json=r.json"), (Output("table"), Output("json", Path("r.json")))),
        (("json=a=b.json",), (Output("json", Path("a=b.json")),)),
    ],
)
def test_reads_what_is_asked_for(specs: tuple[str, ...], expected: tuple[Output, ...]) -> None:
    assert expected == parse_outputs(specs)


@pytest.mark.parametrize(
    ("specs", "words"),
    [
        (("xml",), "no format 'xml'; there are table, short, json, "),
        (("",), "no format ''"),
        (("json=",), "names no file"),
        (("json=.",), "is a folder"),
        (("json=no/such/folder/r.json",), "does not exist"),
        (("table", "json"), "both go to standard output"),
        (("table=r", "json=./r"), "both go to"),
    ],
)
def test_refuses_before_any_traffic(specs: tuple[str, ...], words: str) -> None:
    with pytest.raises(OutputError, match=words):
        parse_outputs(specs)


def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_file(tmp_path / "r.json", "text")
    finally:
        os.umask(old)
    assert 0o640 == stat.S_IMODE((tmp_path / "r.json").stat().st_mode)


def test_an_old_file_is_replaced_at_once_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_text("old")
    file.chmod(0o604)
    with file.open() as reader:
        write_file(file, "new")
        assert "old" == reader.read()  # who has it open still sees the whole old one
    assert "new" == file.read_text()
    assert 0o604 == stat.S_IMODE(file.stat().st_mode)
    assert [file] == list(tmp_path.iterdir())


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_file(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert "text" == (tmp_path / "target").read_text()


def test_a_device_is_written_to(tmp_path: Path) -> None:
    write_file(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError, match="No space left"):
        write_file(Path("/dev/full"), "text")


def test_nothing_is_left_of_a_file_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "r.json"
    file.write_text("old")

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_file(file, "new")
    assert "old" == file.read_text()
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every file")
def test_a_read_only_file_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_text("old")
    file.chmod(0o444)
    with pytest.raises(PermissionError):
        write_file(file, "new")
    assert "old" == file.read_text()


def test_one_output_that_fails_does_not_cost_the_others(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    outputs = (Output("table"), Output("json", Path("/dev/full")), Output("json", tmp_path / "r.json"))
    assert not write_outputs(report(), outputs)
    out, err = capfdbinary.readouterr()
    assert b"icapdiag: can't write /dev/full: No space left on device\n" == err
    assert out.startswith(b"CRITICAL  ICAP pool")
    assert "critical" == json.loads((tmp_path / "r.json").read_bytes())["verdict"]


def test_a_table_in_a_file_has_no_colour_and_the_usual_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert write_outputs(report(), (Output("table", tmp_path / "r.txt"),))
    text = (tmp_path / "r.txt").read_text()
    assert "\x1b" not in text
    assert 80 < max(len(line) for line in text.splitlines()) <= 100


@pytest.mark.parametrize(
    ("status", "written", "interrupted", "expected"),
    [
        (ExitStatus.OK, True, False, ExitStatus.OK),
        (ExitStatus.FINDINGS, True, False, ExitStatus.FINDINGS),
        (ExitStatus.INCOMPLETE, True, False, ExitStatus.INCOMPLETE),
        (ExitStatus.FINDINGS, False, False, ExitStatus.USAGE),
        (ExitStatus.OK, True, True, ExitStatus.INTERRUPTED),
        (ExitStatus.FINDINGS, False, True, ExitStatus.INTERRUPTED),
    ],
)
def test_exit_code(status: ExitStatus, written: bool, interrupted: bool, expected: ExitStatus) -> None:
    assert expected == exit_code(status, written=written, interrupted=interrupted)
