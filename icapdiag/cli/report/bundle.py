"""One archive for a ticket, searched for what may not leave before it is there."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import typer

from icapdiag.cli.console import fail, remark, stop_with
from icapdiag.cli.inputs import load_report
from icapdiag.cli.options import Redaction, size_of
from icapdiag.cli.output import OutputError, place_for
from icapdiag.cli.redacting import redacted, say_what
from icapdiag.cli.signals import uninterrupted
from icapdiag.cli.state import remember_redacted
from icapdiag.files import write_data
from icapdiag.model import Report
from icapdiag.pool import PoolError, loads_pool
from icapdiag.report.bundle import Bundle, TooLarge, build, masked
from icapdiag.report.bundle.search import Hit, holding, search, worth_looking_for
from icapdiag.report.bundle.texts import pool_yaml
from icapdiag.report.machine.from_json import NotAReport
from icapdiag.report.machine.to_json import to_plain
from icapdiag.report.redact import Replaced, kept_values, known_values
from icapdiag.report.redact.known import WORD

_SHOWN = 10  # hits, and names of dropped files
_REMOVED_KINDS = ("secret", "query")
_FIGURES = ("number", "date")  # may be one that the report has of its own


class _Refused(Exception):
    """Something in the archive may not leave."""

    def __init__(self, hits: tuple[Hit, ...], holds: Callable[[str], bool]) -> None:
        super().__init__(hits)
        self.hits = hits
        self.holds = holds


def write_bundle(saved: str, output: str, max_size: str, redaction: Redaction, *, force: bool) -> None:
    """Write the archive and say on stderr what is in it. What must not leave ends the command without one."""
    largest = size_of(max_size)
    if not largest:
        raise typer.BadParameter("give a size such as 500K or 20M", param_hint="--max-size")
    try:
        target = place_for(output, force=force)
    except OutputError as error:
        raise typer.BadParameter(str(error), param_hint="'--output' / '-o'") from None
    redact = redaction.covers(ticket=True)
    report = load_report(saved)
    leaving, replaced = redacted(report, redaction) if redact else (report, ())

    def write(leaving: Report) -> Bundle:
        made = build(leaving, redacted=redact, largest=largest, with_pool=_is_pool(leaving))
        check = partial(insist, report=report, replaced=replaced, redaction=redaction, redact=redact)
        with uninterrupted():
            write_data(target, made.data, force=force, check=check)
        return made

    try:
        try:
            made = write(leaving)
        except _Refused as refused:  # one text must not cost the ticket
            made = write(_masked(leaving, refused))
            remark("names or secrets were found in the finished archive: the texts with them are now [removed].")
    except TooLarge as error:
        fail(f"{error}: give --max-size more")
    except _Refused as refused:
        stop_with(_refusal(refused.hits, output))
    except OSError as error:
        fail(f"can't write {output}", error)
    if redact:
        remember_redacted(made.data, output)
        say_what(replaced, redaction)
    else:
        remark(f"{output} is NOT REDACTED: names, addresses and all that servers said are in it as they are.")
    remark(f"wrote {output}: {len(made.files)} files in {len(made.data):,} bytes.")
    if made.dropped:
        more = len(made.dropped) - _SHOWN
        listed = ", ".join(made.dropped[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        remark(f"left out to stay within --max-size {max_size}: {listed} (manifest.json lists all).")


def _masked(report: Report, refused: _Refused) -> Report:
    try:
        return masked(report, refused.holds)
    except NotAReport:  # it is a word that a report needs
        raise refused from None


def _is_pool(report: Report) -> bool:
    """Whether what would be pool.yaml is one: a saved report may say anything."""
    text = pool_yaml(report.configuration)
    if not text:
        return False
    try:
        loads_pool(text.encode("utf-8", "backslashreplace"), Path("pool.yaml"))
    except PoolError as error:
        remark(f"no pool.yaml in the bundle, as it could not be read again: {error.errors[0]}")
        return False
    return True


def insist(file: Path, report: Report, replaced: tuple[Replaced, ...], redaction: Redaction, *, redact: bool) -> None:
    """Nothing that was to be replaced is in the archive. Raises `_Refused`, OSError."""
    secrets: dict[str, str] = {}
    words: list[str] = []
    if redact:
        allowed = {each.pseudonym for each in replaced} | kept_texts(report, redaction.keep)
        spoken = " ".join((*allowed, *_runbooks_words(report))).lower()
        found = [each for each in replaced if each.value.lower() not in spoken]
        secrets = worth_looking_for(_secrets(report, found, redaction), allowed)
        words = [each.value for each in found if _is_word(each)]
    if hits := search(file, secrets, words):
        raise _Refused(hits, holding(secrets, words))


def _is_word(replaced: Replaced) -> bool:
    return replaced.kind == "word" and WORD.fullmatch(replaced.value) is not None


def _runbooks_words(report: Report) -> Iterator[str]:
    """A runbook may have words that are not known to be harmless where a server says them."""
    for finding in report.findings:
        yield from (finding.id, finding.title, finding.meaning, finding.runbook, *finding.remedy)


def _secrets(report: Report, replaced: Iterable[Replaced], redaction: Redaction) -> Iterator[tuple[str, str]]:
    """Values and their kinds."""
    yield from known_values(report, redaction.keep)
    for each in replaced:
        if each.kind in _REMOVED_KINDS:
            yield each.value.strip(" \"'"), each.kind
        elif each.kind not in _FIGURES and not _is_word(each):
            yield each.value, each.kind
    yield from local_names()


def local_names() -> Iterator[tuple[str, str]]:
    """What this host and its user are called, though the report may come from another one."""
    yield socket.gethostname(), "host"
    with suppress(KeyError, OSError):
        yield getpass.getuser(), "user"
    with suppress(RuntimeError):
        yield str(Path.home()), "home folder"


def kept_texts(report: Report, keep: tuple[str, ...]) -> set[str]:
    """What stands in the facts that are to be kept."""
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
    yield f"icapdiag: {output} was not written: names or secrets were found in the finished archive."
    by_file: dict[str, list[str]] = {}
    for hit in hits:
        by_file.setdefault(hit.file, []).append(f"{hit.kind} (as {hit.form})" if hit.form else hit.kind)
    for file, found in list(by_file.items())[:_SHOWN]:
        yield f"icapdiag:   in {file}: {', '.join(sorted(found)[:_SHOWN])}"
    if len(by_file) > _SHOWN:
        yield f"icapdiag:   and in {len(by_file) - _SHOWN} more files"
    yield "icapdiag: please report this as a bug of the redaction; report redact SAVED.json lists what is replaced."
