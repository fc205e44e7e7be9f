"""``-o FORMAT[=FILE]``: what is written, where, and what becomes of it when that fails."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import NamedTuple

import typer

from icapdiag.cli.console import remark, shows_unicode, terminal_width, wants_color, write_stdout
from icapdiag.cli.options import Redaction
from icapdiag.cli.signals import uninterrupted
from icapdiag.files import PRIVATE, is_stream, place, write_data
from icapdiag.model import Report
from icapdiag.report.build import exit_status
from icapdiag.report.formats import FILE_STYLE, FORMATS, OUTPUTS, TICKETS, Style, render
from icapdiag.report.machine.nagios import PluginStatus, plugin_status
from icapdiag.report.machine.to_json import settled
from icapdiag.vocabulary import ExitStatus, Severity

_STDOUT = "standard output"


class OutputError(ValueError):
    """What stands behind ``-o`` or ``--for`` names no output."""


class Output(NamedTuple):
    """One format and where it goes; ``path`` None is stdout. ``force``: a file that exists is replaced.

    ``redacted``: it is meant to leave. ``detail``: how much a table says.
    """

    format: str
    path: Path | None = None
    force: bool = False
    redacted: bool = False
    detail: int = 0


def parse_outputs(
    specs: Sequence[str], tickets: Sequence[str] = (), *, force: bool = False, formats: Sequence[str] = OUTPUTS
) -> tuple[Output, ...]:
    """The outputs asked for with ``-o`` and ``--for``, the first of ``formats`` on stdout if none was.

    Raises `OutputError`.
    A folder that isn't there, and a file that is, are refused here: before any traffic is sent whose results
    would be lost.
    """
    outputs = (
        *(_parse(spec, formats, force=force) for spec in specs),
        *(_parse(spec, TICKETS, force=force) for spec in tickets),
    ) or (Output(formats[0]),)
    paths = [None if output.path is None else output.path.resolve() for output in outputs]
    for path in paths:
        if paths.count(path) > 1:
            where = _STDOUT if path is None else str(path)
            raise OutputError(f"two outputs can't both go to {where}: give all but one a file, as in -o json=FILE")
    return outputs


def chosen_outputs(
    specs: Sequence[str] | None, tickets: Sequence[str] | None, *, force: bool, redaction: Redaction, detail: int = 0
) -> tuple[Output, ...]:
    """The outputs that the options ask for; a mistake in them ends the command with its usage.

    What they will need is tried here, before anything is done whose results would be lost.
    """
    try:
        outputs = parse_outputs(specs or (), tickets or (), force=force)
    except OutputError as error:
        hint = "'--output' / '-o'" if specs else "'--for'"
        raise typer.BadParameter(str(error), param_hint=hint) from None
    if detail and not any(output.format == "table" for output in outputs):
        outputs = (*outputs, _table(outputs, "-q" if detail < 0 else "-v"))
    outputs = tuple(
        output._replace(redacted=redaction.covers(ticket=FORMATS[output.format].ticket), detail=detail)
        for output in outputs
    )
    if any(output.redacted for output in outputs):
        from icapdiag.cli.redacting import insist_on_key  # noqa: PLC0415 - most reports stay here

        insist_on_key(redaction)
    return outputs


def _table(outputs: Sequence[Output], option: str) -> Output:
    """The table on stdout, which ``option`` is about; where something else goes there, the command ends."""
    taken = next((output.format for output in outputs if output.path is None), None)
    if taken is None:
        return Output("table")
    does = "shortens" if option == "-q" else "adds to"
    message = f"{does} the table, but {taken} goes to {_STDOUT}: give it a file, as in -o {taken}=FILE"
    raise typer.BadParameter(message, param_hint=option)


def write_outputs(
    report: Report, outputs: Sequence[Output], *, saved: bool = False, redaction: Redaction | None = None
) -> bool:
    """Write them all, files first; False if one could not be written, which is said on stderr.

    Where that leaves no report in JSON, and there is none yet (``saved``), one is put into the folder for
    temporary files, or where there is room. Raises SystemExit when who reads stdout went away.
    """
    report = settled(report)
    written = False
    try:
        leaving = _redacted(report, redaction) if any(output.redacted for output in outputs) else None
        every = True
        for output in sorted(outputs, key=lambda output: output.path is None):
            shown = leaving if output.redacted else report
            if shown is None or not _write(shown, output):
                every = False
            elif output.format == "json" and output.path is not None and not output.redacted:
                saved = True
        written = every
    finally:
        if not written and not saved:
            _rescue(report)
    return written


def _redacted(report: Report, redaction: Redaction | None) -> Report | None:
    """None if it can't be, which is said on stderr."""
    from icapdiag.cli.redacting import redacted, say_what  # noqa: PLC0415 - most reports stay here

    wanted = redaction or Redaction()
    try:
        found, replaced = redacted(report, wanted)
    except SystemExit:
        return None
    say_what(replaced, wanted)
    return settled(found)


