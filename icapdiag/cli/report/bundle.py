"""``icapdiag report bundle``: one archive for a ticket, searched for what may not leave before it is there."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.console import complain, stop_with
from icapdiag.cli.options import Force
from icapdiag.cli.output import OutputError, place_for, write_data
from icapdiag.cli.redacting import Keep, Key, Redaction, redacted, redaction_of, say_what
from icapdiag.report.status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icapdiag.model import Report
    from icapdiag.report.bundle.search import Hit
    from icapdiag.report.redact import Replaced

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_SHOWN = 10  # hits, and names of dropped files
_REMOVED_KINDS = ("secret", "query")


class _Refused(Exception):
    """Something in the archive may not leave."""

    def __init__(self, hits: tuple[Hit, ...]) -> None:
        super().__init__(hits)
        self.hits = hits


def bundle(
    saved: Annotated[
        str, typer.Argument(metavar="SAVED.json", help="What -o json wrote; - is standard input.", show_default=False)
    ],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.zip", help="The archive.", show_default=False)],
    max_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Leave out the least useful above this size, such as 500K.")
    ] = "20M",
    redact: Annotated[
        bool, typer.Option("--redact/--no-redact", help="Put pseudonyms for all that is not known to be harmless.")
    ] = True,
    keep: Keep = None,
    key: Key = None,
    force: Force = False,
) -> None:
    """Put a saved report into one zip archive for a ticket: HTML, Markdown, JSON, transcripts, pool file, checksums.

    It is redacted, opened again and searched for every name, address and secret of the report; if one is found, there
    is no archive. Transcripts are in it if the report was made with check --transcript.
    """
    from icapdiag.cli.report.saved import load_report
    from icapdiag.report.bundle import TooLarge, build

    largest = _size(max_size)
    try:
        target = place_for(output, force=force)
    except OutputError as error:
        raise typer.BadParameter(str(error), param_hint="'--output' / '-o'") from None
    redaction = redaction_of(redact, keep, key)
    report = load_report(saved)
    leaving, replaced = redacted(report, redaction) if redact else (report, ())
    try:
        made = build(leaving, redacted=redact, largest=largest, with_pool=_is_pool(leaving))
        write_data(
            target, made.data, force=force, check=lambda file: insist(file, report, replaced, redaction, redact=redact)
        )
    except TooLarge as error:
        stop_with([f"icapdiag: {error}: give --max-size more"])
    except _Refused as refused:
        stop_with(_refusal(refused.hits, output))
    except OSError as error:
        stop_with([f"icapdiag: can't write {output}: {error.strerror or error}"])
    if redact:
        say_what(replaced, redaction)
    else:
        complain(
            f"icapdiag: {output} is NOT REDACTED: names, addresses and all that servers said are in it as they are."
        )
    complain(f"icapdiag: wrote {output}: {len(made.files)} files in {len(made.data):,} bytes.")
    if made.dropped:
        more = len(made.dropped) - _SHOWN
        listed = ", ".join(made.dropped[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        complain(f"icapdiag: left out to stay within --max-size {max_size}: {listed} (manifest.json has them all).")
    raise typer.Exit(ExitStatus.OK)


def _size(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,9})([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None or not int(found[1]):
        raise typer.BadParameter("give a size such as 500K or 20M", param_hint="--max-size")
    return int(found[1]) * _UNITS[found[2].upper()]


def _is_pool(report: Report) -> bool:
    """Whether what would be pool.yaml is one: a saved report may say anything."""
    from icapdiag.pool import PoolError, loads_pool
    from icapdiag.report.bundle.texts import pool_yaml

    text = pool_yaml(report.configuration)
    if not text:
        return False
    try:
        loads_pool(text.encode("utf-8", "backslashreplace"), Path("pool.yaml"))
    except PoolError as error:
        complain(f"icapdiag: no pool.yaml in the bundle, as it could not be read again: {error.errors[0]}")
        return False
    return True


def insist(file: Path, report: Report, replaced: tuple[Replaced, ...], redaction: Redaction, *, redact: bool) -> None:
    """Nothing that was to be replaced is in the archive. Raises `_Refused`, OSError."""
    from icapdiag.report.bundle.search import search, worth_looking_for

    secrets: dict[str, str] = {}
    words: list[str] = []
    if redact:
        allowed = {each.pseudonym for each in replaced} | kept_texts(report, redaction.keep)
        secrets = worth_looking_for(_secrets(report, replaced, redaction), allowed)
        spoken = " ".join((*allowed, *_runbooks_words(report))).lower()
        words = [each.value for each in replaced if each.kind == "word" and each.value.lower() not in spoken]
    if hits := search(file, secrets, words):
        raise _Refused(hits)


def _runbooks_words(report: Report) -> Iterator[str]:
    """A runbook may have words that are not known to be harmless where a server says them."""
    for finding in report.findings:
        yield from (finding.id, finding.title, finding.meaning, finding.runbook, *finding.remedy)


def _secrets(report: Report, replaced: tuple[Replaced, ...], redaction: Redaction) -> Iterator[tuple[str, str]]:
    """Values and their kinds."""
    from icapdiag.report.redact.report import known_values

    yield from known_values(report, redaction.keep)
    for each in replaced:
        if each.kind in _REMOVED_KINDS:
            yield re.split(r"[:=]", each.value, maxsplit=1)[-1].strip(" \"'"), each.kind
        elif each.kind != "word":
            yield each.value, each.kind
    yield from local_names()


def local_names() -> Iterator[tuple[str, str]]:
    """What this host and its user are called, though the report may come from another one."""
    import getpass
    import socket
    from contextlib import suppress

    yield socket.gethostname(), "host"
    with suppress(KeyError, OSError):
        yield getpass.getuser(), "user"
    with suppress(RuntimeError):
        yield str(Path.home()), "home folder"


def kept_texts(report: Report, keep: tuple[str, ...]) -> set[str]:
    """What stands in the facts that are to be kept."""
    from icapdiag.report.machine.to_json import to_plain
    from icapdiag.report.redact.report import kept_values

    found = kept_values(report, keep)

    def look(value: object, fact: str) -> None:
        match value:
            case str() if fact in keep:
                found.add(value)
            case dict():
                for name, item in value.items():
                    look(item, fact if fact in keep else str(name))
            case list():
                for item in value:
                    look(item, fact)

    if keep:
        look(to_plain(report), "")
    return found


def _refusal(hits: tuple[Hit, ...], output: str) -> Iterator[str]:
    yield f"icapdiag: {output} was not written: something that was to be replaced was found in the finished archive."
    by_file: dict[str, list[str]] = {}
    for hit in hits:
        by_file.setdefault(hit.file, []).append(f"{hit.kind} (as {hit.form})" if hit.form else hit.kind)
    for file, found in list(by_file.items())[:_SHOWN]:
        yield f"icapdiag:   in {file}: {', '.join(sorted(found)[:_SHOWN])}"
    if len(by_file) > _SHOWN:
        yield f"icapdiag:   and in {len(by_file) - _SHOWN} more files"
    yield "icapdiag: please report this as a bug of the redaction; report redact SAVED.json lists what is replaced."
