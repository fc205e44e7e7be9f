"""ICAP profiles that lead to the same servers, and in which settings those of one service differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from icapdiag.avi.config.objects import PROFILE, AviObject
from icapdiag.avi.config.pools import Chain
from icapdiag.avi.config.schema import field_schema

_NAMED = 20  # profiles that are named beside one
_SETTINGS = ("vendor", "fail_action", "buffer_size", "buffer_size_exceed_action", "enable_preview", "preview_size",
             "allow_204", "response_timeout")  # fmt: skip


def sharing(chains: Iterable[Chain]) -> Mapping[int, Sequence[AviObject]]:
    """For each ICAP profile, by the id of its node, those before it with an enabled server of its pools, at most 20."""
    of_server: dict[str, dict[int, AviObject]] = {}
    found: dict[int, Sequence[AviObject]] = {}
    for chain in chains:
        own, others = id(chain.profile.node), dict[int, AviObject]()
        endpoints = {
            server.endpoint.lower()
            for pool in chain.pools
            if pool.usable != 0
            for server in pool.servers or ()
            if server.enabled
        }
        for endpoint in sorted(endpoints):
            users = of_server.setdefault(endpoint, {})
            others |= users
            if len(users) < _NAMED:
                users[own] = chain.profile
        found[own] = list(others.values())[:_NAMED]
    return found


def differing(profile: AviObject, others: Iterable[AviObject]) -> tuple[str, ...] | None:
    """Settings in which profiles of the same service_uri differ from this one; None if there are none."""
    same = [each for each in others if each.node.text("service_uri") == profile.node.text("service_uri")]
    told = (field for field in _SETTINGS if any(_value(each, field) != _value(profile, field) for each in same))
    return tuple(told) or None


def _value(profile: AviObject, field: str) -> str:
    schema = field_schema(PROFILE, field)
    return (profile.node.text(field) or (schema.default if schema else "")).lower()
