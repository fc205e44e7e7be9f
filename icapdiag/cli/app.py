"""The commands, put together: only those that the arguments can mean, as each costs its imports."""

# ruff: noqa: PLC0415 - that is what this file is for

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from icapdiag import __version__


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


def _add_check(app: typer.Typer) -> None:
    from icapdiag.cli.check.command import check

    app.command("check")(check)


def _add_explain(app: typer.Typer) -> None:
    from icapdiag.cli.explain.command import explain

    app.command("explain")(explain)


def _add_lab(app: typer.Typer) -> None:
    from icapdiag.cli.lab import lab

    app.command("lab")(lab)


def _add_report(app: typer.Typer) -> None:
    from icapdiag.cli.report import commands as report

    app.add_typer(report.app, name="report")


def _add_runbooks(app: typer.Typer) -> None:
    from icapdiag.cli.runbooks import commands as runbooks

    app.add_typer(runbooks.app, name="runbooks")


_COMMANDS: dict[str, Callable[[typer.Typer], None]] = {
    "check": _add_check,
    "explain": _add_explain,
    "lab": _add_lab,
    "report": _add_report,
    "runbooks": _add_runbooks,
}


def build_app(args: Sequence[str]) -> typer.Typer:
    """The command line for ``args``: the command that they begin with, or all of them where none is named."""
    app = typer.Typer(
        help="Find out why ICAP scanning behind Avi Load Balancer (NSX ALB) misbehaves.",
        epilog="Exit status: 0 no findings that count, 1 findings, 2 usage or a file, 3 incomplete, 130 interrupted.",
        no_args_is_help=True,
        rich_markup_mode=None,  # rich costs 70 ms
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_main)
    for name in args[:1] if args and args[0] in _COMMANDS else _COMMANDS:
        _COMMANDS[name](app)
    return app
