"""``icapdiag report redact``: a saved report that may leave, and a look at what is replaced in it."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.console import print_text
from icapdiag.cli.options import Force, Outputs, Tickets, chosen_outputs
from icapdiag.cli.output import end_status, write_outputs
from icapdiag.cli.redacting import Keep, Key, redacted, redaction_of
from icapdiag.report.status import ExitStatus
from icapdiag.vocabulary import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icapdiag.report.redact import Replaced


def redact(
    saved: Annotated[
        str, typer.Argument(metavar="SAVED.json", help="What -o json wrote; - is standard input.", show_default=False)
    ],
    output: Outputs = None,
    ticket: Tickets = None,
    force: Force = False,
    keep: Keep = None,
    key: Key = None,
) -> None:
    """Write a saved report with pseudonyms; without -o or --for, list what would be replaced by what.

    The list has the real values: it is for your eyes.
    """
    from icapdiag.cli.report.saved import load_report

    redaction = redaction_of(True, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction) if output or ticket else ()
    report = load_report(saved)
    if not outputs:
        _, replaced = redacted(report, redaction)
        print_text(_table(replaced))
        raise typer.Exit(ExitStatus.OK)
    written = write_outputs(report, outputs, saved=saved != "-", redaction=redaction)
    raise typer.Exit(end_status(report, outputs, Severity.CRITICAL, written=written))


def _table(replaced: Sequence[Replaced]) -> str:
    from icapdiag.report.text.grid import draw_grid
    from icapdiag.text import visible

    rows = [
        [each.kind, visible(each.pseudonym), visible(each.value, 100), f"{each.count:,}", visible(each.where)]
        for each in replaced
    ]
    lines = draw_grid(("kind", "stands there", "for", "times", "first in"), rows, right=(3,)) if rows else []
    return "\n".join(lines or ["Nothing would be replaced."]) + "\n"
