"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from icapdiag import __version__
from icapdiag.cli import check, lab, runbooks

app = typer.Typer(
    help="Find out why ICAP scanning behind Avi Load Balancer (NSX ALB) misbehaves.",
    epilog="Exit status: 0 no findings that count, 1 findings, 2 usage or a file, 3 incomplete, 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich costs 70 ms
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"icapdiag {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command("check")(check.check)
app.command("lab")(lab.lab)
app.add_typer(runbooks.app, name="runbooks")
