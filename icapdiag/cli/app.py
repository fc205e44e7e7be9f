"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from icapdiag import __version__
from icapdiag.cli.check.command import check
from icapdiag.cli.console import stdout_is_terminal
from icapdiag.cli.explain.command import explain
from icapdiag.cli.lab import lab
from icapdiag.cli.report import commands as report
from icapdiag.cli.runbooks import commands as runbooks


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"icapdiag {__version__}")
        raise typer.Exit


def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def build_app() -> typer.Typer:
    """The command line. Its help is drawn in panels on a terminal, and is plain text elsewhere."""
    app = typer.Typer(
        help="Find out why ICAP scanning behind Avi Load Balancer (NSX ALB) misbehaves.",
        epilog="Exit status: 0 no findings that count, 1 findings, 2 usage or a file, 3 incomplete, 130 interrupted.",
        no_args_is_help=True,
        rich_markup_mode="rich" if stdout_is_terminal() else None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_main)
    app.command("check")(check)
    app.command("explain")(explain)
    app.command("lab")(lab)
    app.add_typer(report.app, name="report")
    app.add_typer(runbooks.app, name="runbooks")
    return app
