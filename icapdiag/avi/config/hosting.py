"""Virtual hosting: children of one parent of which some use ICAP.

A parent hands each request to the child that it is for; its own policies are for the requests that no child takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.objects import VIRTUAL_SERVICE, AviObject, references
from icapdiag.avi.config.services import Service

MOST_KIN = 20  # virtual services that are named beside one
_PARENT = "vh_parent_vs_ref"


class Kin(NamedTuple):
    """Enabled virtual services without ICAP: children of this one, and other children of its parent."""

    children: Sequence[Service] = ()
    siblings: Sequence[Service] = ()


def kin_without_icap(
    configuration: Configuration, services: Iterable[Service], judged: Iterable[Service]
) -> Mapping[int, Kin]:
    """By the id of its node, for each parent with ICAP, and for the first child with ICAP of any other parent.

    ``services`` are all that are in the files, ``judged`` those that are looked at.
    """
    lacking: dict[str, list[Service]] = {}
    for each in services:
        if each.enabled and not each.is_for_icap and (parent := _parent(configuration, each.found)):
            lacking.setdefault(parent, []).append(each)
    found: dict[int, Kin] = {}
    using = [each for each in judged if each.is_for_icap] if lacking else []
    for each in using:
        if own := lacking.pop(_identity(each.found), None):
            found[id(each.found.node)] = Kin(children=own[:MOST_KIN])
    for each in using:
        if others := lacking.pop(_parent(configuration, each.found), None):
            found[id(each.found.node)] = Kin(siblings=others[:MOST_KIN])
    return found


def _parent(configuration: Configuration, child: AviObject) -> str:
    """What stands for the parent: the object, or how it is called where the files do not have it; "" if none is."""
    for reference, _ in references(child.node, _PARENT):
        meant = configuration.find(VIRTUAL_SERVICE, reference, child)
        return _identity(meant) if isinstance(meant, AviObject) else reference.label
    return ""


def _identity(found: AviObject) -> str:
    return f"{id(found.node)}"
