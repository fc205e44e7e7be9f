"""tcp: does the address accept a connection on the port?"""

from __future__ import annotations

from icapdiag.probe.base import Context, Outcome, Planned, Probe, ok
from icapdiag.probe.dial import dial, tcp_facts
from icapdiag.probe.failures import os_failure


async def _run(context: Context) -> Outcome:
    try:
        stream = await dial(context)
    except OSError as exc:
        return os_failure(exc, context.address)
    context.stream = stream
    return ok(tcp_facts(stream.socket))


PROBE = Probe(
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
