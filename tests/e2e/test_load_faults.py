"""Members that only a crowd of uploads shows, by ``check --load`` as a user would run it, and the consent it takes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from icapdiag.cli.app import build_app
from icapdiag.lab import FAULTS
from tests.cli.run import environment, icapdiag, served
from tests.e2e.first_causes import first_cause, first_causes

pytestmark = pytest.mark.realtime  # delays are what it is about

LOADED = [name for name, fault in FAULTS.items() if fault.depth == "load"]
CEILING = "8"


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from served(tmp_path_factory.mktemp("lab") / "pool.yaml", "healthy", *LOADED)


@pytest.fixture(scope="module")
def run(pool: Path) -> tuple[str, Any]:
    """The table, and the report."""
    target = pool.with_name("report.json")
    options = ("--load", "--yes", "--load-ceiling", CEILING, "--skip", "eicar", "-o", "table", "-o", f"json={target}")
    status, out, _ = icapdiag("check", str(pool), *options)
    assert 0 == status  # warnings alone
    return out, json.loads(target.read_text())


@pytest.mark.parametrize("fault", ["healthy", *LOADED])
def test_a_fault_gives_its_one_finding(run: tuple[str, Any], fault: str) -> None:
    _, report = run

    expected = FAULTS[fault].finding
    found = [finding["id"] for finding in report["findings"] if fault in finding["members"]]
    assert ([expected] if expected else []) == found


@pytest.mark.parametrize(("fault", "expected"), first_causes("load"))
def test_its_first_cause_and_how_sure_it_is(run: tuple[str, Any], fault: str, expected: tuple[str, str] | None) -> None:
    assert expected == first_cause(run[1]["problems"], fault)


def test_nothing_stays_unexplained(run: tuple[str, Any]) -> None:
    assert (0, True) == (run[1]["unmatched"]["count"], run[1]["complete"])


def test_the_table_has_a_line_for_each_member(run: tuple[str, Any]) -> None:
    section = run[0].partition("Under load")[2].partition("\n\n")[0].splitlines()[3:]

    assert ["healthy", *LOADED] == [line.split()[0] for line in section]
    ends = {line.split()[0]: line.rsplit("  ", 1)[1] for line in section}
    assert {"rejected at 8", "failed at 8", "twice as slow at 8"} == {ends[name] for name in LOADED}
    assert "ceiling reached, no limit found" == ends["healthy"]


def test_without_a_terminal_a_load_takes_a_yes(pool: Path) -> None:
    status, out, err = icapdiag("check", str(pool), "--load")

    assert (2, "") == (status, out)
    assert "add --yes" in err


@pytest.mark.parametrize(("answer", "status"), [(b"n\n", 2), (b"y\n", 0)])
def test_at_a_terminal_it_is_asked_for(pool: Path, answer: bytes, status: int) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "icapdiag", "check", str(pool), "--load", "--load-ceiling", "1", "--only", "load"]
    try:
        with subprocess.Popen(
            command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, env=environment()
        ) as process:
            asked = b""
            while b"[y/N]" not in asked:
                asked += os.read(ours, 4096)
            os.write(ours, answer)
            out, _ = process.communicate(timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    assert b"up to 1 harmless lines at a time" in asked
    assert (status, status == 0) == (process.returncode, b"Under load" in out)


def test_the_plan_says_the_ceiling_and_asks_for_nothing(pool: Path) -> None:
    status, out, err = icapdiag("check", str(pool), "--load", "--plan", "--load-ceiling", "6", "--only", "load")

    assert (0, "") == (status, err)
    assert "up to 6 connections at a time to a member" in out
    assert "load: 12 times, at most 6 at once, 1 new connection to" in out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--only", "load"], "add --load"),
        (["--load", "--skip", "load"], "leave the load probe out"),
        (["--yes"], "without --load"),
        (["--load-ceiling", "4"], "without --load"),
        (["--load", "--yes", "--rate", "5"], "would limit the connections"),
        (["--idle", "5"], "--depth deep"),
        (["--expected-rps", "5"], "--depth deep"),
        (["--load", "--yes", "--expected-latency", "5"], "without --expected-rps"),
        (["--load", "--yes", "--load-ceiling", "0"], "0 is not in the range"),
        (["--depth", "deep", "--idle", "nan"], "above 0"),
    ],
)
def test_options_that_would_do_nothing_are_refused(options: list[str], complaint: str) -> None:
    arguments = ["check", "icap://127.0.0.1:9/avscan", *options]
    result = CliRunner().invoke(build_app(arguments), arguments)

    assert (2, "") == (result.exit_code, result.stdout)
    assert complaint in " ".join(result.stderr.replace("│", " ").split())
