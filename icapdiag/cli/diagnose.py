"""``icapdiag diagnose``: configuration, logs, captures, scripts and a check, held side by side."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from icapdiag.cli.console import remark, stderr_is_terminal, stop_with
from icapdiag.cli.help import FILTERS, PROBING
from icapdiag.cli.options import (
    FailOn,
    Folders,
    Force,
    Keep,
    Key,
    Outputs,
    ProfileName,
    Quiet,
    Redact,
    ServiceName,
    Tickets,
    Verbose,
    detail_of,
    redaction_of,
)
from icapdiag.cli.times import span_of
from icapdiag.vocabulary import Severity

EXAMPLES = """\
icapdiag diagnose export.json log.json              is traffic being scanned, and why not?
icapdiag diagnose pool.yaml log.json --check --eicar
icapdiag diagnose pulled/ icap.pcap se-output.txt   what the Controller, the wire and a Service Engine say
icapdiag diagnose before.json after.json log.json   saved reports: what changed between them?"""


def diagnose(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Folders of icapdiag pull, Avi exports, pool files, logs, packet captures, output of se-script, saved "
            "reports (-o json=FILE): any of them, recognised by content.",
        ),
    ],
    check: Annotated[
        bool,
        typer.Option(
            "--check", rich_help_panel=PROBING, help="Probe the pool of the pool file, or of the configuration, now."
        ),
    ] = False,
    eicar: Annotated[
        bool, typer.Option("--eicar", rich_help_panel=PROBING, help="With --check: send the EICAR test virus, too.")
    ] = False,
    profile: ProfileName = None,
    virtual_service: ServiceName = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            rich_help_panel=FILTERS,
            help="Logs and captures from TIME on: 2026-01-31T10:00 (UTC), or 2h, 1d (ago).",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", rich_help_panel=FILTERS, help="Logs and captures before TIME.")
    ] = None,
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
    """Hold sources side by side: is traffic being scanned, what did users get, since when, why, what to do first."""
    from icapdiag.api.diagnosing import diagnose as diagnose_sources
    from icapdiag.cli.inputs import load_library
    from icapdiag.cli.output import chosen_outputs, end_status, write_outputs
    from icapdiag.cli.progress import ReadingProgress
    from icapdiag.cli.signals import stopping
    from icapdiag.logs.opening.inputs import InputError
    from icapdiag.mistakes import FileError
    from icapdiag.model import Report
    from icapdiag.pool import Pool
    from icapdiag.pool.avi import Choice

    if eicar and not check:
        raise typer.BadParameter("is sent by a check only: add --check", param_hint="--eicar")
    now = datetime.now(UTC)
    redaction = redaction_of(redact, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction, detail=detail_of(quiet, verbose))
    library = load_library(folders)
    refused: list[str] = []
    begin, end = span_of(since, until, now)
    progress = ReadingProgress() if stderr_is_terminal() else None
    with stopping() as stop:
        if check:
            from icapdiag.cli.check.asked import insist_on_consent
            from icapdiag.cli.check.run import run
            from icapdiag.probe import PROBES, Settings
            from icapdiag.probe.running.catalogue import choose

            def checked(pool: Pool) -> Report:
                insist_on_consent(pool, None, eicar=eicar)
                return run(pool, Settings(eicar=eicar), choose(PROBES), library, stop)[0]

        try:
            report = diagnose_sources(
                sources,
                check=checked if check else None,
                choice=Choice(profile, virtual_service),
                since=begin,
                until=end,
                runbooks=library,
                progress=progress,
                stop=stop,
                refused=refused.append,
            )
        except (InputError, FileError) as error:
            stop_with(f"icapdiag: {each}" for each in error.errors)
        finally:
            if progress is not None:
                progress.erase()
        for refusal in refused:
            remark(refusal)
        written = write_outputs(report, outputs, redaction=redaction) and not refused
        interrupted = stop()
    raise typer.Exit(end_status(report, outputs, fail_on, written=written, interrupted=interrupted))
