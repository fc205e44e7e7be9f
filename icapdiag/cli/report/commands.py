"""``icapdiag report``: what can be done with a saved report, without a network but for ``attach``.

The options; what a command does is in a module beside this one, which is imported when it runs.
"""

from pathlib import Path
from typing import Annotated

import typer

from icapdiag.cli.console import print_text
from icapdiag.cli.help import Command, Group
from icapdiag.cli.options import (
    FailOn,
    Force,
    Keep,
    Key,
    Outputs,
    Quiet,
    Redact,
    Tickets,
    Verbose,
    above_zero,
    detail_of,
    redaction_of,
)
from icapdiag.vocabulary import Severity

app = typer.Typer(
    cls=Group, help="Work on saved reports (-o json=FILE), and attach them to tickets.", add_completion=False
)
_COMPARED = ("table", "json", "markdown")


def _compared(spec: str) -> str:
    name, _, _ = spec.partition("=")
    if name not in _COMPARED:
        raise typer.BadParameter(f"unknown format {name!r}; choose from {', '.join(_COMPARED)}")
    return spec


Saved = Annotated[str, typer.Argument(metavar="SAVED.json", help="What -o json wrote; - is standard input.")]
ComparedOutput = Annotated[
    str, typer.Option("--output", "-o", metavar="FORMAT[=FILE]", callback=_compared, help=f"{', '.join(_COMPARED)}.")
]


@app.command(
    cls=Command,
    epilog=("icapdiag report render report.json -o html=report.html\nicapdiag report render report.json --for jira"),
)
def render(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    saved: Saved,
    output: Outputs = None,
    ticket: Tickets = None,
    force: Force = False,
    redact: Redact = None,
    keep: Keep = None,
    key: Key = None,
    fail_on: FailOn = Severity.CRITICAL,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Write a saved report in other formats. Exits with the status of the saved run."""
    from icapdiag.cli.report.saved import write_saved

    write_saved(
        saved,
        output,
        ticket,
        redaction_of(redact, keep, key),
        fail_on,
        force=force,
        detail=detail_of(quiet, verbose),
    )


@app.command(
    "redact",
    cls=Command,
    epilog=(
        "icapdiag report redact report.json                  list what would be replaced\n"
        "icapdiag report redact report.json -o html=report.html"
    ),
)
def redact_saved(
    saved: Saved,
    output: Outputs = None,
    ticket: Tickets = None,
    force: Force = False,
    keep: Keep = None,
    key: Key = None,
) -> None:
    """Write a saved report with pseudonyms; without -o or --for, list what would be replaced by what.

    The list has the real values: do not share it.
    """
    from icapdiag.cli.report.saved import list_replaced, write_saved

    redaction = redaction_of(True, keep, key)
    if output or ticket:
        write_saved(saved, output, ticket, redaction, Severity.CRITICAL, force=force)
    else:
        list_replaced(saved, redaction)


@app.command(cls=Command, epilog="icapdiag report schema > report.schema.json")
def schema() -> None:
    """Print the JSON Schema (2020-12) of a report in JSON."""
    from icapdiag.report.machine.schema import schema_text

    print_text(schema_text())


@app.command(cls=Command, epilog="icapdiag report diff before.json after.json")
def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE.json")],
    after: Annotated[str, typer.Argument(metavar="AFTER.json")],
    output: ComparedOutput = "table",
) -> None:
    """Compare two saved reports: what is new, fixed, changed, unchanged and not re-tested.

    Exit status: 1 if something is new or was not re-tested, else 0.
    """
    from icapdiag.cli.report.saved import write_diff

    if before == after == "-":
        raise typer.BadParameter("standard input can be read only once", param_hint="AFTER.json")
    write_diff(before, after, output)


@app.command(cls=Command, epilog="icapdiag report merge se-network.json jumphost.json")
def merge(
    saved: Annotated[
        list[str], typer.Argument(metavar="SAVED.json...", help="Reports of check, one from each vantage.")
    ],
    output: ComparedOutput = "table",
) -> None:
    """Compare reports of one pool from several hosts: is it the server, or the path to it?

    Exit status: 1 if any member fails from anywhere, else 0.
    """
    from icapdiag.cli.report.saved import write_merged

    if len(saved) < 2:
        raise typer.BadParameter("give two reports or more", param_hint="SAVED.json")
    if len(set(saved)) < len(saved):
        raise typer.BadParameter("one report is given twice", param_hint="SAVED.json")
    write_merged(saved, output)


@app.command(cls=Command, epilog="icapdiag report attach report.zip --to jira:OPS-123 --dry-run")
def attach(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle, or any output.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="jira:OPS-123, servicenow:INC0012345, github:owner/repo#7 (a text, as a comment) or file:FOLDER.",
        ),
    ],
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The system's address. Default: ICAPDIAG_JIRA_URL, ICAPDIAG_SERVICENOW_URL."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of mode 0600 with the token. Default: ICAPDIAG_JIRA_TOKEN, likewise for others.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Attach it under this name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")] = False,
    unredacted: Annotated[
        bool, typer.Option("--unredacted", help="Send a file that icapdiag did not write as redacted here.")
    ] = False,
    allow_http: Annotated[
        bool, typer.Option("--allow-http", help="Send token and file in clear text to a host that is not this one.")
    ] = False,
    deadline: Annotated[
        float, typer.Option(metavar="SECONDS", callback=above_zero("number of seconds"), help="For all of it.")
    ] = 300.0,
) -> None:
    """Attach a file to a ticket. Never overwrites or duplicates an attachment; redacted unless you say otherwise.

    No token is ever taken from the command line. user:secret is sent as Basic authentication, anything else as a
    bearer token. No proxy is used and no redirect followed.
    """
    from icapdiag.cli.report.attach import attach_file

    attach_file(
        file, to, name, url, token_file, deadline, dry_run=dry_run, unredacted=unredacted, allow_http=allow_http
    )


@app.command(cls=Command, epilog="icapdiag report bundle report.json -o ticket.zip")
def bundle(
    saved: Saved,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.zip", help="The archive.")],
    max_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Leave out the least useful above this size, such as 500K.")
    ] = "20M",
    redact: Annotated[
        bool, typer.Option("--redact/--no-redact", help="Replace all that is not known to be harmless with pseudonyms.")
    ] = True,
    keep: Keep = None,
    key: Key = None,
    force: Force = False,
) -> None:
    """Put a saved report into one zip archive for a ticket: HTML, Markdown, JSON, transcripts, pool file, checksums.

    It is redacted, opened again and searched for every name, address and secret of the report; a text that holds one
    is removed. Transcripts are included if the report was made with check --transcript.
    """
    from icapdiag.cli.report.bundle import write_bundle

    write_bundle(saved, output, max_size, redaction_of(redact, keep, key), force=force)
