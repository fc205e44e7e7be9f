"""``icapdiag explain``: what logs of Avi and of scanners, pasted ICAP responses, or packet captures say about ICAP."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from icapdiag.cli.console import remark, stdin_is_terminal, stop_with
from icapdiag.cli.help import FILTERS
from icapdiag.cli.options import (
    FailOn,
    Folders,
    Force,
    Keep,
    Key,
    Outputs,
    Quiet,
    Redact,
    Tickets,
    Verbose,
    detail_of,
    redaction_of,
)
from icapdiag.cli.times import span_of
from icapdiag.vocabulary import Severity

EXAMPLES = """\
icapdiag explain log.json                           what failed, why, and what to do
icapdiag explain 'logs/*.gz' --since 2h --action failed
icapdiag explain server.log access.log              the scanner's own logs: c-icap, Squid
kubectl logs … | icapdiag explain                   standard input
icapdiag explain icap.pcap --pool pool.yaml         a packet capture of a Service Engine
icapdiag explain log.json -o html=report.html --for jira=ticket.txt"""


class Action(StrEnum):
    """What Avi logs as the outcome of ICAP, without its prefix."""

    PASSED = "passed"
    MODIFIED = "modified"
    BLOCKED = "blocked"
    FAILED = "failed"
    DISABLED = "disabled"


def explain(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help="Logs in any form (JSON, CSV, syslog, gzip), texts with log fragments, raw ICAP responses, logs of "
            "c-icap (server.log, access.log) and Squid (cache.log, icap_log), packet captures (pcap, pcapng), "
            "output of se-script, a folder of pull. Patterns such as 'logs/*.gz' are expanded; "
            "- is standard input, which is also read if no FILE is given.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", rich_help_panel=FILTERS, help="Only from TIME on: 2026-01-31T10:00 (UTC), or 2h, 1d (ago)."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", rich_help_panel=FILTERS, help="Only before TIME.")
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=FILTERS,
            help="Only this ICAP pool group; * and ? are wildcards. With a capture: the pool file of its members.",
        ),
    ] = None,
    member: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]", rich_help_panel=FILTERS, help="Only this ICAP server; * and ? are wildcards."
        ),
    ] = None,
    vs: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this virtual service, by name or uuid; * and ? stand for anything."),
    ] = None,
    client: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Only requests of this client; * and ? stand for anything.")
    ] = None,
    method: Annotated[str | None, typer.Option(metavar="NAME", help="Only this HTTP method.")] = None,
    path: Annotated[
        str | None, typer.Option(metavar="PATH", help="Only this path; * and ? stand for anything: '/upload/*'.")
    ] = None,
    request_id: Annotated[str | None, typer.Option(metavar="ID", help="Only this request.")] = None,
    se: Annotated[
        str | None,
        typer.Option("--se", metavar="NAME", help="Only this Service Engine; * and ? stand for anything."),
    ] = None,
    rule: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this policy rule; * and ? stand for anything.")
    ] = None,
    content_type: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="Only this media type, such as 'image/*'; without its parameters."),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Only this reason, as -v lists them: a code such as ADF_ICAP_TIMEDOUT, or 'Infected*'."
        ),
    ] = None,
    action: Annotated[
        list[Action] | None, typer.Option(rich_help_panel=FILTERS, help="Only these outcomes; repeatable.")
    ] = None,
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
    quiet: Quiet = False,
    verbose: Verbose = 0,
    fail_on: FailOn = Severity.CRITICAL,
) -> None:
    """Explain logs of Avi, c-icap or Squid, pasted ICAP responses, packet captures: what failed, why, what to do."""
    from icapdiag.cli.explain.run import explain_files
    from icapdiag.cli.inputs import load_library
    from icapdiag.cli.output import chosen_outputs, end_status, write_outputs
    from icapdiag.cli.signals import stopping
    from icapdiag.logs.counting.filters import Filters
    from icapdiag.logs.opening.inputs import InputError
    from icapdiag.mistakes import FileError

    if not files:
        if stdin_is_terminal():
            raise typer.BadParameter("give a log file, or pipe a log into the command", param_hint="FILE")
        files = ["-"]
    begin, end = span_of(since, until, datetime.now(UTC))
    filters = Filters(
        since=begin,
        until=end,
        pool=pool,
        member=member,
        actions=frozenset(Filters.action_name(each.value) for each in action or ()),
        vs=vs,
        client=client,
        method=method,
        path=path,
        request_id=request_id,
        se=se,
        rule=rule,
        content_type=content_type,
        reason=reason,
    )
    if follow and len(files) != 1:
        raise typer.BadParameter("one file, or -, can be followed at a time", param_hint="--follow")
    if follow and redact:
        raise typer.BadParameter("what --follow shows is not redacted: save the report, then icapdiag report redact")
    redaction = redaction_of(redact, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction, detail=detail_of(quiet, verbose))
    library = load_library(folders)  # before the reading: a mistake in a runbook must not cost an hour
    with stopping() as stop:
        try:
            if follow:
                from icapdiag.cli.explain.follow import follow_file

                # Where the final table goes, its forerunners go too; but nothing may stand beside JSON.
                on_stdout = any(each.path is None and each.format == "table" for each in outputs)
                explained = follow_file(files[0], filters, library, stop, on_stdout=on_stdout)
            else:
                explained = explain_files(files, filters, library, jobs, stop)
        except (InputError, FileError) as error:
            stop_with(f"icapdiag: {each}" for each in error.errors)
        for refusal in explained.refused:
            remark(refusal)
        written = write_outputs(explained.report, outputs, redaction=redaction) and not explained.refused
    status = end_status(explained.report, outputs, fail_on, written=written, interrupted=explained.interrupted)
    raise typer.Exit(status)
