"""The commands, put together: only those that the arguments can mean, as typer takes its time with each."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from icapdiag import __version__
from icapdiag.cli.console import complain
from icapdiag.cli.help import WIDTH, Command, Group, usage_error
from icapdiag.vocabulary import ExitStatus

_COMMANDS = {  # module and name, in icapdiag.cli
    "avi-monitor": ("avi_monitor", "avi_monitor"),
    "check": ("check.command", "check"),
    "diagnose": ("diagnose", "diagnose"),
    "explain": ("explain.command", "explain"),
    "init": ("init", "init"),
    "lab": ("lab", "lab"),
    "lint": ("lint", "lint"),
    "pull": ("pull", "pull"),
    "report": ("report.commands", "app"),
    "runbooks": ("runbooks.commands", "app"),
    "se-script": ("se_script", "se_script"),
}


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"icapdiag {__version__}")
        raise typer.Exit


def _main(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


def build_app(args: Sequence[str]) -> typer.Typer:
    """The command line for ``args``: the command that they begin with, or all of them where none is named."""
    named = args[:1] if args and args[0] in _COMMANDS else ()
    app = typer.Typer(
        cls=Group,
        help="Find out why ICAP scanning behind Avi Load Balancer (NSX ALB) misbehaves.",
        epilog="Exit status: 0 no findings that count, 1 findings, 2 usage or a file, 3 incomplete, 130 interrupted.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=not named,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
    )
    app.callback()(_main)
    for name in named or _COMMANDS:
        module, attribute = _COMMANDS[name]
        room = import_module(f"icapdiag.cli.{module}")
        found = getattr(room, attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name, cls=Command, epilog=room.EXAMPLES)(found)
    return app


def run(args: Sequence[str]) -> int:
    """Run the command line ``args``; its exit status. Raises SystemExit with one, or KeyboardInterrupt."""
    try:
        status = build_app(args)(args, prog_name="icapdiag", standalone_mode=False)
    except typer.TyperException as error:
        complain(*usage_error(error))
        return ExitStatus.USAGE
    except typer.Abort:  # the end of input at a question
        complain("icapdiag: stopped: the question was not answered")
        return ExitStatus.USAGE
    return status if isinstance(status, int) else ExitStatus.OK
