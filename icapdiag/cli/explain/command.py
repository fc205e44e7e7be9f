"""``icapdiag explain``: say what Avi logs, or pasted ICAP answers, tell about ICAP, and what to do."""

# ruff: noqa: PLC0415 - what reads logs is imported when the command runs: --help must stay fast
# No annotations from __future__ here: as text, typer evaluates those of a command three times, which takes 6 ms.

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.explain.run import explain_logs
from icapdiag.cli.options import Folders, Force, Outputs, Tickets, chosen_outputs
from icapdiag.cli.redacting import Keep, Key, Redact, redaction_of
from icapdiag.vocabulary import Severity

if TYPE_CHECKING:
    from icapdiag.logs.counting.filters import Filters


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
    ticket: Tickets = None,
    redact: Redact = None,
    keep: Keep = None,
    key: Key = None,
    force: Force = False,
    fail_on: Annotated[Severity, typer.Option(help="Exit 1 for findings from this severity on.")] = Severity.CRITICAL,
) -> None:
    """Explain Avi logs, or a pasted ICAP answer: what happened to ICAP, why, and what to do."""
    filters = _filters(since, until, pool, member, action, datetime.now(UTC))
    if follow and len(files) != 1:
        raise typer.BadParameter("one file, or -, can be followed at a time", param_hint="--follow")
    if follow and redact:
        raise typer.BadParameter(
            "what is shown meanwhile is not redacted: save the report, then icapdiag report redact"
        )
    redaction = redaction_of(redact, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction)
    status = explain_logs(
        files, filters, outputs, jobs=jobs, follow=follow, folders=folders, fail_on=fail_on, redaction=redaction
    )
    raise typer.Exit(status)


def _filters(
    since: str | None,
    until: str | None,
    pool: str | None,
    member: str | None,
    actions: list[Action] | None,
    now: datetime,
) -> "Filters":
    from icapdiag.logs.counting.filters import Filters

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
    from icapdiag.cli.explain.moments import parse_moment

    try:
        return None if text is None else parse_moment(text, now)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
