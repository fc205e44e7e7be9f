"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icapdiag.cli.output import OutputError, parse_outputs
from icapdiag.report.formats import OUTPUTS


def _checked(specs: list[str] | None) -> list[str] | None:
    try:
        parse_outputs(specs or ())
    except OutputError as error:
        raise typer.BadParameter(str(error)) from None
    return specs


Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT[=FILE]",
        callback=_checked,
        help=f"{', '.join(OUTPUTS)}; repeatable. Default: table.",
    ),
]

Folders = Annotated[
    list[Path] | None,
    typer.Option(
        "--runbooks",
        metavar="DIR",
        help="Add the runbooks of a folder; one with the id of ours replaces it. Repeatable.",
    ),
]
