"""Options that several commands have. Nothing that a command works with is imported for them: --help needs none."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from icapdiag.cli.help import OUTPUT, PROBING, REDACTION
from icapdiag.report.formats import OUTPUTS, TICKETS
from icapdiag.vocabulary import Severity


def size_of(text: str) -> int:
    """The bytes of ``2000``, ``512K``, ``20M`` or ``1GiB``; 0 where the text is not a size."""
    found = re.fullmatch(r"([0-9]{1,12})([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    return int(found[1]) * 1024 ** " KMG".index(found[2].upper() or " ") if found else 0


def above_zero(what: str = "number") -> Callable[[float | None], float | None]:
    """The callback of an option that takes a number above 0; ``what`` says in its message which."""

    def insist(value: float | None) -> float | None:
        if value is not None and not (math.isfinite(value) and value > 0):
            raise typer.BadParameter(f"give a {what} above 0")
        return value

    return insist


PoolTarget = Annotated[
    str,
    typer.Argument(
        metavar="POOL", help="A pool file, an Avi export, a folder of icapdiag pull, or icap://HOST:PORT/SERVICE."
    ),
]
_probing = partial(typer.Option, rich_help_panel=PROBING)
ServiceUri = Annotated[str | None, _probing(metavar="PATH", help="Service path to use instead of the pool file's.")]
ServiceName = Annotated[
    str | None,
    _probing("--virtual-service", metavar="NAME", help="Use this virtual service's ICAP profile, of an Avi export."),
]
ProfileName = Annotated[str | None, _probing(metavar="NAME", help="Which ICAP profile of an Avi export to use.")]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT[=FILE]",
        rich_help_panel=OUTPUT,
        help=f"{', '.join(OUTPUTS)}; repeatable. Default: table.",
    ),
]
Tickets = Annotated[
    list[str] | None,
    typer.Option(
        "--for",
        metavar="SYSTEM[=FILE]",
        rich_help_panel=OUTPUT,
        help=f"Text for a ticket, in the markup and length it accepts, redacted: {', '.join(TICKETS)}; repeatable.",
    ),
]
Force = Annotated[bool, typer.Option("--force", rich_help_panel=OUTPUT, help="Replace output files that exist.")]
FailOn = Annotated[
    Severity, typer.Option(rich_help_panel=OUTPUT, help="Exit 1 for findings of this severity or above.")
]
Folders = Annotated[
    list[Path] | None,
    typer.Option(
        "--runbooks",
        metavar="DIR",
        help="Add the runbooks of a folder; a runbook with the same id overrides the built-in one. Repeatable.",
    ),
]
Redact = Annotated[
    bool | None,
    typer.Option(
        "--redact/--no-redact",
        rich_help_panel=REDACTION,
        help="Replace names, addresses and whatever is not known to be harmless with pseudonyms. "
        "Default: with --for only.",
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FACT",
        rich_help_panel=REDACTION,
        help="Leave the values of this fact, such as server, unredacted; repeatable.",
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(
        "--pseudonyms",
        metavar="FILE",
        dir_okay=False,
        rich_help_panel=REDACTION,
        help="Where the key to the pseudonyms is kept. Default: ~/.local/state/icapdiag/pseudonyms.json.",
    ),
]


Quiet = Annotated[bool, typer.Option("--quiet", "-q", rich_help_panel=OUTPUT, help="The first line of the table only.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        rich_help_panel=OUTPUT,
        help="A table with evidence, all steps and run details; -vv: with everything.",
    ),
]


def detail_of(quiet: bool, verbose: int) -> int:
    """How much a table says: -1, 0, 1 or 2."""
    if quiet and verbose:
        raise typer.BadParameter("can't be given together with --verbose", param_hint="'--quiet' / '-q'")
    return -1 if quiet else min(verbose, 2)


class Redaction(NamedTuple):
    """What was asked for. ``wanted`` None: what is meant for a ticket is redacted, and nothing else."""

    wanted: bool | None = None
    keep: tuple[str, ...] = ()
    key: Path | None = None

    def covers(self, *, ticket: bool) -> bool:
        """Whether an output is to be redacted."""
        return ticket if self.wanted is None else self.wanted


def redaction_of(wanted: bool | None, keep: list[str] | None, key: Path | None) -> Redaction:
    return Redaction(wanted, tuple(keep or ()), key)
