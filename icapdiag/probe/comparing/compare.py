"""The odd one out: what differs between the members of a pool, and who stands where.

Pure: it looks at what the other probes have observed. What a difference means is for runbooks to say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from icapdiag.model import Facts, JSONValue, Observation, sheet_of
from icapdiag.probe.comparing.attributes import (
    ABSENT,
    ATTRIBUTES,
    CHANGING,
    Endpoint,
    Values,
    clock_range,
    endpoints_of,
)
from icapdiag.probe.comparing.value_groups import OUTLIER, SAME, ValueGroup, kind_of, value_groups
from icapdiag.vocabulary import Status

POOL = "pool"  # the name of the probe that these observations are from
SAME_SERVER = "same-server"
_SHOWN = 20  # members or values that one observation names
SAME_ADDRESS = "address"

Shared = tuple[str, tuple[int, ...]]  # what they share, and the endpoints that share it

# Seconds since 1970 or a counter, as MetaDefender's tags look: each server has its own, as far as is known.
_OWN_TAG = re.compile(r"[0-9]{8,}")
# What one server says alike on every way to it.
_TRAITS = ("service", "service_id", "server", "istag", "methods", "preview", "allow", "max_connections",
           "options_ttl", "cert_sha256")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """``observations``: one for each fact that differs, or for each odd member where there is a majority.

    ``table`` has every fact that two or more members have something to say about (`_row`).
    """

    observations: tuple[Observation, ...] = ()
    table: tuple[Facts, ...] = ()


def compare(pool: str, members: Iterable[Sequence[Observation]]) -> Comparison:
    """Hold the members of the pool of this name against each other.

    ``members`` are the observations of each, in the pool's order. Those that are switched off are left out;
    an address of a name that has several is an endpoint of its own. Nothing comes of fewer than two endpoints.
    """
    endpoints = [endpoint for observations in members for endpoint in endpoints_of(observations)]
    if len(endpoints) < 2:
        return Comparison()
    found: list[Observation] = []
    table: list[Facts] = []
    readings = {fact: reading(endpoints) for fact, reading in ATTRIBUTES.items()}
    for fact, values in readings.items():
        groups = value_groups(values)
        if sum(len(group.members) for group in groups) < 2:
            continue
        kind = kind_of(groups)
        table.append(_row(fact, kind, groups, endpoints))
        if kind != SAME:
            found += _differing(pool, fact, kind, groups, endpoints)
    for fact, shared in ((SAME_ADDRESS, shared_addresses(endpoints)), ("identity", alike_servers(endpoints, readings))):
        found += (
            observation for value, group in shared for observation in _shared(pool, fact, value, group, endpoints)
        )
    return Comparison(tuple(found), tuple(table))


def _row(fact: str, kind: str, groups: Sequence[ValueGroup], endpoints: Sequence[Endpoint]) -> Facts:
    """One fact endpoint by endpoint: the groups, largest first, and who is odd if anybody is.

    ``unknown`` are the endpoints that had no chance to say anything about it.
    """
    known = {member for group in groups for member in group.members}
    return {
        "fact": fact,
        "kind": kind,
        "camps": [{"value": group.value, "members": _labels(group.members, endpoints)} for group in groups],
        "odd": _labels([m for group in groups[1:] for m in group.members], endpoints) if kind == OUTLIER else [],
        "unknown": [endpoint.label for index, endpoint in enumerate(endpoints) if index not in known],
    }


def _differing(
    pool: str, fact: str, kind: str, groups: Sequence[ValueGroup], endpoints: Sequence[Endpoint]
) -> Iterable[Observation]:
    shared: dict[str, JSONValue] = {
        "fact": fact,
        "kind": kind,
        "values": [group.value for group in groups[:_SHOWN]],
        "camps": [
            {"value": group.value, "count": len(group.members), "members": _labels(group.members[:_SHOWN], endpoints)}
            for group in groups[:_SHOWN]
        ],
    }
    if kind != OUTLIER:
        yield _observation(pool, "", shared)
        return
    majority = groups[0]
    shared |= {
        "majority_value": majority.value,
        "majority_members": _labels(majority.members[:_SHOWN], endpoints),
        "majority_count": len(majority.members),
    }
    for group in groups[1:]:
        for member in group.members:
            yield _about(pool, endpoints[member], {**shared, "value": group.value})


def _shared(
    pool: str, fact: str, value: str, group: Sequence[int], endpoints: Sequence[Endpoint]
) -> Iterable[Observation]:
    for member in group:
        others = [other for other in group if other != member]
        facts: dict[str, JSONValue] = {
            "fact": fact,
            "kind": SAME_SERVER,
            "value": value,
            "same_as": _labels(others[:_SHOWN], endpoints),
        }
        yield _about(pool, endpoints[member], facts)


def _about(pool: str, endpoint: Endpoint, facts: Mapping[str, JSONValue]) -> Observation:
    own = next(iter(endpoint.probes.values())).facts
    place = {name: own[name] for name in ("host", "port", "tls") if name in own}
    return _observation(
        pool, endpoint.member, {**place, **({"address": endpoint.address} if endpoint.address else {}), **facts}
    )


def _observation(pool: str, member: str, facts: Facts) -> Observation:
    return Observation(
        source="probe", probe=POOL, pool=pool, member=member, status=Status.OK, facts=sheet_of("probe", POOL, facts)
    )


def _labels(members: Iterable[int], endpoints: Sequence[Endpoint]) -> list[str]:
    return [endpoints[member].label for member in members]


def shared_addresses(endpoints: Sequence[Endpoint]) -> list[Shared]:
    """Endpoints of different members that dialled one address and port: ``10.0.0.5:1344`` and who."""
    found: dict[str, list[int]] = {}
    for index, endpoint in enumerate(endpoints):
        port = next((o.facts.get("port") for o in endpoint.probes.values()), None)
        if endpoint.address and isinstance(port, int):
            found.setdefault(_place(endpoint.address, port), []).append(index)
    return [(place, tuple(group)) for place, group in found.items() if len(group) > 1]


def _place(address: str, port: int) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return f"{address}:{port}"
    if isinstance(ip, IPv6Address):
        return f"{ip.ipv4_mapped}:{port}" if ip.ipv4_mapped else f"[{ip}]:{port}"
    return f"{ip}:{port}"


def alike_servers(endpoints: Sequence[Endpoint], readings: Mapping[str, Values]) -> list[Shared]:
    """Endpoints at different addresses that are likely one server.

    Servers that were set up alike answer alike, to the second of their Date. So a shared mark counts only
    where this very pool shows that it tells servers apart: another member with the same banner has another.
    Such marks are an ISTag that looks like a time or a counter, and a certificate for no wildcard. All else
    that the two say must agree as well, their clocks within what is known of them. ``readings`` are those
    of `attributes.ATTRIBUTES`.
    """
    traits = {name: readings[name] for name in _TRAITS}
    marks = {
        "ISTag": {i: tag for i, tag in traits["istag"].items() if _OWN_TAG.fullmatch(tag)},
        "certificate": {i: digest for i, digest in traits["cert_sha256"].items() if not _wildcard(endpoints[i])},
    }
    banners = {
        index: tuple(traits[name].get(index) for name in ("server", "service")) for index in range(len(endpoints))
    }
    found: dict[tuple[int, ...], str] = {}
    for name, values in marks.items():
        others = Counter(banners[index] for index in values)
        for group in value_groups(values):
            if len(group.members) < 2:
                continue
            others_have = others[banners[group.members[0]]] > len(group.members)
            if others_have and _all_agree(group.members, endpoints, traits):
                found.setdefault(group.members, f"{name} {group.value}")
    return [(value, group) for group, value in found.items()]


def _all_agree(group: Sequence[int], endpoints: Sequence[Endpoint], traits: Mapping[str, Mapping[int, str]]) -> bool:
    addresses = {endpoints[index].address for index in group}
    if len(addresses) < len(group):
        return False  # one address is a certainty, and told as one
    if any(len({values.get(index) for index in group}) > 1 for values in traits.values()):
        return False
    if traits["istag"].get(group[0]) in {None, ABSENT, CHANGING}:
        return False
    clocks = [span for index in group if (span := clock_range(endpoints[index]))]
    return not clocks or max(low for low, _ in clocks) <= min(high for _, high in clocks)


def _wildcard(endpoint: Endpoint) -> bool:
    names = endpoint.fact("tls", "cert_names")
    return not isinstance(names, list | tuple) or not names or any(str(name).startswith("*") for name in names)
