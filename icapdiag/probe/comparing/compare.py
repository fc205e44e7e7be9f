"""Compares the members of a pool: what differs, which values they have, which one is the outlier.

Pure: it uses what the other probes have observed. Runbooks say what a difference means.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv6Address, ip_address

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts.pool import ComparedFact, Difference
from icapdiag.facts.pool import ValueGroup as NamedGroup
from icapdiag.facts.tls import TLS
from icapdiag.model import Observation
from icapdiag.pool.model import endpoint
from icapdiag.probe.comparing.attributes import ABSENT, ATTRIBUTES, CHANGING, Target, Values, targets_of
from icapdiag.probe.comparing.value_groups import OUTLIER, SAME, SAME_SERVER, ValueGroup, kind_of, value_groups
from icapdiag.vocabulary import Status

POOL = "pool"  # the name of the probe that these observations are from
_SHOWN = 20  # members or values that one observation names
SAME_ADDRESS = "address"

Shared = tuple[str, tuple[int, ...]]  # what they share, and the targets that share it

# Seconds since 1970 or a counter, as MetaDefender's tags look: each server has its own, as far as is known.
_OWN_TAG = re.compile(r"[0-9]{8,}")
# What one server says alike on every way to it.
_TRAITS = ("service", "service_id", "server", "istag", "methods", "preview", "allow", "max_connections",
           "options_ttl", "cert_sha256")  # fmt: skip


class Comparison(Struct, frozen=True):
    """``observations``: one for each fact that differs, or for each outlier if there is a majority.

    ``table`` has every fact that is known of two or more members (`_row`).
    """

    observations: tuple[Observation, ...] = ()
    table: tuple[ComparedFact, ...] = ()


def compare(pool: str, members: Iterable[Sequence[Observation]]) -> Comparison:
    """Compare the members of the pool of this name.

    ``members`` are the observations of each, in the pool's order. Disabled ones are left out;
    an address of a name that has several is a target of its own. With fewer than two targets the result is empty.
    """
    targets = [target for observations in members for target in targets_of(observations)]
    if len(targets) < 2:
        return Comparison()
    found, table = list[Observation](), list[ComparedFact]()
    readings = {fact: reading(targets) for fact, reading in ATTRIBUTES.items()}
    for fact, values in readings.items():
        groups = value_groups(values)
        if sum(len(group.members) for group in groups) < 2:
            continue
        kind = kind_of(groups)
        table.append(_row(fact, kind, groups, targets))
        if kind != SAME:
            found += _differing(pool, fact, kind, groups, targets)
    for fact, shared in ((SAME_ADDRESS, shared_addresses(targets)), ("identity", alike_servers(targets, readings))):
        found += (observation for value, group in shared for observation in _shared(pool, fact, value, group, targets))
    return Comparison(tuple(found), tuple(table))


def _row(fact: str, kind: str, groups: Sequence[ValueGroup], targets: Sequence[Target]) -> ComparedFact:
    """One fact side by side: the groups, largest first, and the outliers if there are any.

    ``unknown``: the targets of which it is not known.
    """
    known = {member for group in groups for member in group.members}
    odd = _labels([m for group in groups[1:] for m in group.members], targets) if kind == OUTLIER else ()
    return ComparedFact(
        fact=fact,
        kind=kind,
        value_groups=tuple(NamedGroup(value=group.value, members=_labels(group.members, targets)) for group in groups),
        outliers=odd,
        unknown=tuple(target.label for index, target in enumerate(targets) if index not in known),
    )


def _differing(
    pool: str, fact: str, kind: str, groups: Sequence[ValueGroup], targets: Sequence[Target]
) -> Iterable[Observation]:
    shown = tuple(
        NamedGroup(value=group.value, count=len(group.members), members=_labels(group.members[:_SHOWN], targets))
        for group in groups[:_SHOWN]
    )
    difference = Difference(
        fact=fact, kind=kind, values=tuple(group.value for group in groups[:_SHOWN]), value_groups=shown
    )
    if kind != OUTLIER:
        yield _observation(pool, difference)
        return
    difference.majority_value = shown[0].value
    difference.majority_members = shown[0].members
    difference.majority_count = shown[0].count
    for group in groups[1:]:
        for member in group.members:
            yield _observation(pool, replace(difference, value=group.value), targets[member])


def _shared(pool: str, fact: str, value: str, group: Sequence[int], targets: Sequence[Target]) -> Iterable[Observation]:
    for member in group:
        same_as = _labels([other for other in group if other != member][:_SHOWN], targets)
        yield _observation(pool, Difference(fact=fact, kind=SAME_SERVER, value=value, same_as=same_as), targets[member])


def _observation(pool: str, difference: Difference, target: Target | None = None) -> Observation:
    """About one target, or about all of them."""
    member = ""
    if target is not None:
        member, difference.endpoint = target.member, target.endpoint
    return Observation(source="probe", probe=POOL, pool=pool, member=member, status=Status.OK, facts=difference)


def _labels(members: Iterable[int], targets: Sequence[Target]) -> tuple[str, ...]:
    return tuple(targets[member].label for member in members)


def shared_addresses(targets: Sequence[Target]) -> list[Shared]:
    """Endpoints of different members with the same address and port: ``10.0.0.5:1344`` and which."""
    found: dict[str, list[int]] = {}
    for index, target in enumerate(targets):
        port = target.endpoint.port
        if target.address and port is not None:
            found.setdefault(_place(target.address, port), []).append(index)
    return [(place, tuple(group)) for place, group in found.items() if len(group) > 1]


def _place(address: str, port: int) -> str:
    with suppress(ValueError):
        ip = ip_address(address)
        address = str((isinstance(ip, IPv6Address) and ip.ipv4_mapped) or ip)
    return endpoint(address, port)


def alike_servers(targets: Sequence[Target], readings: Mapping[str, Values]) -> list[Shared]:
    """Endpoints at different addresses that are likely one server.

    Servers with the same set-up answer identically, to the second of their Date. So a shared identifier counts only
    if this pool shows that it distinguishes servers: some other member with the same banner has a different one.
    Such identifiers are an ISTag that looks like a time or a counter, and a certificate without a wildcard. All other
    facts of the two must agree as well, and their clocks within the known uncertainty. ``readings`` are those
    of `attributes.ATTRIBUTES`.
    """
    traits = {name: readings[name] for name in _TRAITS}
    marks = {
        "ISTag": {i: tag for i, tag in traits["istag"].items() if _OWN_TAG.fullmatch(tag)},
        "certificate": {i: digest for i, digest in traits["cert_sha256"].items() if not _wildcard(targets[i])},
    }
    banners = {index: tuple(traits[name].get(index) for name in ("server", "service")) for index in range(len(targets))}
    found: dict[tuple[int, ...], str] = {}
    for name, values in marks.items():
        others = Counter(banners[index] for index in values)
        for group in value_groups(values):
            if len(group.members) < 2:
                continue
            others_have = others[banners[group.members[0]]] > len(group.members)
            if others_have and _all_agree(group.members, targets, traits):
                found.setdefault(group.members, f"{name} {group.value}")
    return [(value, group) for group, value in found.items()]


def _all_agree(group: Sequence[int], targets: Sequence[Target], traits: Mapping[str, Mapping[int, str]]) -> bool:
    addresses = {targets[index].address for index in group}
    if len(addresses) < len(group):
        return False  # one address is a certainty, and told as one
    if any(len({values.get(index) for index in group}) > 1 for values in traits.values()):
        return False
    if traits["istag"].get(group[0]) in {None, ABSENT, CHANGING}:
        return False
    clocks = [span for index in group if (span := targets[index].clock_range)]
    return not clocks or max(low for low, _ in clocks) <= min(high for _, high in clocks)


def _wildcard(target: Target) -> bool:
    names = target.found("tls", TLS).cert_names or ()
    return not names or any(name.startswith("*") for name in names)
