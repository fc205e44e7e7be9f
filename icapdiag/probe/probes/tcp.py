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
    facts = tcp_facts(stream.socket)
    if found := route_to(context.address, facts.local_address or "", context.settings.interface):
        facts.route_interface, facts.route_gateway = found.interface, found.gateway or None
    return ok(facts)


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
