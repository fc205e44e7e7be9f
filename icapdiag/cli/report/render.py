"""``icapdiag report render``: a saved report in any format, as the run itself would have written it."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

from typing import Annotated

import typer

from icapdiag.cli.options import Force, Outputs, Tickets, chosen_outputs
from icapdiag.cli.output import end_status, write_outputs
from icapdiag.cli.redacting import Keep, Key, Redact, redaction_of
from icapdiag.vocabulary import Severity


def render(
    saved: Annotated[
        str, typer.Argument(metavar="SAVED.json", help="What -o json wrote; - is standard input.", show_default=False)
    ],
    output: Outputs = None,
    ticket: Tickets = None,
    force: Force = False,
    redact: Redact = None,
    keep: Keep = None,
    key: Key = None,
    fail_on: Annotated[Severity, typer.Option(help="Exit 1 for findings from this severity on.")] = Severity.CRITICAL,
) -> None:
    """Write a saved report in other formats. The exit status is the one of the run."""
    from icapdiag.cli.report.saved import load_report

    redaction = redaction_of(redact, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction)
    report = load_report(saved)
    written = write_outputs(report, outputs, saved=saved != "-", redaction=redaction)
    raise typer.Exit(end_status(report, outputs, fail_on, written=written))
