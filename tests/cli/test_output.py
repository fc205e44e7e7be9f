"""``-o FORMAT[=FILE]``: what is refused, and files that are whole or not there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from icapdiag.cli.output import Output, OutputError, end_status, exit_code, parse_outputs, write_file, write_outputs
from icapdiag.report.machine.nagios import PluginStatus
from icapdiag.vocabulary import ExitStatus, Severity
from tests.report.samples import report
from tests.users import shared_folder, unprivileged


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
        (("xml",), "unknown format 'xml'; choose from table, short, json, "),
        (("",), "unknown format ''"),
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


def test_a_ticket_is_asked_for_apart() -> None:
    expected = (Output("json", Path("r.json")), Output("jira", Path("r.txt")), Output("github"))
    assert expected == parse_outputs(("json=r.json",), ("jira=r.txt", "github"))
    with pytest.raises(OutputError, match="unknown format 'json'; choose from github, jira, servicenow"):
        parse_outputs((), ("json",))
    with pytest.raises(OutputError, match="unknown format 'jira'"):
        parse_outputs(("jira",))


def test_a_file_that_exists_is_not_replaced_without_force(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_text("old")
    with pytest.raises(OutputError, match="exists: give another name, or --force to replace it"):
        parse_outputs((f"json={file}",))
    assert (Output("json", file, force=True),) == parse_outputs((f"json={file}",), force=True)


@pytest.mark.parametrize("place", ["/dev/null", "/dev/full", "/dev/stderr", "/proc/self/fd/2"])
def test_a_device_is_no_file_to_keep(place: str) -> None:
    assert (Output("json", Path(place)),) == parse_outputs((f"json={place}",))


def test_a_stream_that_is_a_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("before\n")
    with file.open("a") as stream:
        write_file(Path(f"/proc/self/fd/{stream.fileno()}"), "text\n", force=False)
        stream.write("after\n")
    assert "before\ntext\nafter\n" == file.read_text()


def test_a_pipe_is_no_file_to_keep(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert (Output("json", tmp_path / "pipe"),) == parse_outputs((f"json={tmp_path / 'pipe'}",))


def test_links_in_a_circle_and_names_too_long_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for name in (str(tmp_path / "a"), "n" * 5000):
        with pytest.raises(OutputError, match="can't be written"):
            parse_outputs((f"json={name}",))


def test_a_file_that_came_during_the_run_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_text("theirs")
    with pytest.raises(FileExistsError, match="--force replaces it"):
        write_file(file, "ours", force=False)
    assert "theirs" == file.read_text()
    assert [file] == list(tmp_path.iterdir())


def test_a_file_that_comes_at_the_last_moment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "r.json"
    monkeypatch.setattr(os, "fsync", lambda _: file.write_text("theirs"))
    with pytest.raises(FileExistsError, match="--force replaces it"):
        write_file(file, "ours", force=False)
    assert "theirs" == file.read_text()
    assert [file] == list(tmp_path.iterdir())


def test_without_hard_links_a_file_is_written_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: str, **__: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    write_file(tmp_path / "r.json", "ours", force=False)
    assert "ours" == (tmp_path / "r.json").read_text()
    monkeypatch.setattr(os, "fsync", lambda _: (tmp_path / "s.json").write_text("theirs"))
    with pytest.raises(FileExistsError):
        write_file(tmp_path / "s.json", "ours", force=False)
    assert {"r.json": "ours", "s.json": "theirs"} == {file.name: file.read_text() for file in tmp_path.iterdir()}


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


def test_a_read_only_file_stays_as_it_is() -> None:
    with shared_folder() as folder:
        file = folder / "r.json"
        file.write_text("old")
        file.chmod(0o444)
        assert "the file is read-only" == unprivileged(lambda: write_file(file, "new"))
        assert ([file], "old") == (list(folder.iterdir()), file.read_text())


def test_one_output_that_fails_does_not_cost_the_others(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    outputs = (Output("table"), Output("json", Path("/dev/full")), Output("json", tmp_path / "r.json"))
    assert not write_outputs(report(), outputs)
    out, err = capfdbinary.readouterr()
    assert b"icapdiag: can't write /dev/full: No space left on device\n" == err
    assert out.startswith(b"CRITICAL  ICAP-POOL-GROUP /avscan: 1 of 2 members has critical problems: The")
    assert "critical" == json.loads((tmp_path / "r.json").read_bytes())["verdict"]


def test_where_all_outputs_fail_the_report_is_saved_elsewhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert not write_outputs(report(), (Output("table", Path("/dev/full")),))
    (saved,) = tmp_path.iterdir()
    assert 0o600 == stat.S_IMODE(saved.stat().st_mode)
    assert "critical" == json.loads(saved.read_bytes())["verdict"]
    assert f"the report was saved in {saved}" in capfd.readouterr().err


def test_what_was_saved_already_is_not_saved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert not write_outputs(report(), (Output("table", Path("/dev/full")),), saved=True)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("outputs", "written", "expected"),
    [
        ((Output("nagios"),), True, PluginStatus.CRITICAL),
        ((Output("nagios"), Output("json", Path("r"))), True, PluginStatus.CRITICAL),
        ((Output("nagios"),), False, PluginStatus.UNKNOWN),
        ((Output("nagios", Path("r")),), True, ExitStatus.FINDINGS),  # who reads a file has no use for a status
        ((Output("table"),), True, ExitStatus.FINDINGS),
    ],
)
def test_a_plugin_ends_as_plugins_do(
    outputs: tuple[Output, ...], written: bool, expected: ExitStatus | PluginStatus
) -> None:
    assert expected is end_status(report(), outputs, Severity.CRITICAL, written=written)


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
