"""The licence tier of the Service Engines of a virtual service, as far as the files show it."""

from __future__ import annotations

from typing import NamedTuple

from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.objects import AKO, CLOUD, SE_GROUP, SYSTEM, AviObject, references
from icapdiag.avi.config.services import Service
from icapdiag.yamltree import Node, Scalar


class Tier(NamedTuple):
    """A licence tier such as ENTERPRISE, and the field that says so."""

    word: str
    found: AviObject
    field: str
    place: Node


class Tiers(NamedTuple):
    """``own``: of a virtual service's Service Engine group. ``default``: of new ones in its cloud."""

    own: Tier | None = None
    default: Tier | None = None


def tiers_of(configuration: Configuration, service: Service) -> Tiers:
    """The licence tiers that the files show for a virtual service.

    A cloud has that of the system, and a Service Engine group that of the cloud, unless something is written there;
    what is there then counts, so neither is certain for a group that the files do not have.
    """
    if service.found.kind in AKO:
        return Tiers()
    default = _tier(configuration, service.found, "cloud_ref", CLOUD)
    systems = configuration.of(SYSTEM) if default is None else []
    if len(systems) == 1:
        default = _in(systems[0], "default_license_tier")
    return Tiers(_tier(configuration, service.found, "se_group_ref", SE_GROUP), default)


def _tier(configuration: Configuration, owner: AviObject, key: str, kind: str) -> Tier | None:
    for reference, _ in references(owner.node, key):
        found = configuration.find(kind, reference, owner)
        if isinstance(found, AviObject):
            return _in(found, "license_tier")
    return None


def _in(found: AviObject, field: str) -> Tier | None:
    place = found.node.get(field)
    return Tier(place.text, found, field, place) if isinstance(place, Scalar) and place.text else None
