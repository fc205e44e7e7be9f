"""``icapdiag init``: write a pool file with a comment on each line, or copies of the examples."""

from pathlib import Path
from typing import Annotated

import typer

from icapdiag.cli.console import fail, print_text, remark, stderr_is_terminal, stdin_is_terminal, stop_with
from icapdiag.text import visible

EXAMPLES = """\
icapdiag init                                       asks for the servers
icapdiag init 10.0.0.1 icap2.example.com:11344 --service-uri /avscan
icapdiag init --from export.json --virtual-service shop
icapdiag init --examples examples                   a pool, a log and an Avi export to try things with"""

TEMPLATE = """\
# An ICAP pool as icapdiag reads it. Try it: icapdiag check {file} --plan
pool: {pool}
profile:                                   # the Avi ICAP profile: Avi's own names, units and defaults
  service_uri: {service_uri}
  # vendor: ICAP_VENDOR_OPSWAT             # or ICAP_VENDOR_GENERIC (default), ICAP_VENDOR_LASTLINE
  # preview_size: 5000                     # bytes; enable_preview: false sends no preview
  # response_timeout: 60000                # ms; slow_response_warning_threshold: 10000
  # fail_action: ICAP_FAIL_OPEN            # or ICAP_FAIL_CLOSED: what users get when no member answers
# samples: [clean, eicar]                  # also send the EICAR test file in every run, as --eicar does
# tls: {{ca_file: ca.pem}}                   # the members speak ICAPS; also server_name, verify, cert_file, key_file
members:                                   # host, host:port or [IPv6]:port; port {port} if none is written
{members}"""
DEFAULT_SERVICE = "/avscan"
DEFAULT_POOL = "icap-pool"


def init(
    servers: Annotated[
        list[str] | None, typer.Argument(metavar="HOST[:PORT]...", help="The ICAP servers. Default: asks for them.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="The pool file to write.")
    ] = Path("pool.yaml"),
    pool: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Name of the pool. Default: {DEFAULT_POOL}.")
    ] = None,
    service_uri: Annotated[
        str | None, typer.Option(metavar="PATH", help=f"Path of the ICAP service. Default: {DEFAULT_SERVICE}.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="EXPORT",
            dir_okay=False,
            help="Make it of an Avi export; what is assumed stands there as comments.",
        ),
    ] = None,
    virtual_service: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --from: of the ICAP profile of this virtual service.")
    ] = None,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="With --from: of this ICAP profile.")] = None,
    examples: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="Copy the examples there instead: a pool file, a log, an Avi export."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Write a commented pool file to start from, or copy the examples."""
    if examples is not None:
        if servers or (pool, service_uri, source) != (None, None, None):
            raise typer.BadParameter("can't be combined with other settings", param_hint="--examples")
        _copy_examples(examples, force=force)
        return
    if source is None and (virtual_service, profile) != (None, None):
        option = "--profile" if virtual_service is None else "--virtual-service"
        raise typer.BadParameter("needs --from EXPORT", param_hint=option)
    if source is not None:
        if servers or pool is not None:
            raise typer.BadParameter("takes servers and names from the export", param_hint="--from")
        _convert(source, output, profile, service_uri, virtual_service, force=force)
        print_text(f"Wrote {visible(str(output), None)}. Next: icapdiag check {visible(str(output), None)}\n")
        return
    if not servers:
        servers, service_uri, pool = _asked(service_uri, pool)
    text = pool_file(servers, service_uri or DEFAULT_SERVICE, pool or DEFAULT_POOL, output)
    _write(output, text.encode(), force=force)
    print_text(f"Wrote {visible(str(output), None)}. Next: icapdiag check {visible(str(output), None)}\n")


def pool_file(servers: list[str], service_uri: str, pool: str, file: Path) -> str:
    """The text of the file. Ends the command with every mistake in what it is to hold."""
    from icapdiag.pool import PoolError, loads_pool
    from icapdiag.pool.model import DEFAULT_PORT
    from icapdiag.pool.writing import quoted

    members = "".join(f"  - {quoted(server)}\n" for server in servers)
    shown = visible(file.name, None)
    text = TEMPLATE.format(
        file=shown, pool=quoted(pool), service_uri=quoted(service_uri), port=DEFAULT_PORT, members=members
    )
    try:
        loads_pool(text.encode(), file)
    except PoolError as error:
        stop_with(f"icapdiag: {each.message}" for each in error.errors)
    return text


def _convert(
    source: Path,
    output: Path,
    profile: str | None,
    service_uri: str | None,
    virtual_service: str | None,
    *,
    force: bool,
) -> None:
    """Write the pool of an Avi export as a pool file, and beside it the certificates that it names."""
    from icapdiag.pool import PoolError, load_pool
    from icapdiag.pool.writing import written

    try:
        pool = load_pool(source, profile=profile, service_uri=service_uri, virtual_service=virtual_service)
    except PoolError as error:
        stop_with(error.errors)
    of = f", virtual service {virtual_service}" if virtual_service else ""
    made = written(pool, output.stem, f"{source}{of}, by icapdiag init")
    for name, pem in made.authorities.items():
        _write(output.with_name(name), pem.encode(), force=force)
        remark(f"wrote {visible(str(output.with_name(name)), None)}")
    _write(output, made.text.encode(), force=force)


def _asked(service_uri: str | None, pool: str | None) -> tuple[list[str], str, str]:
    """Ask for what was not given on the command line."""
    if not (stdin_is_terminal() and stderr_is_terminal()):
        fail("no servers given: icapdiag init HOST[:PORT]...")
    servers = typer.prompt("ICAP servers (HOST or HOST:PORT, separated by spaces)", err=True)
    if service_uri is None:
        service_uri = typer.prompt("Path of the ICAP service", default=DEFAULT_SERVICE, err=True)
    if pool is None:
        pool = typer.prompt("Name of the pool", default=DEFAULT_POOL, err=True)
    return servers.replace(",", " ").split(), service_uri, pool


def _copy_examples(folder: Path, *, force: bool) -> None:
    from importlib.resources import files

    from icapdiag.files import folder as opened

    try:
        with opened(folder, make=True):
            pass
    except OSError as error:
        fail(f"can't make {visible(str(folder), None)}", error)
    for example in sorted(files("icapdiag").joinpath("examples").iterdir(), key=lambda each: each.name):
        if example.is_file():
            _write(folder / example.name, example.read_bytes(), force=force)
            remark(f"wrote {visible(str(folder / example.name), None)}")


def _write(path: Path, data: bytes, *, force: bool) -> None:
    from icapdiag.cli.output import OutputError, place_for
    from icapdiag.files import write_data

    try:
        write_data(place_for(str(path), force=force), data, force=force)
    except OutputError as error:
        fail(error)
    except OSError as error:
        fail(f"can't write {visible(str(path), None)}", error)
