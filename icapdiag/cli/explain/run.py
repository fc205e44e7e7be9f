"""The work of ``icapdiag explain``, and its plain form, which needs no typer.

Importing typer takes a third of the time in which a small log is explained. So ``explain FILE... [-o FORMAT]``,
which is what most people type, is understood here; every other form goes through `icapdiag.cli.explain.command`.
"""

# ruff: noqa: PLC0415 - what an input needs is imported when it comes

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from icapdiag.cli.console import complain, stderr_is_terminal, stop_with
from icapdiag.cli.library import load_library
from icapdiag.cli.output import Output, OutputError, end_status, parse_outputs, write_outputs
from icapdiag.report.status import ExitStatus
from icapdiag.vocabulary import Severity

if TYPE_CHECKING:
    from icapdiag.cli.explain.interrupt import Stop
    from icapdiag.cli.redacting import Redaction
    from icapdiag.logs.counting.filters import Filters
    from icapdiag.logs.reading import Reading
    from icapdiag.report.machine.nagios import PluginStatus
    from icapdiag.runbook import Library


def explain_plainly(args: Sequence[str]) -> ExitStatus | PluginStatus | None:
    """What `explain_logs` gives where ``args`` are files, ``-o FORMAT`` and ``--force``; else None, and nothing."""
    files: list[str] = []
    specs: list[str] = []
    force = False
    words = iter(args)
    for word in words:
        if word in {"-o", "--output"}:
            specs.append(next(words, ""))
        elif word == "--force":
            force = True
        elif word.startswith("-") and word != "-":
            return None
        else:
            files.append(word)
    try:
        outputs = parse_outputs(specs, force=force)
    except OutputError:  # typer says it with the usage
        return None
    if not files:
        return None
    from icapdiag.logs.counting.filters import Filters

    return explain_logs(files, Filters(), outputs)


def explain_logs(
    files: Sequence[str],
    filters: Filters,
    outputs: Sequence[Output],
    *,
    jobs: int | None = None,
    follow: bool = False,
    folders: Sequence[Path] | None = None,
    fail_on: Severity = Severity.CRITICAL,
    redaction: Redaction | None = None,
) -> ExitStatus | PluginStatus:
    """Read, judge and write. Raises SystemExit for what can't be read or loaded, which is said on stderr."""
    started_at = datetime.now(UTC)
    library = load_library(folders)  # before the reading: a mistake in a runbook must not cost an hour
    from icapdiag.cli.explain.interrupt import Stop
    from icapdiag.cli.explain.report import build_report

    with Stop() as stop:
        reading = _follow(files[0], filters, library, outputs, stop) if follow else _read(files, filters, jobs, stop)
    unread = _complain_of_unusable(reading, stopped=stop.requested)
    report = build_report(
        reading,
        library,
        inputs=files,
        filters=filters,
        started_at=started_at,
        complete=follow or not stop.requested,
    )
    written = write_outputs(report, outputs, redaction=redaction) and not unread
    return end_status(report, outputs, fail_on, written=written, interrupted=stop.requested)


def _read(files: Sequence[str], filters: Filters, jobs: int | None, stop: Stop) -> Reading:
    """Read everything once; inputs that can't be opened end the command."""
    from icapdiag.logs.opening.inputs import InputError
    from icapdiag.logs.reading import read_logs

    bar = None
    if stderr_is_terminal():
        from icapdiag.cli.bar import Bar

        bar = Bar()
    try:
        return read_logs(files, filters=filters, jobs=jobs, progress=bar, stop=stop)
    except InputError as error:
        stop_with(f"icapdiag: {problem}" for problem in error.errors)
    finally:
        if bar is not None:
            bar.erase()


def _follow(file: str, filters: Filters, library: Library, outputs: Sequence[Output], stop: Stop) -> Reading:
    """Read what is there and what comes, until Ctrl-C or the end of standard input."""
    from icapdiag.cli.explain.follow import CanNotFollow, Watcher, follow
    from icapdiag.cli.explain.tail import open_tail

    try:
        with open_tail(file) as tail:
            # Where the final table goes, its forerunners go too; but nothing may stand beside JSON.
            on_stdout = any(output.path is None and output.format == "table" for output in outputs)
            watcher = Watcher(library, filters, tail.name, on_stdout=on_stdout)
            return follow(tail, watcher, stop)
    except CanNotFollow as error:
        stop_with([f"icapdiag: {error}"])
    except OSError as error:
        stop_with([f"icapdiag: can't follow {file}: {error.strerror or error}"])


def _complain_of_unusable(reading: Reading, *, stopped: bool) -> bool:
    """Whether some input gave nothing at all, which is said on stderr; where none gave any, the command ends."""
    from icapdiag.cli.explain.report import complaint, unusable

    if stopped:  # an input that nobody came to is not to blame
        return False
    useless = [source for source in reading.sources if unusable(source)]
    complain(*(complaint(source) for source in useless))
    if useless and len(useless) == len(reading.sources):
        raise SystemExit(int(ExitStatus.USAGE))
    return bool(useless)
