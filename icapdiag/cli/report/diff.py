"""``icapdiag report diff``: what became of what an earlier report said."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

from typing import Annotated

import typer

from icapdiag.cli.console import stop_with
from icapdiag.cli.report.compared import ComparedOutput, write_compared
from icapdiag.report.status import ExitStatus


def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE.json", show_default=False)],
    after: Annotated[str, typer.Argument(metavar="AFTER.json", show_default=False)],
    output: ComparedOutput = "table",
) -> None:
    """Say what is new, fixed, changed, unchanged and lost sight of between two saved reports.

    Exit status: 1 if something is new or was lost sight of, else 0.
    """
    from icapdiag.cli.report.saved import load_report
    from icapdiag.report.compared.diff import NotComparable
    from icapdiag.report.compared.diff import diff as compare

    if before == after == "-":
        raise typer.BadParameter("standard input can be read once only", param_hint="AFTER.json")
    try:
        found = compare(load_report(before), load_report(after))
    except NotComparable as error:
        stop_with([f"icapdiag: {before} and {after} can't be compared: {error}"])
    write_compared(found, output)
    raise typer.Exit(ExitStatus.FINDINGS if found.is_worse else ExitStatus.OK)
