"""Inputs and outputs that are closed, pipes or not to be had: a line says so, and what was learnt is kept."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from icapdiag.cli.options import Redaction
from icapdiag.cli.output import Output, write_outputs
from icapdiag.cli.redacting import insist_on_key
from icapdiag.files import locked, write_data
from icapdiag.model import Report
from icapdiag.report.formats import render
from icapdiag.report.machine.from_json import read_report
from tests.cli.logs import lines, twenty
from tests.cli.run import TIMEOUT, environment, icapdiag, shell, started
from tests.report.samples import report

LOG = '{"icap_log": {"action": "ICAP_PASSED"}}\n'


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o600)
    return path


@pytest.mark.parametrize(
    "command", ["explain -", "explain --follow -", "report render -", "report redact -", "runbooks why -"]
)
def test_standard_input_that_is_closed(command: str) -> None:
    status, out, err = shell(f"$icapdiag {command} <&-")
    assert (2, "", 1) == (status, out, len(err.splitlines()))
    assert "closed" in err


@pytest.mark.parametrize(("closed", "expected"), [("<&- 2>&-", 0), ("<&- >&-", 2), ("<&- >&- 2>&-", 2)])
def test_streams_that_are_closed(closed: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    status, _, err = shell(f"$icapdiag explain log -o json=r.json -o short {closed}", cwd=tmp_path)
    assert (expected, False) == (status, "Traceback" in err)
    assert read_report((tmp_path / "r.json").read_bytes()).complete


def has_open(pid: int, path: Path) -> bool:
    with suppress(FileNotFoundError):  # closed meanwhile
        return path in {each.readlink() for each in Path(f"/proc/{pid}/fd").iterdir()}
    return False


def reading(fifo: Path, *args: str) -> subprocess.Popen[bytes]:
    """A run that has the pipe open."""
    process = started(*args)
    while not has_open(process.pid, fifo):
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("options", [(), ("--follow",)])
def test_a_pipe_without_a_writer_is_waited_for_until_a_signal(options: tuple[str, ...], fifo: Path) -> None:
    process = reading(fifo, "explain", *options, str(fifo), "-o", "json")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=TIMEOUT)
    assert (130, bool(options)) == (process.returncode, read_report(out).complete)


@pytest.mark.parametrize("options", [(), ("--follow",)])
def test_a_pipe_whose_writer_comes_later(options: tuple[str, ...], fifo: Path) -> None:
    process = reading(fifo, "explain", *options, str(fifo), "-o", "short")
    fifo.write_text(LOG)
    assert b"1 entry: 1 passed" in process.communicate(timeout=TIMEOUT)[0]
    assert 0 == process.returncode


def test_a_pipe_that_nobody_reads_is_no_output(fifo: Path) -> None:
    with pytest.raises(OSError, match="No such device"):
        write_data(fifo, b"report")


def test_without_a_home_and_a_name(tmp_path: Path) -> None:
    """As in a container with --user 12345."""
    (tmp_path / "log").write_text(LOG)
    nobody = "import pwd, runpy; pwd.getpwuid = {}.__getitem__; runpy.run_module('icapdiag', run_name='__main__')"
    kept = {name: value for name, value in environment().items() if name not in {"HOME", "XDG_STATE_HOME"}}
    done = subprocess.run(
        [sys.executable, "-c", nobody, "explain", "log", "--redact"],
        cwd=tmp_path, env=kept, capture_output=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert (2, b"", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert b"set HOME or XDG_STATE_HOME, or give --pseudonyms FILE" in done.stderr


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "damaged", "no folder"])
def test_a_key_that_can_not_be_used_costs_no_traffic(kind: str, tmp_path: Path, fifo: Path) -> None:
    (tmp_path / "damaged").write_text("{")
    (tmp_path / "damaged").chmod(0o600)
    keys = {"pipe": fifo, "device": "/dev/zero", "folder": tmp_path, "no folder": tmp_path / "damaged" / "key"}
    writer = os.open(fifo, os.O_RDWR)  # who writes nothing
    with socket.create_server(("127.0.0.1", 0)) as listener, os.fdopen(writer, "rb+", buffering=0):
        listener.setblocking(False)
        url = f"icap://127.0.0.1:{listener.getsockname()[1]}/avscan"
        args = ("check", url, "--redact", "--pseudonyms", str(keys.get(kind, tmp_path / kind)))
        status, out, err = icapdiag(*args, cwd=tmp_path)
        assert (2, "", False) == (status, out, "Traceback" in err)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_key_that_another_run_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icapdiag.files._LOCK_WAIT", 0)
    insist_on_key(Redaction(key=tmp_path / "key"))
    with locked(tmp_path / ".key.lock"), pytest.raises(SystemExit):
        insist_on_key(Redaction(key=tmp_path / "key"))


def test_a_folder_that_can_not_be_written_to_costs_no_traffic(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace of our own here")
    script = "mkdir ro; mount -t tmpfs -o ro x ro || exit 77; $icapdiag check --lab -o json=ro/r.json"
    status, out, err = shell(f"unshare --mount bash -c '{script}'", cwd=tmp_path)
    if status == 77:
        pytest.skip("no tmpfs can be mounted here")
    assert (2, "") == (status, out)
    assert "the folder of 'ro/r.json' is read-only" in err
    assert "EICAR" not in err


def test_a_current_folder_that_is_gone(tmp_path: Path) -> None:
    status, out, err = shell("mkdir gone; cd gone; rmdir ../gone; $icapdiag check --lab -o json=r.json", cwd=tmp_path)
    assert (2, "", False) == (status, out, "Traceback" in err)


@pytest.fixture
def saved_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a report is saved that can't be written."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def the_saved(folder: Path) -> Report:
    [file] = folder.iterdir()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    return read_report(file.read_bytes())


def test_a_report_that_can_not_be_redacted_is_saved_as_it_is(saved_in: Path, capfd: pytest.CaptureFixture[str]) -> None:
    key = saved_in.parent / "key"
    key.write_text("damaged meanwhile")
    outputs = (Output("json", saved_in.parent / "r.json", redacted=True),)
    assert not write_outputs(report(), outputs, redaction=Redaction(key=key))
    assert not (saved_in.parent / "r.json").exists()
    assert report().members == the_saved(saved_in).members
    assert "the report was saved in " in capfd.readouterr().err


def test_a_mistake_of_ours_does_not_cost_the_report(saved_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(report: Report, name: str, *rest: object) -> str:
        return render(report, name) if name == "json" else str(1 // 0)

    monkeypatch.setattr("icapdiag.cli.output.render", broken)
    with pytest.raises(ZeroDivisionError):
        write_outputs(report(), (Output("html", saved_in.parent / "r.html"),))
    assert report().members == the_saved(saved_in).members


def test_where_there_is_no_room_no_part_stays_and_the_next_place_is_tried(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace of our own here")
    (tmp_path / "log").write_text(lines(twenty()))
    script = (
        "mkdir full; mount -t tmpfs -o size=8k x full || exit 77; head -c 4096 /dev/zero >full/rest; "
        "TMPDIR=full $icapdiag explain log -o json=/dev/full; ls full; ls -d icapdiag-*"
    )
    status, out, err = shell(f"unshare --mount bash -c '{script}'", cwd=tmp_path)
    if status == 77:
        pytest.skip("no tmpfs can be mounted here")
    full, saved = out.split()
    assert "rest" == full
    assert f"icapdiag: the report was saved in {tmp_path / saved}: " in err
    assert read_report((tmp_path / saved).read_bytes()).complete
