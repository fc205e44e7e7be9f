"""How help and usage errors look: plain text, the same on a terminal, in a pipe and in the man page.

Options stand in groups (typer's ``rich_help_panel`` names them), examples at the end, and summaries are not cut.
"""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from icapdiag.cli.console import complain
from icapdiag.vocabulary import ExitStatus

PROBING = "What to probe"
REACHING = "How to reach it"
LOAD = "Load"
FILTERS = "Filters"
OUTPUT = "Output"
REDACTION = "Redaction"
LIMITS = "Limits"
REST = "Other options"
_ORDER = ("Arguments", PROBING, REACHING, LOAD, FILTERS, OUTPUT, REDACTION, LIMITS, "Options", REST)
WIDTH = 100  # columns at most


class Command(TyperCommand):
    """A command whose epilog is its examples: lines of shell that stay as they are."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then the groups in the order in which their first options come, the rest last."""
        _write_parameters(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"  {line}".rstrip() + "\n")


class Group(TyperGroup):
    """Several commands, each with the first sentence of its help. Without arguments, help is what they get."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help, as an error, where no command is named."""
        if not args and not ctx.resilient_parsing:
            complain(*ctx.get_help().splitlines())
            raise typer.Exit(ExitStatus.USAGE)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, then the commands."""
        _write_parameters(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the name and the summary of each command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(command)) for name, command in self.commands.items()])


def summary(command: Any) -> str:
    """The first sentence of a command's help."""
    return re.split(
        r"(?<=[.:])(?=\s[A-Z]|\n)", " ".join((command.help or "").partition("\n\n")[0].split()), maxsplit=1
    )[0]


def usage_error(error: typer.TyperException) -> list[str]:
    """What was wrong with a command line, and where its help is."""
    lines = [f"icapdiag: {error.format_message()}"]
    ctx = getattr(error, "ctx", None)  # a usage error has one as soon as typer knows the command
    if ctx is not None:
        lines += [*ctx.get_usage().splitlines(), f"Help: {ctx.command_path} --help"]
    return lines


def groups(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """The parameters of a command under their headings: what is written, and what it means."""
    found: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None:
            argument = parameter.param_type_name == "argument"
            heading = "Arguments" if argument else getattr(parameter, "rich_help_panel", None) or REST
            found.setdefault(heading, []).append((record[0], _in_words(record[1])))
    if len(found.keys() - {"Arguments"}) == 1:
        found["Options"] = found.pop(REST)
    return {heading: found[heading] for heading in _ORDER if heading in found}


def _in_words(text: str) -> str:
    """The help of an option, with its range as people write one: typer has ``[1<=x<=100]``."""
    return re.sub(r"\s*\[x>=1\]", "", re.sub(r"\s*\[(\d+)<=x<=(\d+)\]", r" From \1 to \2.", text))


def _write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    for heading, records in groups(command, ctx).items():
        with formatter.section(heading):
            formatter.write_dl(records)
