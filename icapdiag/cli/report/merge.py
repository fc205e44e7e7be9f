"""``icapdiag report merge``: one pool from several vantages."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

from typing import Annotated

import typer

from icapdiag.cli.console import stop_with
from icapdiag.cli.report.compared import ComparedOutput, write_compared
from icapdiag.report.status import ExitStatus


def merge(
    saved: Annotated[
        list[str],
        typer.Argument(metavar="SAVED.json...", help="Reports of check, one from each vantage.", show_default=False),
    ],
    output: ComparedOutput = "table",
) -> None:
    """Hold reports of one pool from several hosts against each other: is it the server, or the path to it?

    Exit status: 1 if any member is sick from anywhere, else 0.
    """
    from icapdiag.cli.report.saved import load_report
    from icapdiag.report.compared.merge import merge as compare

    if len(saved) < 2:
        raise typer.BadParameter("give two reports or more", param_hint="SAVED.json")
    if len(set(saved)) < len(saved):
        raise typer.BadParameter("one report is given twice", param_hint="SAVED.json")
    try:
        merged = compare([load_report(name) for name in saved])
    except ValueError as error:
        stop_with([f"icapdiag: {error}"])
    write_compared(merged, output)
    raise typer.Exit(ExitStatus.FINDINGS if merged.is_sick else ExitStatus.OK)
