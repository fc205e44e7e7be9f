"""``-o FORMAT[=FILE]``: what is written, where, and what becomes of it when that fails."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from icapdiag.cli.console import complain, shows_unicode, terminal_width, wants_color, write_stdout
from icapdiag.model import Report
from icapdiag.report.formats import FILE_STYLE, FORMATS, OUTPUTS, Style, render
from icapdiag.report.status import ExitStatus

_STDOUT = "standard output"


class OutputError(ValueError):
    """What stands behind ``-o`` names no output."""


class Output(NamedTuple):
    """One format and where it goes; ``path`` None is stdout."""

    format: str
    path: Path | None = None


def parse_outputs(specs: Sequence[str]) -> tuple[Output, ...]:
    """The outputs asked for, a table on stdout if none was. Raises `OutputError`.

    A folder that isn't there is refused here, before any traffic is sent whose results would be lost.
    """
    outputs = tuple(_parse(spec) for spec in specs) or (Output("table"),)
    places = [None if output.path is None else output.path.resolve() for output in outputs]
    for place in places:
        if places.count(place) > 1:
            where = _STDOUT if place is None else str(place)
            raise OutputError(f"two outputs can't both go to {where}: give all but one a file, as in -o json=FILE")
    return outputs


def write_outputs(report: Report, outputs: Sequence[Output]) -> bool:
    """Write them all, files first; False if one could not be written, which is said on stderr.

    Raises SystemExit when who reads stdout went away.
    """
    from icapdiag.report.to_json import settled

    report = settled(report)
    written = True
    for output in sorted(outputs, key=lambda output: output.path is None):
        try:
            _write(report, output)
        except OSError as error:
            complain(f"icapdiag: can't write {output.path or _STDOUT}: {error.strerror or error}")
            written = False
    return written


def write_file(path: Path, text: str) -> None:
    """Put ``text`` (as UTF-8) into the file at once: readers see the old file or the new one, never a part.

    A link is followed, the mode of an existing file is kept, and devices and pipes are written to directly.
    Raises OSError.
    """
    import tempfile  # 5 ms, for files alone

    data = text.encode("utf-8", "backslashreplace")
    target = path.resolve()
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        target.write_bytes(data)
        return
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(0, "the file is read-only")  # a rename would not care
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _parse(spec: str) -> Output:
    name, separator, file = spec.partition("=")
    if name not in OUTPUTS:
        raise OutputError(f"there is no format {name!r}; there are {', '.join(OUTPUTS)}")
    if not separator or file == "-":
        return Output(name)
    if not file:
        raise OutputError(f"{spec!r} names no file")
    path = Path(file)
    if path.is_dir():
        raise OutputError(f"{file!r} is a folder")
    if not path.resolve().parent.is_dir():
        raise OutputError(f"the folder of {file!r} does not exist")
    return Output(name, path)


def _write(report: Report, output: Output) -> None:
    if output.path is not None:
        write_file(output.path, render(report, output.format))
    elif FORMATS[output.format].terminal:
        write_stdout(render(report, output.format, _terminal_style()))
    else:
        write_stdout(render(report, output.format), "utf-8")


def _terminal_style() -> Style:
    return Style(terminal_width(FILE_STYLE.width), color=wants_color(), plain=not shows_unicode())


def exit_code(status: ExitStatus, *, written: bool, interrupted: bool) -> ExitStatus:
    """What the run ends with: being interrupted and a lost output outweigh what was found."""
    if interrupted:
        return ExitStatus.INTERRUPTED
    return status if written else ExitStatus.USAGE
