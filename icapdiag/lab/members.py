"""The lab's members: what one does, what a check must say about it, and the pool file that names them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from icapdiag.lab.connection import Connection
from icapdiag.lab.scanner import HEALTHY, SERVICE_URI

Behaviour = Callable[[Connection], Awaitable[None]]
Certificate = Literal["healthy", "expired", "wrong-name", "untrusted", "client-certificate"]
Depth = Literal["standard", "deep", "load"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)


@dataclass(frozen=True, slots=True)
class Fault:
    """One member of the lab.

    ``finding`` is the id of the one finding that a check must give, None for none, in a run of this ``depth``; in a
    shallower run the member seems healthy, and the lab leaves it out. ``behaviour`` serves a connection; without one
    the port is bound and not listened on. ``tls``: the pool file says TLS. ``certificate``: the server speaks TLS, and
    with ``client-certificate`` it demands one of its client.
    """

    name: str
    summary: str
    finding: str | None
    behaviour: Behaviour | None = HEALTHY
    certificate: Certificate | None = None
    tls: bool = False
    enabled: bool = True
    depth: Depth = "standard"


_HEAD = f"""\
# The icapdiag lab: every member is a server with one known fault.
pool: icapdiag-lab
profile:
  service_uri: {SERVICE_URI}
  vendor: ICAP_VENDOR_OPSWAT
  preview_size: 1024  # bytes
  buffer_size: 512  # KB
  response_timeout: 3000  # ms
  slow_response_warning_threshold: 400  # ms
samples: [clean, eicar]
compare: false  # they differ on purpose
members:
"""


@dataclass(frozen=True, slots=True)
class LabMember:
    """A fault and where it is served. ``ca_file`` is set for members that the pool reaches by TLS."""

    fault: Fault
    host: str
    port: int
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        return self.fault.name


def pool_yaml(members: Iterable[LabMember]) -> str:
    """The text of a pool file that `icapdiag.pool.load_pool` reads; each member with its summary."""
    return _HEAD + "".join(_member(member) for member in members)


def _member(member: LabMember) -> str:
    fields = [f"host: {_quoted(member.host)}", f"port: {member.port}", f"name: {_quoted(member.name)}"]
    if member.ca_file is not None:
        fields.append(f"tls: {{ca_file: {_quoted(str(member.ca_file))}}}")
    if not member.fault.enabled:
        fields.append("enabled: false")
    return f"  # {member.fault.summary}\n  - {{{', '.join(fields)}}}\n"


def _quoted(text: str) -> str:
    """A JSON string is a YAML string; bare, the name 404 would be a number."""
    return json.dumps(text)
