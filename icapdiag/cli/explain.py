"""``icapdiag explain``: say what Avi logs, or pasted ICAP answers, tell about ICAP, and what to do."""

# ruff: noqa: PLC0415 - what reads logs and runbooks is imported when the command runs: --help must stay fast
# No annotations from __future__ here: as text, typer evaluates those of a command three times, which takes 6 ms.

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.console import complain, stderr_is_terminal, stop_with
from icapdiag.cli.output import Outputs, exit_code, parse_outputs, write_outputs
from icapdiag.cli.runbooks import Folders, load_library
from icapdiag.model import Severity
from icapdiag.report.status import ExitStatus, exit_status

if TYPE_CHECKING:
    from icapdiag.cli.interrupt import Stop
    from icapdiag.cli.output import Output
    from icapdiag.logs.filters import Filters
    from icapdiag.logs.reading import Reading
    from icapdiag.runbook import Library


class Action(StrEnum):
    """What Avi logs as the outcome of ICAP, without its prefix."""

    PASSED = "passed"
    MODIFIED = "modified"
    BLOCKED = "blocked"
    FAILED = "failed"
    DISABLED = "disabled"


def explain(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Logs in any form (JSON, CSV, syslog, gzip), texts with pieces of logs, raw ICAP answers; "
            "- is standard input; patterns such as 'logs/*.gz' are expanded.",
            show_default=False,
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Leave out what is older: 2026-01-31T10:00 (UTC), or 2h, 1d for so long ago."
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Leave out this time and what is newer.")] = None,
    pool: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this ICAP pool group; * and ? stand for anything.")
    ] = None,
    member: Annotated[
        str | None, typer.Option(metavar="HOST[:PORT]", help="Only this ICAP server; * and ? stand for anything.")
    ] = None,
    action: Annotated[list[Action] | None, typer.Option(help="Only these outcomes; repeatable.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes for a large file. Default: 2 above 200 MB.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep reading one growing file, or standard input, until Ctrl-C.")
    ] = False,
    folders: Folders = None,
    output: Outputs = None,
    fail_on: Annotated[Severity, typer.Option(help="Exit 1 for findings from this severity on.")] = Severity.CRITICAL,
) -> None:
    """Explain Avi logs, or a pasted ICAP answer: what happened to ICAP, why, and what to do."""
    started_at = datetime.now(UTC)
    outputs = parse_outputs(output or ())
    filters = _filters(since, until, pool, member, action, started_at)
    library = load_library(folders)  # before the reading: a mistake in a runbook must not cost an hour
    from icapdiag.cli.interrupt import Stop
    from icapdiag.cli.log_report import build_report

    with Stop() as stop:
        reading = _follow(files, filters, library, outputs, stop) if follow else _read(files, filters, jobs, stop)
    unread = _complain_of_unusable(reading, stopped=stop.requested)
    report = build_report(
        reading,
        library,
        inputs=files,
        filters=filters,
        started_at=started_at,
        complete=follow or not stop.requested,
    )
    written = write_outputs(report, outputs) and not unread
    raise typer.Exit(exit_code(exit_status(report, fail_on), written=written, interrupted=stop.requested))


def _filters(
    since: str | None,
    until: str | None,
    pool: str | None,
    member: str | None,
    actions: list[Action] | None,
    now: datetime,
) -> "Filters":
    from icapdiag.logs.filters import Filters

    filters = Filters(
        since=_moment("--since", since, now),
        until=_moment("--until", until, now),
        pool=pool,
        member=member,
        actions=frozenset(Filters.action_name(action.value) for action in actions or ()),
    )
    if filters.since is not None and filters.until is not None and filters.since >= filters.until:
        raise typer.BadParameter("nothing can be newer than --since and older than --until", param_hint="--until")
    return filters


def _moment(option: str, text: str | None, now: datetime) -> datetime | None:
    from icapdiag.cli.moments import parse_moment

    try:
        return None if text is None else parse_moment(text, now)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _read(files: list[str], filters: "Filters", jobs: int | None, stop: "Stop") -> "Reading":
    """Read everything once; inputs that can't be opened end the command."""
    from icapdiag.logs.inputs import InputError
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


def _follow(
    files: list[str], filters: "Filters", library: "Library", outputs: "tuple[Output, ...]", stop: "Stop"
) -> "Reading":
    """Read what is there and what comes, until Ctrl-C or the end of standard input."""
    from icapdiag.cli.follow import CanNotFollow, Watcher, follow
    from icapdiag.cli.tail import open_tail

    if len(files) != 1:
        raise typer.BadParameter("one file, or -, can be followed at a time", param_hint="--follow")
    try:
        with open_tail(files[0]) as tail:
            # Where the final table goes, its forerunners go too; but nothing may stand beside JSON.
            on_stdout = any(output.path is None and output.format == "table" for output in outputs)
            watcher = Watcher(library, filters, tail.name, on_stdout=on_stdout)
            return follow(tail, watcher, stop)
    except CanNotFollow as error:
        stop_with([f"icapdiag: {error}"])
    except OSError as error:
        stop_with([f"icapdiag: can't follow {files[0]}: {error.strerror or error}"])


def _complain_of_unusable(reading: "Reading", *, stopped: bool) -> bool:
    """Whether some input gave nothing at all, which is said on stderr; where none gave any, the command ends."""
    from icapdiag.cli.log_report import complaint, unusable

    if stopped:  # an input that nobody came to is not to blame
        return False
    useless = [source for source in reading.sources if unusable(source)]
    complain(*(complaint(source) for source in useless))
    if useless and len(useless) == len(reading.sources):
        raise typer.Exit(ExitStatus.USAGE)
    return bool(useless)
