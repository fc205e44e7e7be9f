"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icapdiag.cli.output import Output, OutputError, parse_outputs
from icapdiag.cli.redacting import Redaction
from icapdiag.report.formats import FORMATS, OUTPUTS, TICKETS

Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT[=FILE]",
        help=f"{', '.join(OUTPUTS)}; repeatable. Default: table.",
    ),
]

Tickets = Annotated[
    list[str] | None,
    typer.Option(
        "--for",
        metavar="SYSTEM[=FILE]",
        help=f"The body of a ticket, in the markup and the length that it takes: {', '.join(TICKETS)}; repeatable.",
    ),
]

Force = Annotated[bool, typer.Option("--force", help="Replace output files that exist.")]


def chosen_outputs(
    specs: list[str] | None, tickets: list[str] | None, *, force: bool, redaction: Redaction
) -> tuple[Output, ...]:
    """The outputs that the options ask for; a mistake in them ends the command with its usage."""
    try:
        outputs = parse_outputs(specs or (), tickets or (), force=force)
        return tuple(
            output._replace(redacted=redaction.covers(ticket=FORMATS[output.format].ticket)) for output in outputs
        )
    except OutputError as error:
        hint = "'--output' / '-o'" if specs else "'--for'"
        raise typer.BadParameter(str(error), param_hint=hint) from None


Folders = Annotated[
    list[Path] | None,
    typer.Option(
        "--runbooks",
        metavar="DIR",
        help="Add the runbooks of a folder; one with the id of ours replaces it. Repeatable.",
    ),
]
