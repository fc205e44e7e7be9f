"""Runs the program as users do: as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.cli import forking

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "icapdiag")
TIMEOUT = 90  # seconds; nothing takes nearly as long


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "TERM", "COLUMNS", "FORCE_COLOR"}}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", **(extra or {})}


def icapdiag(*args: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run it; the exit status, stdout and stderr. An ``env`` of its own takes a real start, which may read it."""
    if env is None:
        status, out, err = forking.run(args, cwd=cwd, environment=environment(), timeout=TIMEOUT)
        return status, out.decode(), err.decode()
    done = subprocess.run(
        [*PROGRAM, *args],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def shell(script: str, *args: str, cwd: Path | None = None) -> tuple[int, str, str]:
    """Run a bash script in which ``$icapdiag`` is the program and ``$1`` … the arguments."""
    done = subprocess.run(
        ["bash", "-c", script, "bash", *args],
        cwd=cwd,
        env=environment({"icapdiag": " ".join(PROGRAM)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def started(
    *args: str, cwd: Path | None = None, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start it and come back at once."""
    return subprocess.Popen(
        [*PROGRAM, *args], cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
    )


def imported(*args: str) -> set[str]:
    """The top-level modules that a run of the program imports."""
    return _imported("-m", "icapdiag", *args)


def imported_by(code: str) -> set[str]:
    """The top-level modules that a piece of Python imports."""
    return _imported("-c", code)


def _imported(*args: str) -> set[str]:
    """Without the variables that would have coverage import its own."""
    kept = {name: value for name, value in environment().items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *args],
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def served(pool_file: Path, *faults: str) -> Iterator[Path]:
    """Serve these members of the lab by a process of its own; for a fixture to yield from."""
    process = started("lab", *faults, "--pool-file", str(pool_file))
    assert process.stderr is not None
    assert b"Serving; stop with Ctrl-C.\n" == process.stderr.readline()
    yield pool_file
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=TIMEOUT)
