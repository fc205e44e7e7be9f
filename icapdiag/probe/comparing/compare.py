"""The odd one out: what differs between the members of a pool, and who stands where.

Pure: it looks at what the other probes have observed. What a difference means is for runbooks to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from icapdiag.model import Facts, JSONValue, Observation
from icapdiag.probe.comparing.camps import OUTLIER, SAME, Camp, camps_of, kind_of
from icapdiag.probe.comparing.sameserver import SAME_ADDRESS, alike_servers, shared_addresses
from icapdiag.probe.comparing.sides import FACTS, Side, sides_of
from icapdiag.vocabulary import Status

POOL = "pool"  # the name of the probe that these observations are from
SAME_SERVER = "same-server"
_SHOWN = 20  # members or values that one observation names


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
    an address of a name that has several is a side of its own. Nothing comes of fewer than two sides.
    """
    sides = [side for observations in members for side in sides_of(observations)]
    if len(sides) < 2:
        return Comparison()
    found: list[Observation] = []
    table: list[Facts] = []
    readings = {fact: reading(sides) for fact, reading in FACTS.items()}
    for fact, values in readings.items():
        camps = camps_of(values)
        if sum(len(camp.members) for camp in camps) < 2:
            continue
        kind = kind_of(camps)
        table.append(_row(fact, kind, camps, sides))
        if kind != SAME:
            found += _differing(pool, fact, kind, camps, sides)
    for fact, groups in ((SAME_ADDRESS, shared_addresses(sides)), ("identity", alike_servers(sides, readings))):
        found += (observation for value, group in groups for observation in _shared(pool, fact, value, group, sides))
    return Comparison(tuple(found), tuple(table))


def _row(fact: str, kind: str, camps: Sequence[Camp], sides: Sequence[Side]) -> Facts:
    """One fact side by side: the camps, largest first, and who is odd if anybody is.

    ``unknown`` are the sides that had no chance to say anything about it.
    """
    known = {member for camp in camps for member in camp.members}
    return {
        "fact": fact,
        "kind": kind,
        "camps": [{"value": camp.value, "members": _labels(camp.members, sides)} for camp in camps],
        "odd": _labels([m for camp in camps[1:] for m in camp.members], sides) if kind == OUTLIER else [],
        "unknown": [side.label for index, side in enumerate(sides) if index not in known],
    }


def _differing(pool: str, fact: str, kind: str, camps: Sequence[Camp], sides: Sequence[Side]) -> Iterable[Observation]:
    shared: dict[str, JSONValue] = {
        "fact": fact,
        "kind": kind,
        "values": [camp.value for camp in camps[:_SHOWN]],
        "camps": [
            {"value": camp.value, "count": len(camp.members), "members": _labels(camp.members[:_SHOWN], sides)}
            for camp in camps[:_SHOWN]
        ],
    }
    if kind != OUTLIER:
        yield _observation(pool, "", shared)
        return
    majority = camps[0]
    shared |= {
        "majority_value": majority.value,
        "majority_members": _labels(majority.members[:_SHOWN], sides),
        "majority_count": len(majority.members),
    }
    for camp in camps[1:]:
        for member in camp.members:
            yield _about(pool, sides[member], {**shared, "value": camp.value})


def _shared(pool: str, fact: str, value: str, group: Sequence[int], sides: Sequence[Side]) -> Iterable[Observation]:
    for member in group:
        others = [other for other in group if other != member]
        facts: dict[str, JSONValue] = {
            "fact": fact,
            "kind": SAME_SERVER,
            "value": value,
            "same_as": _labels(others[:_SHOWN], sides),
        }
        yield _about(pool, sides[member], facts)


def _about(pool: str, side: Side, facts: Mapping[str, JSONValue]) -> Observation:
    own = next(iter(side.probes.values())).facts
    place = {name: own[name] for name in ("host", "port", "tls") if name in own}
    return _observation(pool, side.member, {**place, **({"address": side.address} if side.address else {}), **facts})


def _observation(pool: str, member: str, facts: Facts) -> Observation:
    return Observation(source="probe", probe=POOL, pool=pool, member=member, status=Status.OK, facts=facts)


def _labels(members: Iterable[int], sides: Sequence[Side]) -> list[str]:
    return [sides[member].label for member in members]
