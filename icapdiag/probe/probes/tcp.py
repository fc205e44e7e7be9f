"""tcp: does the address accept a connection on the port?"""

from __future__ import annotations

from icapdiag.facts.connection import TCP
from icapdiag.probe.base import Context, Outcome, Probe, failed, ok
from icapdiag.probe.connection.connect import os_failure
from icapdiag.probe.connection.tcp import dial, tcp_facts
from icapdiag.probe.host import route_to
from icapdiag.probe.messages import Planned


async def _run(context: Context) -> Outcome:
    try:
        stream = await dial(context)
    except OSError as exc:
        return failed(os_failure(exc, context.address), TCP())
    context.stream = stream
    return ok(tcp_facts(stream.socket) | _route(context, str(stream.socket.getsockname()[0])))


def _route(context: Context, local: str) -> TCP:
    """The way that the connection takes, as far as the kernel tells."""
    found = route_to(context.address, local, context.settings.interface)
    if found is None:
        return TCP()
    return TCP(route_interface=found.interface, route_gateway=found.gateway or None)


PROBE: Probe = Probe(
    name="tcp",
    run=_run,
    sends="a TCP handshake",
    plan=lambda context: (Planned(to=context.peer, connections=1),),
    depth="quick",
    connects=True,
    carries=True,
    needs=("dns",),
    timeout=lambda settings: settings.connect_timeout,
)
