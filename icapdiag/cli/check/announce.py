"""What is said before the test virus is sent, for those who will see it on the network."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icapdiag.pool import Member
    from icapdiag.probe import Settings


def announcement(members: list[Member], settings: Settings, moment: datetime) -> str:
    """What the people who watch the network must know before they see EICAR on it."""
    from icapdiag.report.build import timestamp  # noqa: PLC0415 - not for --help

    host = socket.gethostname()
    found = [settings.source] if settings.source else (_source_address(member) for member in members)
    sources = dict.fromkeys(source for source in found if source)
    source = f"{host} ({', '.join(sources)})" if sources else host
    count = "1 member" if len(members) == 1 else f"{len(members)} members"
    return (
        f"icapdiag: sending the EICAR test virus (harmless) to {count} from {source} at {timestamp(moment)}, "
        f"correlation id {settings.correlation_id}. Sensors may raise alarms: tell your SOC."
    )


def _source_address(member: Member) -> str | None:
    """The address that this host would use towards a member that is given by address. Sends nothing."""
    try:
        version = ip_address(member.host).version
    except ValueError:
        return None  # a name: looking it up is the probes' work
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((member.host, member.port))  # a datagram socket: sets the route, no packet leaves
        return str(sock.getsockname()[0])
    return None
