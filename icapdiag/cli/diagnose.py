"""``icapdiag diagnose``: configuration, logs, captures, scripts and a check, held side by side."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from icapdiag.cli.console import remark, stderr_is_terminal, stop_with
from icapdiag.cli.help import FILTERS, LIMITS, PROBING, REACHING
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
    above_zero,
    detail_of,
    redaction_of,
)
from icapdiag.cli.times import span_of
from icapdiag.vocabulary import ExitStatus, Severity

if TYPE_CHECKING:
    from icapdiag.cli.signals import Stop

EXAMPLES = """\
icapdiag diagnose export.json log.json              is traffic being scanned, and why not?
icapdiag diagnose pool.yaml log.json --check --eicar
icapdiag diagnose pulled/ icap.pcap se-output.txt   what the Controller, the wire and a Service Engine say
icapdiag diagnose --controller avi.example.com --user auditor -d incident --check
icapdiag diagnose before.json after.json log.json   saved reports: what changed between them?"""


def diagnose(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="Folders of icapdiag pull, Avi exports, pool files, logs, packet captures, output of se-script, saved "
            "reports (-o json=FILE): any of them, recognised by content.",
        ),
    ] = None,
    controller: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]",
            rich_help_panel=REACHING,
            help="First pull from this Controller, as icapdiag pull does, into the folder of -d.",
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", rich_help_panel=REACHING, help="With --controller: an account that may only read."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "-d",
            "--directory",
            metavar="DIR",
            file_okay=False,
            rich_help_panel=REACHING,
            help="With --controller: a new folder, or that of a pull to continue.",
        ),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=REACHING, help="With --controller. Default: admin."),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=REACHING,
            help="With --controller: the password, in a file of mode 0600. Without it: ICAPDIAG_CONTROLLER_PASSWORD, "
            "ICAPDIAG_CONTROLLER_TOKEN, or a prompt.",
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=REACHING,
            help="With --controller: CA certificates (PEM) to trust instead of the system's.",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", rich_help_panel=PROBING, help="Probe the pool of the pool file, or of the configuration, now."
        ),
    ] = False,
    eicar: Annotated[
        bool, typer.Option("--eicar", rich_help_panel=PROBING, help="With --check: send the EICAR test virus, too.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            rich_help_panel=LIMITS,
            callback=above_zero(),
            help="With --controller: requests per second at most. Default: 5.",
        ),
    ] = None,
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

    origin = _origin(sources, controller, user, folder, tenant, password_file, ca_file, rate)
    if eicar and not check:
        raise typer.BadParameter("is sent by a check only: add --check", param_hint="--eicar")
    now = datetime.now(UTC)
    redaction = redaction_of(redact, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction, detail=detail_of(quiet, verbose))
    library = load_library(folders)
    refused: list[str] = []
    begin, end = span_of(since, until, now)
    progress = ReadingProgress() if stderr_is_terminal() else None
    given = list(sources or ())
    with stopping() as stop:
        if origin is not None:
            given.insert(0, _pulled(origin, virtual_service, since, until, stop))
            begin = end = None  # the pull has just this span, which its counters are for
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
                given,
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


class _Origin(NamedTuple):
    """The Controller to pull from, and the folder to pull into."""

    controller: str
    user: str
    folder: Path
    tenant: str
    password_file: Path | None
    ca_file: Path | None
    rate: float | None


def _origin(
    sources: list[str] | None,
    controller: str | None,
    user: str | None,
    folder: Path | None,
    tenant: str | None,
    password_file: Path | None,
    ca_file: Path | None,
    rate: float | None,
) -> _Origin | None:
    """None without --controller. Options that do nothing alone, or lack another one, end the command with its usage."""
    if controller is None:
        asked: dict[str, object] = {"--user": user, "-d": folder, "--tenant": tenant, "--password-file": password_file}
        asked |= {"--ca-file": ca_file, "--rate": rate}
        if given := [option for option, value in asked.items() if value is not None]:
            raise typer.BadParameter("is for a pull: add --controller", param_hint=given[0])
        if not sources:
            raise typer.BadParameter("give sources, or --controller to pull them first", param_hint="SOURCE")
        return None
    if user is None or folder is None:
        raise typer.BadParameter("needs an account and a folder: add --user NAME -d DIR", param_hint="--controller")
    return _Origin(controller, user, folder, tenant or "admin", password_file, ca_file, rate)


def _pulled(origin: _Origin, virtual_service: str | None, since: str | None, until: str | None, stop: Stop) -> str:
    """Pull; the folder. An interrupted pull ends the command."""
    from icapdiag.cli.controller import Account, Choice, pull_into

    account = Account(origin.controller, origin.user, origin.tenant, origin.password_file, origin.ca_file)
    choice = Choice((virtual_service,) if virtual_service else (), since, until)
    found = pull_into(origin.folder, account, choice, rate=origin.rate, stop=stop)
    if found is None or stop():
        raise typer.Exit(ExitStatus.INTERRUPTED)
    return str(origin.folder)
