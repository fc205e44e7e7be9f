"""``icapdiag lab``: the embedded ICAP servers with known faults, for trying things out."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icapdiag.cli.console import complain, print_text, stop_with
from icapdiag.report.status import ExitStatus

if TYPE_CHECKING:
    from icapdiag.lab import Lab


def lab(
    faults: Annotated[
        list[str] | None, typer.Argument(metavar="[FAULT]...", help="Members to serve; all of them if none is named.")
    ] = None,
    list_faults: Annotated[bool, typer.Option("--list", help="List the faults and exit.")] = False,
    host: Annotated[str, typer.Option(help="IP address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port of the first member; the others follow. Default: free ports."),
    ] = None,
    pool_file: Annotated[
        Path | None, typer.Option("--pool-file", metavar="FILE", help="Write the pool file here too.", dir_okay=False)
    ] = None,
) -> None:
    """Serve ICAP servers with known faults until interrupted.

    Their pool file goes to stdout.
    """
    from icapdiag.lab import FAULTS

    if list_faults:
        width = max(len(name) for name in FAULTS)
        print_text("".join(f"{name:<{width}}  {fault.summary}\n" for name, fault in FAULTS.items()))
        return
    import trio

    try:
        trio.run(_serve, faults or None, host, port, pool_file)
    except ValueError as error:
        stop_with([f"icapdiag: {error}"])
    except OSError as error:
        stop_with([f"icapdiag: can't serve the lab on {host}: {error.strerror or error}"])
    raise typer.Exit(ExitStatus.INTERRUPTED)


async def _serve(faults: list[str] | None, host: str, port: int | None, pool_file: Path | None) -> None:
    import signal

    import trio

    from icapdiag.lab import serve_lab

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serve_lab(faults, host=host, port=port) as running:
            _announce(running, pool_file)
            await anext(signals)


def _announce(running: Lab, pool_file: Path | None) -> None:
    from icapdiag.cli.output import write_file

    if pool_file is not None:
        try:
            write_file(pool_file, running.pool_yaml)
        except OSError as error:
            stop_with([f"icapdiag: can't write {pool_file}: {error.strerror or error}"])
    print_text(running.pool_yaml)
    complain("Serving; stop with Ctrl-C.")
