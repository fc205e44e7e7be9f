"""Where the program ran: for a check, the host that stands in for the Service Engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from icapdiag import __version__
from icapdiag.report.untyped import Facts, JSONValue, Observation

CAVEAT = (
    "This host stands in for the Service Engine and is not the Service Engine: "
    "routes, firewalls, DNS and source address may differ there. "
    "What works from here may fail there, and the other way round."
)


def source_addresses(observations: Iterable[Observation]) -> list[str]:
    """Our addresses on the connections to the members, in the order in which they were first seen."""
    sources: list[str] = []
    for observation in observations:
        local = observation.facts.get("local_address")
        if isinstance(local, str) and local not in sources:
            sources.append(local)
    return sources


def routes_seen(observations: Iterable[Observation]) -> list[JSONValue]:
    """The ways to the members, most used first: ``interface``, ``gateway`` (None: there is none), ``members``."""
    members: dict[tuple[str, str | None], set[str]] = {}
    for observation in observations:
        interface, gateway = (observation.facts.get(name) for name in ("route_interface", "route_gateway"))
        if isinstance(interface, str):
            way = interface, gateway if isinstance(gateway, str) else None
            members.setdefault(way, set()).add(observation.member)
    ways = sorted(members.items(), key=lambda way: -len(way[1]))
    return [{"interface": way[0], "gateway": way[1], "members": len(own)} for way, own in ways]


def vantage_facts(sources: list[str], more: Facts | None = None) -> Facts:
    """Facts on this host; ``sources`` as of `source_addresses`, and ``more`` of what was asked of its kernel.

    ``source_address`` is the first of the sources, None when no connection was made. No traffic.
    """
    return {**_host(sources), **(more or {}), "caveat": CAVEAT}


def reading_facts() -> Facts:
    """Facts on this host, which only read what was logged elsewhere."""
    return _host([])


def _host(sources: list[str]) -> dict[str, str | list[str] | None]:
    system = os.uname()  # socket and platform would say the same and take 4 ms to import
    return {
        "host": system.nodename,
        "source_address": sources[0] if sources else None,
        "source_addresses": sources,
        "platform": f"{system.sysname} {system.release} {system.machine}",
        "python": ".".join(map(str, sys.version_info[:3])),
        "icapdiag": __version__,
    }
