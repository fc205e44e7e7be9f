"""``icapdiag pull``: fetch configuration, runtime state, metrics and logs of ICAP from an Avi Controller."""

from pathlib import Path
from typing import Annotated

import typer

from icapdiag.cli.help import FILTERS, LIMITS, REACHING
from icapdiag.cli.options import above_zero
from icapdiag.vocabulary import ExitStatus

EXAMPLES = """\
icapdiag pull --controller avi.example.com --user auditor -d incident
icapdiag pull --controller 192.0.2.1 --user auditor --ca-file ca.pem --password-file pw -d incident --since 1d
icapdiag pull --controller avi.example.com --user auditor --virtual-service shop --no-logs -d config
icapdiag lint incident                              what is wrong with the configuration
icapdiag explain incident                           what the logs say"""


def pull(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    controller: Annotated[
        str,
        typer.Option(
            metavar="HOST[:PORT]", rich_help_panel=REACHING, help="The Controller. TLS only, and always verified."
        ),
    ],
    user: Annotated[str, typer.Option(metavar="NAME", rich_help_panel=REACHING, help="An account that may only read.")],
    folder: Annotated[
        Path,
        typer.Option(
            "-d",
            "--directory",
            metavar="DIR",
            file_okay=False,
            help="A new folder, or that of a pull to continue.",
        ),
    ],
    tenant: Annotated[
        str, typer.Option(metavar="NAME", rich_help_panel=REACHING, show_default=False, help="Default: admin.")
    ] = "admin",
    password_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=REACHING,
            help="The password, in a file of mode 0600. Without it: ICAPDIAG_CONTROLLER_PASSWORD, "
            "ICAPDIAG_CONTROLLER_TOKEN, or a prompt.",
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=REACHING, help="CA certificates (PEM) to trust instead of the system's."
        ),
    ] = None,
    api_version: Annotated[
        str | None,
        typer.Option(metavar="VERSION", rich_help_panel=REACHING, help="X-Avi-Version. Default: the Controller's own."),
    ] = None,
    virtual_service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=FILTERS,
            help="Only this virtual service, by name or uuid; repeatable. Default: all with an ICAP profile.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            rich_help_panel=FILTERS,
            help="Logs and metrics from TIME on: 2026-01-31T10:00 (UTC), or 2h, 1d (ago). Default: 2h before --until.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", rich_help_panel=FILTERS, help="Logs and metrics before TIME. Default: now."),
    ] = None,
    no_logs: Annotated[
        bool, typer.Option("--no-logs", rich_help_panel=FILTERS, help="Everything but the logs.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            rich_help_panel=LIMITS,
            callback=above_zero(),
            help="Requests per second at most. Default: 5.",
        ),
    ] = None,
) -> None:
    """Fetch configuration, runtime state, metrics and logs of ICAP from an Avi Controller. Changes nothing there."""
    from icapdiag.cli.console import print_text
    from icapdiag.cli.controller import Account, Choice, pull_into, pull_summary
    from icapdiag.cli.signals import stopping

    account = Account(controller, user, tenant, password_file, ca_file, api_version)
    choice = Choice(tuple(virtual_service or ()), since, until, logs=not no_logs)
    with stopping() as stop:
        found = pull_into(folder, account, choice, rate=rate, stop=stop)
        if found is not None:
            print_text("".join(f"{line}\n" for line in pull_summary(found, folder)))
    if found is None or stop():
        raise typer.Exit(ExitStatus.INTERRUPTED)
    raise typer.Exit(ExitStatus.OK if found.complete else ExitStatus.INCOMPLETE)
