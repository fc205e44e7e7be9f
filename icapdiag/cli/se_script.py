"""``icapdiag se-script``: print a shell script for a Service Engine that asks the pool's members."""

from typing import Annotated

import typer

from icapdiag.cli.console import fail, print_text
from icapdiag.cli.options import PoolTarget, ProfileName, ServiceName, ServiceUri

EXAMPLES = """\
icapdiag se-script pool.yaml > se.sh                then paste se.sh into bash on the Service Engine
icapdiag se-script pool.yaml --netns avi_ns1        in the network namespace of the pool's VRF
icapdiag explain output.txt                         what the script printed; several files: several SEs"""


def se_script(
    pool: PoolTarget,
    netns: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Network namespace of the Service Engine to run in, such as avi_ns1 (needs root there).",
        ),
    ] = "",
    eicar: Annotated[bool, typer.Option("--eicar", help="Also send the EICAR test virus.")] = False,
    service_uri: ServiceUri = None,
    profile: ProfileName = None,
    virtual_service: ServiceName = None,
    connect_timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, max=60, help="For a connection.")] = 5.0,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, max=600, help="For a response.")] = 10.0,
) -> None:
    """Print a shell script to paste on a Service Engine; explain reads what it prints.

    It needs only bash, writes no file, and says in its first lines what it sends and with how many connections.
    """
    from icapdiag.api.se_script import ScriptError
    from icapdiag.api.se_script import se_script as written
    from icapdiag.cli.pools import load
    from icapdiag.pool.avi import Choice

    found = load([pool], Choice(profile, virtual_service), service_uri)
    try:
        text = written(found, netns=netns, eicar=eicar, connect_timeout=connect_timeout, timeout=timeout)
    except ScriptError as error:
        fail(str(error))
    except OSError as error:
        fail("can't read a CA file", error)
    print_text(text)
