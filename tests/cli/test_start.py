"""Start-up: what is imported, and the ends that every command shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import icapdiag.cli.app
from icapdiag.__main__ import BROKEN_PIPE, INCOMPLETE, INTERRUPTED, main
from icapdiag.report.status import ExitStatus
from tests.cli.run import TIMEOUT, imported, shell, started
from tests.cli.run import icapdiag as run

HEAVY = {"trio", "dns", "rich", "pydantic", "jinja2", "tabulate", "cryptography"}


def test_version_comes_before_typer() -> None:
    assert set() == imported("--version") & (HEAVY | {"typer", "yaml", "re", "json", "inspect"})


@pytest.mark.parametrize(
    "args", [("--help",), ("check", "--help"), ("lab", "--help"), ("runbooks", "--help"), ("report", "--help")]
)
def test_help_imports_little(args: tuple[str, ...]) -> None:
    modules = imported(*args)
    assert "typer" in modules
    assert set() == modules & (HEAVY | {"yaml", "asyncio", "ssl"})


def test_runbooks_list_imports_only_what_reads_runbooks() -> None:
    assert set() == imported("runbooks", "list") & HEAVY


def test_a_small_log_is_explained_without_what_it_does_not_need(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"report_timestamp": "2026-03-02T10:00:00Z", "icap_log": {"action": "ICAP_PASSED"}}\n' * 3)

    assert set() == imported("explain", str(log)) & (HEAVY | {"typer", "logging", "asyncio", "ssl"})


@pytest.mark.parametrize("args", [("--version",), ("--version", "check")])
def test_version(args: tuple[str, ...]) -> None:
    assert (0, "icapdiag 0.1.0\n", "") == run(*args)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--help",), ("check", "lab", "runbooks", "Exit status", "130 interrupted")),
        (("-h",), ("check", "lab", "runbooks")),
        (("check", "--help"), ("--eicar", "--fail-on", "FORMAT[=FILE]", "--lab", "--deadline")),
    ],
)
def test_help(args: tuple[str, ...], words: tuple[str, ...]) -> None:
    status, out, err = run(*args)
    assert (0, "") == (status, err)
    assert [] == [word for word in words if word not in out]


def test_help_is_plain_text() -> None:
    assert "\x1b" not in run("--help")[1]


@pytest.mark.parametrize("args", [("nonsense",), ("--nonsense",), ("check", "--nonsense"), ("runbooks", "show")])
def test_wrong_usage_is_2_and_nothing_on_stdout(args: tuple[str, ...]) -> None:
    status, out, err = run(*args)
    assert (2, "") == (status, out)
    assert "Error" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("args", [("--help",), ("runbooks", "list"), ("lab", "--list")])
def test_a_reader_that_went_away_ends_it_quietly(args: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = started(*args, stdout=writer)
    os.close(writer)
    assert b"" == process.communicate(timeout=TIMEOUT)[1]
    assert BROKEN_PIPE == process.returncode


@pytest.mark.parametrize("command", ["runbooks list", "lab --list"])
@pytest.mark.parametrize(("place", "words"), [(">/dev/full", "No space left on device"), (">&-", "closed")])
def test_stdout_that_can_not_be_written_is_2(command: str, place: str, words: str) -> None:
    status, out, err = shell(f"$icapdiag {command} {place}")
    assert (2, "") == (status, out)
    assert words in err
    assert "Traceback" not in err
    assert 1 == len(err.splitlines())


def test_a_closed_stderr_hurts_nobody() -> None:
    assert (0, "") == shell("$icapdiag runbooks test 2>&-")[:2]


def test_the_entry_point_has_the_same_numbers() -> None:
    assert (ExitStatus.INCOMPLETE, ExitStatus.INTERRUPTED, ExitStatus.BROKEN_PIPE) == (
        INCOMPLETE,
        INTERRUPTED,
        BROKEN_PIPE,
    )


def test_a_bug_is_no_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(icapdiag.cli.app, "build_app", broken)
    monkeypatch.setattr("sys.argv", ["icapdiag", "check", "--lab"])
    assert ExitStatus.INCOMPLETE == main()
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert err.endswith("Please report it.\n")
