"""How large a body application profiles let in, which decides whether any is too large for ICAP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.objects import AKO, APPLICATION, AviObject, references, section
from icapdiag.avi.config.schema import as_integer
from icapdiag.avi.config.services import Service
from icapdiag.yamltree import Node

FIELD = "http_profile.client_max_body_size"
_UNLIMITED = 0


class BodyLimit(NamedTuple):
    """The largest body that comes in, in KB; 0: any size. ``place`` in ``found``, the profile that lets it in."""

    size: int
    found: AviObject
    place: Node


def body_limit(configuration: Configuration, services: Sequence[Service]) -> BodyLimit | None:
    """The largest of these virtual services; None if an application profile is not in the files."""
    limits = [_of_service(configuration, each) for each in services]
    known = [each for each in limits if each is not None]
    if not known or len(known) < len(limits):
        return None
    return max(known, key=lambda each: (each.size == _UNLIMITED, each.size))


def _of_service(configuration: Configuration, service: Service) -> BodyLimit | None:
    if service.found.kind in AKO:  # what it does not name, AKO decides
        return None
    for reference, _ in references(service.found.node, "application_profile_ref"):
        found = configuration.find(APPLICATION, reference, service.found)
        if isinstance(found, AviObject):
            profile = section(found.node, "http_profile") or found.node
            written = profile.get("client_max_body_size")
            size = as_integer(profile.text("client_max_body_size") or str(_UNLIMITED))
            return None if size is None else BodyLimit(size, found, written or profile)
    return None
