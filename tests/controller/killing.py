"""Runs the program again and again, and kills it each time that it is about to name a file it has not named before.

``python -m tests.controller.killing MOST ARGUMENTS…`` kills it at most MOST times. Prints how often it did, and ends as
the last run, or with 0 if that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from icapdiag.__main__ import main
from icapdiag.cli import app, controller, pull  # noqa: F401 - imported once, not in each run
from icapdiag.controller.session import load_sdk

_rename = os.replace


def run(arguments: list[str], named: set[str], report: int) -> None:
    """One run, in a process of its own; the name of the file that it is killed at goes to ``report``."""

    def replace(source: str, target: str, **folders: Any) -> None:
        name = f"{target}, {os.stat(source, dir_fd=folders['src_dir_fd']).st_size} bytes"
        if name not in named:
            os.write(report, name.encode())
            os.kill(os.getpid(), signal.SIGKILL)
        _rename(source, target, **folders)

    os.replace = replace  # type: ignore[assignment]
    sys.argv = ["icapdiag", *arguments]
    status = main()
    sys.stdout.flush()
    os._exit(status)


def kill(most: int, arguments: list[str]) -> tuple[int, int]:
    """How often it was killed, and how the last run ended."""
    named: set[str] = set()
    while True:
        ours, its = os.pipe()
        pid = os.fork()
        if pid == 0:
            run(arguments, named, its)
        os.close(its)
        with os.fdopen(ours) as report:
            name = report.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status != -signal.SIGKILL:
            return len(named), status
        named.add(name)
        if len(named) == most:
            return most, 0


if __name__ == "__main__":
    load_sdk()  # the same
    times, ended = kill(int(sys.argv[1]), sys.argv[2:])
    sys.stdout.write(f"killed {times} times\n")
    sys.exit(ended)
