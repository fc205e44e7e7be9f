"""Attach a finished file to a ticket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import typer

from icapdiag import __version__
from icapdiag.cli.console import fail, print_text, remark
from icapdiag.cli.signals import uninterrupted
from icapdiag.cli.state import is_redacted
from icapdiag.report.attach.document import Document, copy, read_document
from icapdiag.report.attach.http import Client, Deadline
from icapdiag.report.attach.systems import SYSTEMS, System, send
from icapdiag.report.attach.target import (
    FILE,
    AttachError,
    Target,
    Token,
    parse_base,
    parse_target,
    read_token,
    variable,
)
from icapdiag.text import visible


def attach_file(
    file: Path,
    to: str,
    name: str | None,
    url: str | None,
    token_file: Path | None,
    deadline: float,
    *,
    dry_run: bool,
    unredacted: bool,
    allow_http: bool,
) -> None:
    """Send or copy the file, or print what would be sent. ``deadline`` in seconds. What goes wrong ends the command."""
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
        where = send(system, document)
    except AttachError as error:
        fail(error)
    print_text(f"Attached {_described(document)} to {where}\n")


def _insist_on_redaction(document: Document, file: Path, *, unredacted: bool) -> None:
    """Raises `AttachError` for a file that may say more than its owner knows."""
    try:
        if is_redacted(document.sha256):
            return
        why = "icapdiag did not write it as a redacted file on this host"
    except OSError as error:
        why = f"the list of redacted files can't be read ({error.strerror or error})"
    if not unredacted:
        raise AttachError(
            f"{str(file)!r} would leave this host as it is: {why}. Make a redacted one (icapdiag report redact "
            "SAVED.json -o html=FILE, or report bundle), or say --unredacted"
        )
    remark(f"{str(file)!r} goes out as it is: {why}")


def _into_folder(folder: Path, document: Document, url: str | None, token_file: Path | None, *, dry_run: bool) -> None:
    if url is not None or token_file is not None:
        raise typer.BadParameter("has no effect with file:", param_hint="--url" if url else "--token-file")
    if dry_run:
        print_text(f"Nothing was written. This would be, unless it exists: {_shown(folder / document.name)}\n")
        return
    with uninterrupted():
        path = copy(folder, document)
    print_text(f"Copied {_described(document)} to {_shown(path)}\n")


def _system(
    target: Target, url: str | None, token_file: Path | None, deadline: float, *, allow_http: bool, dry_run: bool
) -> System:
    """The ticket, with a client that may speak for us. Raises `AttachError`."""
    base = parse_base(target.kind, url, os.environ, allow_http=allow_http)
    token = read_token(target.kind, token_file, os.environ)
    if token is None:
        if not dry_run:
            name = variable(target.kind, "TOKEN")
            raise AttachError(f"no token: set {name}, or give --token-file FILE (mode 0600)")
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
    yield "The last one only if no attachment has that name."


def _described(document: Document) -> str:
    return f"{_shown(document.name)} ({document.size:,} bytes, sha256 {document.sha256})"


def _shown(value: object) -> str:
    return visible(str(value), None)
