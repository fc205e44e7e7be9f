"""What `report diff` and `report merge` have in common: their formats, and where they go."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.console import stop_with, write_stdout
from icapdiag.cli.output import write_file

if TYPE_CHECKING:
    from icapdiag.report.compared.diff import Diff
    from icapdiag.report.compared.merge import Merged

_FORMATS = ("table", "json", "markdown")


def _checked(spec: str) -> str:
    name, _, _ = spec.partition("=")
    if name not in _FORMATS:
        raise typer.BadParameter(f"there is no format {name!r} for this; there are {', '.join(_FORMATS)}")
    return spec


ComparedOutput = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FORMAT[=FILE]", callback=_checked, help=f"{', '.join(_FORMATS)}."),
]


def write_compared(compared: Diff | Merged, spec: str) -> None:
    """Write it to stdout, or to the file that stands behind the format; what goes wrong ends the command."""
    from icapdiag.report.compared.draw import FORMATS

    name, _, file = spec.partition("=")
    text = FORMATS[name](compared)
    if not file or file == "-":
        write_stdout(text, None if name == "table" else "utf-8")
        return
    try:
        write_file(Path(file), text)
    except OSError as error:
        stop_with([f"icapdiag: can't write {file}: {error.strerror or error}"])
