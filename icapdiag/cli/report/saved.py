"""Saved reports: rendered again, redacted, compared."""

from __future__ import annotations

from pathlib import Path

import typer

from icapdiag.cli.console import fail, print_text, terminal_width
from icapdiag.cli.inputs import load_report
from icapdiag.cli.options import Redaction
from icapdiag.cli.output import chosen_outputs, end_status, write_outputs, write_text
from icapdiag.cli.redacting import redacted
from icapdiag.report.compared import FORMATS
from icapdiag.report.compared.diff import Diff, NotComparable, diff
from icapdiag.report.compared.merge import Merged, merge
from icapdiag.report.terminal import lines
from icapdiag.text import visible
from icapdiag.vocabulary import ExitStatus, Severity


def write_saved(
    saved: str,
    specs: list[str] | None,
    tickets: list[str] | None,
    redaction: Redaction,
    fail_on: Severity,
    *,
    force: bool,
    detail: int = 0,
) -> None:
    """Write a saved report in the formats asked for; ends as the run did."""
    outputs = chosen_outputs(specs, tickets, force=force, redaction=redaction, detail=detail)
    report = load_report(saved)
    written = write_outputs(report, outputs, saved=saved != "-", redaction=redaction)
    raise typer.Exit(end_status(report, outputs, fail_on, written=written))


def list_replaced(saved: str, redaction: Redaction) -> None:
    """Print which value each pseudonym replaces."""
    _, replaced = redacted(load_report(saved), redaction)
    rows = [
        [each.kind, visible(each.pseudonym), visible(each.value, 100), f"{each.count:,}", visible(each.where)]
        for each in replaced
    ]
    head = ("kind", "pseudonym", "value", "times", "first in")
    drawn = lines.rows(head, rows, _width(), right=(3,)) if rows else ["Nothing would be replaced."]
    print_text("\n".join(drawn) + "\n")


def _width() -> int | None:
    """Of the terminal; None where a program reads what is printed, unless COLUMNS is set."""
    return terminal_width(0) or None


def write_diff(before: str, after: str, spec: str) -> None:
    """Write what became of the first report's findings; ends with 1 if something is worse."""
    try:
        found = diff(load_report(before), load_report(after))
    except NotComparable as error:
        fail(f"{before} and {after} can't be compared: {error}")
    _write_compared(found, spec)
    raise typer.Exit(ExitStatus.FINDINGS if found.is_worse else ExitStatus.OK)


def write_merged(saved: list[str], spec: str) -> None:
    """Write what several vantages saw of a pool; ends with 1 if a member fails from any of them."""
    try:
        merged = merge([load_report(name) for name in saved])
    except ValueError as error:
        fail(error)
    _write_compared(merged, spec)
    raise typer.Exit(ExitStatus.FINDINGS if merged.is_sick else ExitStatus.OK)


def _write_compared(compared: Diff | Merged, spec: str) -> None:
    name, _, file = spec.partition("=")
    path = None if file in {"", "-"} else Path(file)
    if not write_text(
        FORMATS[name](compared, _width() if path is None else None), path, None if name == "table" else "utf-8"
    ):
        raise typer.Exit(ExitStatus.USAGE)
