"""The commands, put together: only those that the arguments can mean, as typer takes its time with each."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from icapdiag import __version__
from icapdiag.cli.console import stdout_is_terminal

_COMMANDS = {  # module and name, in icapdiag.cli
    "check": ("check.command", "check"),
    "explain": ("explain.command", "explain"),
    "lab": ("lab", "lab"),
    "report": ("report.commands", "app"),
    "runbooks": ("runbooks.commands", "app"),
}


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


def build_app(args: Sequence[str]) -> typer.Typer:
    """The command line for ``args``: the command that they begin with, or all of them where none is named.

    Its help is drawn in panels on a terminal, and is plain text elsewhere.
    """
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
    for name in args[:1] if args and args[0] in _COMMANDS else _COMMANDS:
        module, attribute = _COMMANDS[name]
        found = getattr(import_module(f"icapdiag.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app
