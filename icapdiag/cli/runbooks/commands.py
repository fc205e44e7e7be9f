"""``icapdiag runbooks``: what the program knows, readable without a network."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.console import complain, fail, print_text, stdout_is_terminal, stop_with, terminal_width
from icapdiag.cli.help import Command, Group
from icapdiag.cli.options import Folders
from icapdiag.text import visible
from icapdiag.vocabulary import ExitStatus

if TYPE_CHECKING:
    from icapdiag.pool.hosts import ServerAddress

app = typer.Typer(cls=Group, help="List, read and test the runbooks, one for each finding.", add_completion=False)


@app.command("list", cls=Command, epilog="icapdiag runbooks list")
def list_runbooks(
    folders: Folders = None,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FORMAT", help="text or markdown.")] = "text",
) -> None:
    """List ids, severities and titles, by stage, most severe first."""
    from icapdiag.cli.inputs import load_library
    from icapdiag.cli.runbooks.text import index, listing

    formats = {"text": listing, "markdown": index}
    if output not in formats:
        raise typer.BadParameter(f"unknown format {output!r}; choose from text, markdown", param_hint="-o")
    print_text(formats[output](load_library(folders)))


@app.command(cls=Command, epilog="icapdiag runbooks show tcp-refused --member 10.0.0.7:1344")
def show(
    runbook_id: Annotated[str, typer.Argument(metavar="ID", help="As printed with a finding, e.g. tcp-refused.")],
    member: Annotated[
        str | None,
        typer.Option(metavar="HOST[:PORT]", help="Fill in this member in the commands; or its icap(s):// URL."),
    ] = None,
    uri: Annotated[
        str | None, typer.Option(metavar="PATH", help="Fill in this service URI, such as /OMSScanReq-AV.")
    ] = None,
    folders: Folders = None,
) -> None:
    """Print a runbook: causes, how to verify, how to fix. Formatted on a terminal, and paged if it is long."""
    from icapdiag.cli.inputs import load_library
    from icapdiag.cli.runbooks.text import draw, markdown, page
    from icapdiag.runbook import UnknownRunbook
    from icapdiag.runbook.library import read_page

    place, known = _known(member, uri)
    library = load_library(folders)
    try:
        runbook = library.by_id(runbook_id)
        text = markdown(runbook, known, tls=bool(place and place.tls))
    except UnknownRunbook as error:
        text = read_page(runbook_id) or fail(error)
    if stdout_is_terminal():
        text = draw(text)
        if page(text):
            return
    print_text(text)


def _known(member: str | None, uri: str | None) -> tuple["ServerAddress | None", dict[str, str]]:
    """The member, and the values of placeholders, that were given on the command line."""
    from icapdiag.pool.hosts import parse_address, parse_service_uri
    from icapdiag.runbook.placeholders import values

    try:
        place = None if member is None else parse_address(member)
    except ValueError as error:
        raise typer.BadParameter(visible(str(error)), param_hint="--member") from None
    try:
        return place, values(place, None if uri is None else parse_service_uri(uri))
    except ValueError as error:
        raise typer.BadParameter(visible(str(error)), param_hint="--uri") from None


@app.command(cls=Command, epilog="icapdiag runbooks why report.json --runbook tcp-refused")
def why(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A report saved with -o json, or one record as JSON; '-' is stdin.")
    ],
    runbook_id: Annotated[str | None, typer.Option("--runbook", metavar="ID", help="Only this runbook.")] = None,
    folders: Folders = None,
) -> None:
    """Show which conditions a report's observations met, and what kept a near miss from matching."""
    from icapdiag.cli.inputs import load_library, read_document
    from icapdiag.cli.runbooks.why import draw
    from icapdiag.runbook import UnknownRunbook
    from icapdiag.runbook.saved import saved_records

    library = load_library(folders)
    try:
        found = saved_records(read_document(str(file)))
        if runbook_id is not None:
            runbook_id = library.by_id(runbook_id).id
    except (OSError, ValueError) as error:
        fail(f"{file}: {error.strerror if isinstance(error, OSError) and error.strerror else error}")
    except UnknownRunbook as error:
        fail(error)
    print_text(draw(library, found, runbook_id))


@app.command(cls=Command, epilog="icapdiag runbooks fields | less")
def fields() -> None:
    """List the field names that a runbook can match on."""
    from icapdiag.facts.fields import fields

    lines: list[str] = []
    for field in fields().values():
        kind = f"{field.type}, {field.unit}" if field.unit else field.type
        probes = f"; {' '.join(field.probes)}" if field.probes else ""
        text = field.meaning + (f". One of: {', '.join(field.values)}" if field.values else "")
        lines.append(f"{field.name} ({kind}{probes})")
        lines += textwrap.wrap(text, terminal_width(100), initial_indent="    ", subsequent_indent="    ")
    print_text("\n".join(lines) + "\n")


@app.command(cls=Command, epilog="icapdiag runbooks lint --runbooks my-runbooks")
def lint(folders: Folders = None) -> None:
    """Check the files for mistakes; exit 1 if there are any."""
    from icapdiag.runbook.lint import lint_files

    problems = lint_files(folders or ())
    if problems:
        stop_with(problems, ExitStatus.FINDINGS)
    complain("No problems found.")


@app.command("test", cls=Command, epilog="icapdiag runbooks test --runbooks my-runbooks")
def run_tests(folders: Folders = None) -> None:
    """Run all runbooks on their own examples; exit 1 if one fails."""
    from icapdiag.cli.inputs import load_library
    from icapdiag.runbook.why import run_examples

    library = load_library(folders, ExitStatus.FINDINGS)  # their examples are run already here
    failures = run_examples(library)
    if failures:
        stop_with(failures, ExitStatus.FINDINGS)
    complain(f"{len(library.runbooks)} runbooks match their examples and none of their counterexamples.")
