"""One member of the lab: what it does, and what a check must say about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, get_args

from icapdiag.lab.connection import Connection
from icapdiag.lab.scanner import HEALTHY

Behaviour = Callable[[Connection], Awaitable[None]]
Certificate = Literal["healthy", "expired", "wrong-name", "untrusted", "client-certificate"]
Depth = Literal["standard", "deep", "load"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)


@dataclass(frozen=True, slots=True)
class Fault:
    """One member of the lab.

    ``finding`` is the id of the one finding that a check must give, None for none, in a run of
    this ``depth``; in a shallower run the member seems healthy, and the lab leaves it out.
    ``behaviour`` serves a connection; without one the port is bound and not listened on.
    ``tls``: the pool file says TLS. ``certificate``: the server speaks TLS, and with ``client-certificate``
    it demands one of its client.
    """

    name: str
    summary: str
    finding: str | None
    behaviour: Behaviour | None = HEALTHY
    certificate: Certificate | None = None
    tls: bool = False
    enabled: bool = True
    depth: Depth = "standard"
