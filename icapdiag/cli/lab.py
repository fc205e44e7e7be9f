"""``icapdiag lab``: the embedded ICAP servers with known faults, for trying things out."""

from pathlib import Path
from typing import Annotated

import typer

from icapdiag.cli.console import complain, fail, print_text
from icapdiag.cli.options import Force
from icapdiag.vocabulary import ExitStatus

EXAMPLES = """\
icapdiag lab --list                                 the faults
icapdiag lab healthy 404 eicar-missed --pool-file lab.yaml &
icapdiag check lab.yaml --eicar"""


def lab(
    faults: Annotated[
        list[str] | None, typer.Argument(metavar="[FAULT]...", help="Faults to serve, one member each. Default: all.")
    ] = None,
    list_faults: Annotated[bool, typer.Option("--list", help="List the faults and exit.")] = False,
    host: Annotated[str, typer.Option(help="IP address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the first member; the others follow. Default: free ports."),
    ] = None,
    pool_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the pool file here too.", dir_okay=False)
    ] = None,
    force: Force = False,
) -> None:
    """Serve ICAP servers with known faults until interrupted.

    Their pool file goes to stdout.
    """
    import trio

    from icapdiag.cli.output import write_text
    from icapdiag.cli.signals import signals
    from icapdiag.lab import FAULTS, serve_lab

    async def serve() -> bool:
        with trio.open_signal_receiver(*signals()) as received:
            async with serve_lab(faults or None, host=host, port=port) as running:
                if pool_file is not None and not write_text(running.pool_yaml, pool_file, force=force):
                    return False
                print_text(running.pool_yaml)
                complain("Serving; stop with Ctrl-C.")
                await anext(received)
        return True

    if list_faults:
        width = max(len(name) for name in FAULTS)
        print_text("".join(f"{name:<{width}}  {fault.summary}\n" for name, fault in FAULTS.items()))
        return
    try:
        served = trio.run(serve)
    except ValueError as error:
        fail(error)
    except OSError as error:
        fail(f"can't serve the lab on {host}", error)
    raise typer.Exit(ExitStatus.INTERRUPTED if served else ExitStatus.USAGE)
