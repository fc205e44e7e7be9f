"""What the servers of ICAP pools say in OPTIONS, by a report of a check, beside what Avi is told to do with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from icapdiag.avi.config.pools import LIMIT, Chain, GroupedPool
from icapdiag.avi.config.schema import as_integer


class Offer(NamedTuple):
    """A server's OPTIONS answer: the longest preview in bytes, and Max-Connections. None: not there."""

    preview: int | None = None
    connections: int | None = None


Offers = Mapping[str, Offer]
"""By ``host:port`` in small letters."""


class Least(NamedTuple):
    """The smallest of some servers' offers, and the servers that offer no more. None: none is known."""

    value: int | None
    servers: tuple[str, ...] | None


def least(pools: Iterable[GroupedPool], offers: Offers, field: str) -> Least:
    """The smallest ``preview`` or ``connections`` that the enabled servers of these pools offer."""
    known: dict[str, int] = {}
    for name in sorted({server for pool in pools for server in _servers(pool)}) if offers else ():
        value: int | None = getattr(offers.get(name), field, None)
        if value is not None:
            known[name] = value
    smallest = min(known.values(), default=None)
    return Least(smallest, tuple(name for name, value in known.items() if value == smallest) or None)


def connection_limits(chains: Sequence[Chain]) -> Mapping[str, int | None]:
    """How many connections Avi opens to each server at most, all Service Engines together; None: no limit.

    max_concurrent_connections_per_server of a pool is a total: it isn't divided by Service Engines. Those of several
    pools with the same server add up, as each pool counts for itself.
    """
    found: dict[str, int | None] = {}
    for pool in {id(pool.found.node): pool for chain in chains for pool in chain.pools if pool.usable != 0}.values():
        limit = as_integer(pool.found.node.text(LIMIT) or "0") or None
        for name in _servers(pool):
            before = found.get(name, 0)
            found[name] = None if limit is None or before is None else before + limit
    return found


def sharing_pools(pool: GroupedPool, chains: Sequence[Chain]) -> int:
    """How many pools in use, with this one, have one of its servers; at least 1."""
    own = _servers(pool)
    every = {id(each.found.node): each for chain in chains for each in chain.pools if each.usable != 0}.values()
    return max(sum(1 for each in every if own & _servers(each)), 1)


def connections_in_all(pool: GroupedPool, limits: Mapping[str, int | None]) -> int | None:
    """The most that Avi opens to a server of the pool; None if unlimited."""
    own = [limits.get(name) for name in _servers(pool)]
    known = [each for each in own if each is not None]
    return max(known) if known and len(known) == len(own) else None


def _servers(pool: GroupedPool) -> set[str]:
    return {each.endpoint.lower() for each in pool.servers or () if each.enabled}
