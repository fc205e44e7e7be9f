"""Why Avi can select no server of an ICAP profile, as facts of the virtual service that uses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from icapdiag.avi.config.pools import Chain, GroupedPool
from icapdiag.avi.config.values import Elsewhere, Part, Values

NO_MEMBER = "no-member"  # why uploads are not scanned
_FACTS = (
    "icap_pools", "pools_disabled", "pools_with_ratio_0", "pools_without_servers", "pools_with_servers_disabled",
)  # fmt: skip
_NAMES = ("icap_pool", "icap_pool_group")
_NAMED = 20  # servers of a pool, and pools, whose places are noted


def unusable_facts(values: Values, chains: Sequence[Chain]) -> dict[str, Any]:
    """How many pools of these profiles have what keeps Avi from their servers; each None without profiles.

    A pool may have several. Each is noted in ``values`` with its place. The names are there where it is one.
    """
    if not chains:
        return dict.fromkeys((*_FACTS, *_NAMES))
    groups = {id(each.below.found.node): each.below for each in chains if each.below is not None}.values()
    pools = [(group.found, pool) for group in groups for pool in group.pools]
    found: dict[str, Any] = dict.fromkeys(_FACTS, 0)
    found["icap_pools"] = len(pools)
    names = {each.found.name for _, each in pools}, {each.found.name for each in groups}
    found |= {key: min(those) if len(those) == 1 else None for key, those in zip(_NAMES, names, strict=True)}
    for group in groups:
        if not group.pools:
            within = Elsewhere("poolgroup", group.found.name, group.found.file)
            values.note("icap_pools", "members", group.found.node.get("members") or group.found.node, within=within)
    for number, (owner, pool) in enumerate(pools):
        for fact in _of_pool(pool):
            found[fact] = (found[fact] or 0) + 1
            if number < _NAMED:
                _note(values, fact, pool, Elsewhere("poolgroup", owner.name, owner.file))
    return found


def _of_pool(pool: GroupedPool) -> Iterable[str]:
    if not pool.enabled:
        yield "pools_disabled"
    if pool.ratio == 0:
        yield "pools_with_ratio_0"
    if pool.servers is not None and not pool.servers:
        yield "pools_without_servers"
    if pool.servers and not any(each.enabled for each in pool.servers):
        yield "pools_with_servers_disabled"


def _note(values: Values, fact: str, pool: GroupedPool, group: Elsewhere) -> None:
    node, own = pool.found.node, Elsewhere("pool", pool.found.name, pool.found.file)
    match fact:
        case "pools_disabled":
            part = Part(pool.found.kind, node)
            values.note(fact, "enabled", node.get("enabled") or node, node.text("enabled"), of=part, within=own)
        case "pools_with_ratio_0":
            place = pool.member.node.get("ratio") or pool.member.node
            values.note(fact, pool.member.at("ratio"), place, "0", of=pool.member, within=group)
        case "pools_without_servers":
            values.note(fact, "servers", node.get("servers") or node, within=own)
        case _:
            for server in (pool.servers or ())[:_NAMED]:
                part = server.part
                place = part.node.get("enabled") or part.node
                values.note(fact, part.at("enabled"), place, part.node.text("enabled"), of=part, within=own)
