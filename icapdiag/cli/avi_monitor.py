"""``icapdiag avi-monitor``: write an external health monitor for Avi that sees whether a server scans."""

import json
from typing import Annotated

import typer

from icapdiag.cli.console import fail
from icapdiag.cli.help import OUTPUT, PROBING
from icapdiag.cli.options import Force, PoolTarget, ProfileName, ServiceName, ServiceUri
from icapdiag.vocabulary import ExitStatus

FORMATS = ("script", "json")
EXAMPLES = """\
icapdiag avi-monitor pool.yaml > monitor.sh         the script; its first lines say how to try it
icapdiag avi-monitor pool.yaml --eicar -o json=monitor.json   the object for the API: POST /api/healthmonitor"""


def avi_monitor(  # noqa: PLR0913, PLR0917 - typer: one parameter an option
    pool: PoolTarget,
    eicar: Annotated[
        bool,
        typer.Option("--eicar", rich_help_panel=PROBING, help="Also send the EICAR test virus: it must be blocked."),
    ] = False,
    no_options: Annotated[
        bool,
        typer.Option(
            "--no-options", rich_help_panel=PROBING, help="Send no OPTIONS request, for servers that reject it."
        ),
    ] = False,
    member: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=PROBING, help="The member whose TLS settings hold for all."),
    ] = None,
    service_uri: ServiceUri = None,
    profile: ProfileName = None,
    virtual_service: ServiceName = None,
    send_interval: Annotated[
        int, typer.Option(metavar="SECONDS", min=2, max=3600, help="From one check to the next.")
    ] = 10,
    receive_timeout: Annotated[
        int,
        typer.Option(metavar="SECONDS", min=1, max=2400, help="For a whole check; the script ends 0.5 s earlier."),
    ] = 4,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the monitor. Default: icapdiag- and the pool's name.")
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FORMAT[=FILE]",
            rich_help_panel=OUTPUT,
            help=f"{', '.join(FORMATS)}; repeatable. Default: {FORMATS[0]}.",
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write an external health monitor for Avi: it marks a server up only if it scans. Sends nothing.

    TCP and HTTP monitors mark a server up that does not scan. A wrong monitor marks servers down: try it on a pool of
    its own first. The first lines of the script say how.
    """
    from icapdiag.api.avi_monitor import avi_monitor as monitor_for
    from icapdiag.api.se_script import ScriptError
    from icapdiag.cli.output import OutputError, parse_outputs, write_text
    from icapdiag.cli.pools import load
    from icapdiag.pool.avi import Choice
    from icapdiag.script.monitoring import health_monitor, monitor_script

    try:
        outputs = parse_outputs(output or (), force=force, formats=FORMATS)
    except OutputError as error:
        raise typer.BadParameter(str(error), param_hint="'--output' / '-o'") from None
    found = load([pool], Choice(profile, virtual_service), service_uri)
    try:
        monitor = monitor_for(
            found,
            member=member,
            eicar=eicar,
            options=not no_options,
            receive_timeout=receive_timeout,
            send_interval=send_interval,
        )
    except ScriptError as error:
        fail(str(error))
    except OSError as error:
        fail("can't read a CA file", error)
    described = health_monitor(monitor, name or f"icapdiag-{found.name}")
    texts = {"script": monitor_script(monitor), "json": json.dumps(described, indent=2) + "\n"}
    written = [write_text(texts[each.format], each.path, "utf-8", force=each.force) for each in outputs]
    raise typer.Exit(ExitStatus.OK if all(written) else ExitStatus.USAGE)
