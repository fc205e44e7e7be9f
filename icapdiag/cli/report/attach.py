"""``icapdiag report attach``: a finished file put at a ticket."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.console import complain, print_text, stop_with

if TYPE_CHECKING:
    from icapdiag.report.attach.document import Document
    from icapdiag.report.attach.systems import System
    from icapdiag.report.attach.target import Target


def _seconds(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise typer.BadParameter("give a number of seconds above 0")
    return value


def attach(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle, or any output.", show_default=False)],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="WHERE",
            show_default=False,
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
            metavar="FILE", help="The token, in a file of mode 0600. Default: ICAPDIAG_JIRA_TOKEN and its like."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Attach it under this name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")] = False,
    unredacted: Annotated[
        bool, typer.Option("--unredacted", help="Send a file that is not marked as redacted all the same.")
    ] = False,
    allow_http: Annotated[
        bool, typer.Option("--allow-http", help="Send token and file in clear text to a host that is not this one.")
    ] = False,
    deadline: Annotated[float, typer.Option(metavar="SECONDS", callback=_seconds, help="For all of it.")] = 300.0,
) -> None:
    """Put a file at a ticket: once, over no other, and redacted unless you say otherwise.

    No token is ever taken from the command line. user:secret is sent as Basic authentication, anything else as a
    bearer token. No proxy is used and no redirect followed.
    """
    from icapdiag.report.attach.document import read_document
    from icapdiag.report.attach.target import FILE, AttachError, parse_target

    try:
        target = parse_target(to)
        document = read_document(file, name)
        _insist_on_redaction(document, file, unredacted=unredacted)
        if target.kind == FILE:
            _into_folder(Path(target.name), document, url, token_file, dry_run=dry_run)
            return
        system = _system(target, url, token_file, deadline, allow_http=allow_http, dry_run=dry_run)
        if dry_run:
            system.check(document)
            print_text("\n".join(_planned(system, document)) + "\n")
            return
        from icapdiag.report.attach.systems import send

        where = send(system, document)
    except AttachError as error:
        stop_with([f"icapdiag: {error}"])
    print_text(f"Attached {_described(document)} to {where}\n")


def _insist_on_redaction(document: Document, file: Path, *, unredacted: bool) -> None:
    """Raises `AttachError` for a file that may say more than its owner knows."""
    from icapdiag.report.attach.document import unredacted as why_not
    from icapdiag.report.attach.target import AttachError

    why = why_not(document)
    if why and not unredacted:
        raise AttachError(
            f"{str(file)!r} would leave this host as it is: {why}. Make a redacted one (icapdiag report redact), "
            "or say --unredacted"
        )
    if why:
        complain(f"icapdiag: {str(file)!r} goes out as it is: {why}")


def _into_folder(folder: Path, document: Document, url: str | None, token_file: Path | None, *, dry_run: bool) -> None:
    from icapdiag.report.attach.document import copy

    if url is not None or token_file is not None:
        raise typer.BadParameter("says nothing with file:", param_hint="--url" if url else "--token-file")
    if dry_run:
        print_text(f"Nothing was written. It would be, unless it exists: {_shown(folder / document.name)}\n")
        return
    print_text(f"Copied {_described(document)} to {_shown(copy(folder, document))}\n")


def _system(
    target: Target, url: str | None, token_file: Path | None, deadline: float, *, allow_http: bool, dry_run: bool
) -> System:
    """The ticket, with a client that may speak for us. Raises `AttachError`."""
    from icapdiag import __version__
    from icapdiag.report.attach.http import Client, Deadline
    from icapdiag.report.attach.systems import SYSTEMS
    from icapdiag.report.attach.target import AttachError, Token, parse_base, read_token, variable

    base = parse_base(target.kind, url, os.environ, allow_http=allow_http)
    token = read_token(target.kind, token_file, os.environ)
    if token is None:
        if not dry_run:
            name = variable(target.kind, "TOKEN")
            raise AttachError(f"there is no token: set {name}, or give --token-file FILE (mode 0600)")
        token = Token("")
    client = Client(base, token.header(target.kind), Deadline(deadline), f"icapdiag/{__version__}")
    return SYSTEMS[target.kind](client, target, token)


def _planned(system: System, document: Document) -> Iterator[str]:
    yield f"Nothing was sent. These requests would be, with {_described(document)}:"
    base = system.client.base
    for call in system.plan(document):
        yield ""
        yield f"{call.method} {_shown(base.origin + base.prefix + call.target)}"
        for name, value in system.client.headers(call).items():
            scheme, _, secret = value.partition(" ")
            hidden = f"{scheme} [hidden]" if secret else "[no token yet]"
            yield f"  {name}: {hidden if name == 'Authorization' else _shown(value)}"
    yield ""
    yield "The last one only if nothing of that name is there."


def _described(document: Document) -> str:
    return f"{_shown(document.name)} ({document.size:,} bytes, sha256 {document.sha256})"


def _shown(value: object) -> str:
    from icapdiag.text import visible

    return visible(str(value), None)