@uninterrupted()
def _rescue(report: Report) -> None:
    """Nothing is lost for an output that failed: a run may have cost an hour, and can't be had again."""
    data = _encoded(render(report, "json"))
    for folder in (tempfile.gettempdir, os.getcwd, lambda: "/var/tmp"):  # noqa: S108 - the file is new, and ours
        with suppress(OSError):
            name = f"{folder()}/icapdiag-{os.urandom(4).hex()}.json"
            write_data(Path(name), data, force=False, mode=PRIVATE)
            remark(f"the report was saved in {name}: icapdiag report render {quote(name)} writes it in any format")
            return
    remark("the report can't be saved elsewhere either and is lost")


def write_file(path: Path, text: str, *, force: bool = True) -> None:
    """Put ``text`` (as UTF-8) into the file at once, as `write_data` does."""
    write_data(path, _encoded(text), force=force)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _parse(spec: str, names: Sequence[str], *, force: bool) -> Output:
    name, separator, file = spec.partition("=")
    if name not in names:
        raise OutputError(f"unknown format {name!r}; choose from {', '.join(names)}")
    if not separator or file == "-":
        return Output(name)
    if not file:
        raise OutputError(f"{spec!r} names no file")
    return Output(name, place_for(file, force=force), force)


def place_for(file: str, *, force: bool) -> Path:
    """Where a file of this name can be written. Raises `OutputError`."""
    path = Path(file)
    try:
        if path.is_dir():
            raise OutputError(f"{file!r} is a folder")
        if is_stream(path):
            return path
        with place(path) as (here, about):
            regular = about is None or stat.S_ISREG(about.st_mode)
            if about is not None and regular and not force:
                raise OutputError(f"{file!r} exists: give another name, or --force to replace it")
            if regular and not os.access(".", os.W_OK, dir_fd=here):
                raise OutputError(f"the folder of {file!r} is read-only")
            if about is not None and not os.access(path.name, os.W_OK, dir_fd=here):
                raise OutputError(f"{file!r} is read-only")
        path.resolve()  # not where the current folder was removed
    except FileNotFoundError:
        raise OutputError(f"the folder of {file!r} does not exist") from None
    except OSError as error:  # a link, a name that is too long
        raise OutputError(f"{file!r} can't be written: {error.strerror or error}") from None
    return path


def _write(report: Report, output: Output) -> bool:
    if output.path is not None:
        text = render(report, output.format, FILE_STYLE._replace(detail=output.detail))
        written = write_text(text, output.path, force=output.force)
        if written and output.redacted:
            from icapdiag.cli.state import remember_redacted  # noqa: PLC0415 - most reports stay here

            remember_redacted(_encoded(text), output.path)
        return written
    if FORMATS[output.format].terminal:
        return write_text(render(report, output.format, _terminal_style(output.detail)), None)
    return write_text(render(report, output.format), None, "utf-8")


def write_text(text: str, path: Path | None, encoding: str | None = None, *, force: bool = True) -> bool:
    """Write ``text`` to the file, or to stdout (see `write_stdout`); False if it can't be, which is said on stderr."""
    try:
        with uninterrupted():
            if path is None:
                write_stdout(text, encoding)
            else:
                write_file(path, text, force=force)
    except OSError as error:
        remark(f"can't write {path or _STDOUT}", error)
        return False
    return True


def _terminal_style(detail: int) -> Style:
    return Style(terminal_width(FILE_STYLE.width), color=wants_color(), plain=not shows_unicode(), detail=detail)


def end_status(
    report: Report, outputs: Sequence[Output], fail_on: Severity, *, written: bool, interrupted: bool = False
) -> ExitStatus | PluginStatus:
    """What the run ends with, the same in every format, but for a monitoring plugin's: that has its own table."""
    if any(output.format == "nagios" and output.path is None for output in outputs):
        return plugin_status(report) if written else PluginStatus.UNKNOWN
    return exit_code(exit_status(report, fail_on), written=written, interrupted=interrupted)


def exit_code(status: ExitStatus, *, written: bool, interrupted: bool) -> ExitStatus:
    """What the run ends with: being interrupted and a lost output outweigh what was found."""
    if interrupted:
        return ExitStatus.INTERRUPTED
    return status if written else ExitStatus.USAGE


def as_plugin(args: Sequence[str], status: int) -> int:
    """The status to end with: a monitoring system that reads stdout gets our own failures as plugins tell them.

    Of our statuses 2, wrong usage, would be CRITICAL to it, and 1 a WARNING.
    """
    spelt = {"-onagios", "-o=nagios", "--output=nagios"}
    asked = any(
        word in spelt or (word == "nagios" and before in {"-o", "--output"})
        for before, word in zip(["", *args], args, strict=False)
    )
    if not asked or status in {ExitStatus.OK, ExitStatus.BROKEN_PIPE} or isinstance(status, PluginStatus):
        return status
    with suppress(OSError, ValueError, AttributeError):  # a stdout that is closed, or none at all
        sys.stdout.write("ICAP UNKNOWN - icapdiag failed: see its standard error\n")
        sys.stdout.flush()
    return PluginStatus.UNKNOWN
