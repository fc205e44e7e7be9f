"""One server behind several members: seen by its address, or likely by marks that tell servers apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address, ip_address

from icapdiag.probe.comparing.camps import camps_of
from icapdiag.probe.comparing.sides import ABSENT, CHANGING, Side, Values, clock_range

SAME_ADDRESS = "address"

Group = tuple[str, tuple[int, ...]]  # what they share, and the sides that share it

# Seconds since 1970 or a counter, as MetaDefender's tags look: each server has its own, as far as is known.
_OWN_TAG = re.compile(r"[0-9]{8,}")
# What one server says alike on every way to it.
_TRAITS = ("service", "service_id", "server", "istag", "methods", "preview", "allow", "max_connections",
           "options_ttl", "cert_sha256")  # fmt: skip


def shared_addresses(sides: Sequence[Side]) -> list[Group]:
    """Sides of different members that dialled one address and port: ``10.0.0.5:1344`` and who."""
    found: dict[str, list[int]] = {}
    for index, side in enumerate(sides):
        port = next((o.facts.get("port") for o in side.probes.values()), None)
        if side.address and isinstance(port, int):
            found.setdefault(_endpoint(side.address, port), []).append(index)
    return [(place, tuple(group)) for place, group in found.items() if len(group) > 1]


def _endpoint(address: str, port: int) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return f"{address}:{port}"
    if isinstance(ip, IPv6Address):
        return f"{ip.ipv4_mapped}:{port}" if ip.ipv4_mapped else f"[{ip}]:{port}"
    return f"{ip}:{port}"


def alike_servers(sides: Sequence[Side], readings: Mapping[str, Values]) -> list[Group]:
    """Sides at different addresses that are likely one server.

    Servers that were set up alike answer alike, to the second of their Date. So a shared mark counts only
    where this very pool shows that it tells servers apart: another member with the same banner has another.
    Such marks are an ISTag that looks like a time or a counter, and a certificate for no wildcard. All else
    that the two say must agree as well, their clocks within what is known of them. ``readings`` are those
    of `sides.FACTS`.
    """
    traits = {name: readings[name] for name in _TRAITS}
    marks = {
        "ISTag": {i: tag for i, tag in traits["istag"].items() if _OWN_TAG.fullmatch(tag)},
        "certificate": {i: digest for i, digest in traits["cert_sha256"].items() if not _wildcard(sides[i])},
    }
    banners = {index: tuple(traits[name].get(index) for name in ("server", "service")) for index in range(len(sides))}
    found: dict[tuple[int, ...], str] = {}
    for name, values in marks.items():
        others = Counter(banners[index] for index in values)
        for camp in camps_of(values):
            if len(camp.members) < 2:
                continue
            others_have = others[banners[camp.members[0]]] > len(camp.members)
            if others_have and _all_agree(camp.members, sides, traits):
                found.setdefault(camp.members, f"{name} {camp.value}")
    return [(value, group) for group, value in found.items()]


def _all_agree(group: Sequence[int], sides: Sequence[Side], traits: Mapping[str, Mapping[int, str]]) -> bool:
    addresses = {sides[index].address for index in group}
    if len(addresses) < len(group):
        return False  # one address is a certainty, and told as one
    if any(len({values.get(index) for index in group}) > 1 for values in traits.values()):
        return False
    if traits["istag"].get(group[0]) in {None, ABSENT, CHANGING}:
        return False
    clocks = [span for index in group if (span := clock_range(sides[index]))]
    return not clocks or max(low for low, _ in clocks) <= min(high for _, high in clocks)


def _wildcard(side: Side) -> bool:
    names = side.fact("tls", "cert_names")
    return not isinstance(names, list | tuple) or not names or any(str(name).startswith("*") for name in names)
