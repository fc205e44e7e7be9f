"""Start-up: what is imported, and the ends that every command shares."""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

import icapdiag.cli.app
from icapdiag.__main__ import BROKEN_PIPE, INCOMPLETE, main
from icapdiag.cli.help import summary
from icapdiag.cli.signals import INTERRUPTED, signals
from icapdiag.vocabulary import ExitStatus
from tests.cli.run import TIMEOUT, imported, imported_by, shell, started
from tests.cli.run import icapdiag as run
from tests.cli.test_check import on_a_terminal

HEAVY = {"trio", "dns", "pydantic", "jinja2", "cryptography", "msgspec", "yaml", "asyncio", "ssl"}


@pytest.mark.parametrize(
    "args",
    [
        ("--version",),
        ("--help",),
        ("check", "--help"),
        ("explain", "--help"),
        ("lab", "--help"),
        ("runbooks", "--help"),
        ("report", "--help"),
        ("report", "bundle", "--help"),
        ("check", "--nonsense"),
    ],
)
def test_help_imports_nothing_that_a_command_works_with(args: tuple[str, ...]) -> None:
    modules = imported(*args)
    assert "typer" in modules
    assert set() == modules & (HEAVY | {"rich"})


def test_the_library_is_imported_when_it_is_used() -> None:
    assert set() == imported_by("import icapdiag; icapdiag.__version__, dir(icapdiag)") & HEAVY
    assert {"msgspec"} == imported_by("import icapdiag; icapdiag.explain, icapdiag.Filters") & HEAVY
    assert {"trio", "msgspec"} <= imported_by("import icapdiag; icapdiag.check")


@pytest.mark.parametrize("args", [("--version",), ("-V",), ("--version", "check")])
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


def test_help_is_the_same_on_a_terminal() -> None:
    out, err = on_a_terminal("check", "--help", COLUMNS="80")
    assert (run("check", "--help")[1].splitlines(), "") == (out.splitlines(), err)


def test_options_stand_in_groups_and_examples_at_the_end() -> None:
    lines = run("check", "--help")[1].splitlines()
    headings = [line for line in lines if re.fullmatch(r"[A-Z][A-Za-z ]+:", line)]
    assert headings == [
        "Arguments:",
        "What to probe:",
        "How to reach it:",
        "Load:",
        "Output:",
        "Redaction:",
        "Limits:",
        "Other options:",
        "Examples:",
    ]
    assert "  icapdiag check pool.yaml " in lines[lines.index("Examples:") + 1]


def _commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from _commands(command, *path, name)


ALL_COMMANDS = dict(_commands(typer.main.get_command(icapdiag.cli.app.build_app(()))))


@pytest.mark.parametrize("path", ALL_COMMANDS, ids=" ".join)
def test_every_command_has_a_summary_that_is_not_cut_and_examples_that_parse(path: tuple[str, ...]) -> None:
    command = ALL_COMMANDS[path]
    listed = " ".join(run(*path[:-1], "--help")[1].split())
    assert summary(command) in listed
    assert "..." not in summary(command)
    if hasattr(command, "commands"):
        return
    for line in command.epilog.splitlines():
        start = line.index("icapdiag ")
        words = shlex.split(re.split(r" {2,}| [|>&]", line[start:])[0])[1:]
        named = next(known for known in sorted(ALL_COMMANDS, key=len, reverse=True) if [*known] == words[: len(known)])
        ctx = ALL_COMMANDS[named].make_context("icapdiag", words[len(named) :])
        assert [] == ctx.args


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell_name: str) -> None:
    words = {"COMP_WORDS": "icapdiag ch", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "icapdiag ch"}
    status, out, _ = run(
        env={**words, "_ICAPDIAG_COMPLETE": f"complete_{shell_name}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    )
    assert (0, "check") == (status, re.findall("check", out)[0])
    assert "explain" not in out


@pytest.mark.parametrize("args", [("nonsense",), ("--nonsense",), ("check", "--nonsense"), ("runbooks", "show")])
def test_wrong_usage_is_2_and_nothing_on_stdout(args: tuple[str, ...]) -> None:
    status, out, err = run(*args)
    assert (2, "") == (status, out)
    assert err.startswith("icapdiag: ")
    assert "\nHelp: icapdiag" in err
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


@pytest.fixture
def handlers() -> Iterator[None]:
    """`main` is for a process of its own, and leaves no signal as it was."""
    before = {number: signal.getsignal(number) for number in signals()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_a_bug_is_no_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(icapdiag.cli.app, "build_app", broken)
    monkeypatch.setattr("sys.argv", ["icapdiag", "check", "--lab"])
    assert ExitStatus.INCOMPLETE == main()
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert err.endswith("Please report it.\n")
