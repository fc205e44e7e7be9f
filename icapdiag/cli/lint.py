"""``icapdiag lint``: check an Avi configuration without any traffic."""

from pathlib import Path
from typing import Annotated

import typer

from icapdiag.cli.console import stdin_is_terminal, stop_with
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
from icapdiag.vocabulary import Severity

EXAMPLES = """\
icapdiag lint export.json                           do uploads reach ICAP, and what is wrong on the way
icapdiag lint vs.json policies.json icap.json       API responses, together one configuration
icapdiag lint values/ --virtual-service shop        the files of a folder, and one virtual service only
terraform show -json | icapdiag lint -              what a pipe brings
icapdiag lint plan.json -o sarif=lint.sarif --fail-on warning"""


def lint(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="Avi objects as JSON or YAML, together one configuration: API responses, avi_config exports, "
            "terraform show -json, Ansible values, AKO HostRule and L7Rule. A folder stands for its files, one of pull "
            "for its configuration. '-', or nothing, is stdin.",
        ),
    ] = None,
    virtual_service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only this virtual service, by name or uuid; repeatable. Default: all that use ICAP."
        ),
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
    """Check an Avi configuration without any traffic: do uploads reach ICAP, and what is wrong on the way."""
    from icapdiag.api.linting import NotConfiguration
    from icapdiag.api.linting import lint as lint_files
    from icapdiag.cli.inputs import load_library
    from icapdiag.cli.output import chosen_outputs, end_status, write_outputs

    if not files:
        if stdin_is_terminal():
            raise typer.BadParameter(
                "give the files of a configuration, or pipe one into the command", param_hint="FILE"
            )
        files = [Path("-")]
    redaction = redaction_of(redact, keep, key)
    outputs = chosen_outputs(output, ticket, force=force, redaction=redaction, detail=detail_of(quiet, verbose))
    library = load_library(folders)
    try:
        report = lint_files(files, virtual_services=virtual_service or (), runbooks=library)
    except NotConfiguration as error:
        stop_with(error.errors)
    written = write_outputs(report, outputs, redaction=redaction)
    raise typer.Exit(end_status(report, outputs, fail_on, written=written))
