"""The runbooks in force, or why there are none."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from icapdiag.cli.console import stop_with
from icapdiag.report.status import ExitStatus

if TYPE_CHECKING:
    from icapdiag.runbook import Library


def load_library(folders: Sequence[Path] | None, status: ExitStatus = ExitStatus.USAGE) -> Library:
    """The runbooks of the program and of these folders; wrong ones end the command with ``status``."""
    from icapdiag.runbook import RunbookError, load_runbooks

    try:
        return load_runbooks(folders or ())
    except RunbookError as error:
        stop_with(error.errors, status)
