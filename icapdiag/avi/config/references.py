"""References that lead into another cloud or tenant, or to an object of another kind; and which object is to blame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from icapdiag.avi.config.objects import (
    AKO,
    GROUP,
    KINDS,
    POLICY_SET,
    POOL,
    PROFILE,
    AviObject,
    elements,
    parse_reference,
    references,
)
from icapdiag.avi.config.pools import Chain
from icapdiag.avi.config.relations import broken_references
from icapdiag.avi.config.services import Service
from icapdiag.avi.config.values import Elsewhere, Values
from icapdiag.mistakes import shown
from icapdiag.yamltree import Node, Scalar

_CLOUD, _TENANT = "cloud", "tenant"
_MOST = 20  # of one object


class Fault(NamedTuple):
    """A reference that is broken, in words, and the field to change: in ``found``, at ``place``."""

    words: str
    found: AviObject
    field: str
    place: Node


class _Edge(NamedTuple):
    owner: AviObject
    key: str  # in the words
    field: str
    at: Node
    meant: AviObject


class Faults:
    """The broken references of some virtual services and ICAP profiles, each at the object that is to blame.

    Of two objects that differ it is the one that fewer others agree with, then the one that more differ from, then the
    one that is referred to. A policy set is named at its virtual service.
    """

    def __init__(self, services: Iterable[Service], chains: Sequence[Chain]) -> None:
        self._of: dict[int, list[Fault]] = {}
        self._ends: set[tuple[int, int]] = set()
        edges = {(id(each.owner.node), each.field, id(each.meant.node)): each for each in _edges(services, chains)}
        for what in (_CLOUD, _TENANT):
            self._weigh(list(edges.values()), what)
        for owner, field, kind, at in _typed(services, chains):
            other = parse_reference(_text(at)).kind
            if other and other != kind.lower():
                named = f"{field} refers to an object of kind {KINDS.get(other, shown(other))} and not {kind}"
                self._of.setdefault(id(owner.node), []).append(Fault(named, owner, field, at))
                self._ends.add((id(owner.node), 0))

    def _weigh(self, edges: Sequence[_Edge], what: str) -> None:
        """Blame one end of each edge whose ends differ."""
        words = {id(each): _differing(each, what) for each in edges}
        agreeing: dict[int, int] = {}
        differing: dict[int, int] = {}
        for each in edges:
            if not all(one.node.text(f"{what}_ref") for one in (each.owner, each.meant)):
                continue
            counts = differing if words[id(each)] else agreeing
            for end in (each.owner, each.meant):
                counts[id(end.node)] = counts.get(id(end.node), 0) + 1
        for each in edges:
            if not (said := words[id(each)]):
                continue
            own, other = ((agreeing.get(id(end.node), 0), -differing[id(end.node)]) for end in (each.owner, each.meant))
            blamed = each.owner if own < other else each.meant
            holder = each.owner if blamed.kind == POLICY_SET else blamed
            node = blamed.node.get(f"{what}_ref")
            moved = blamed is each.meant and node is not None
            fault = Fault(said, blamed if moved else each.owner, f"{what}_ref" if moved else each.field,
                          node if moved and node is not None else each.at)  # fmt: skip
            self._of.setdefault(id(holder.node), []).append(fault)
            self._ends.add((id(each.owner.node), id(each.meant.node)))

    def of(self, found: AviObject) -> Sequence[Fault]:
        """Those that this object is to blame for."""
        return self._of.get(id(found.node), [])[:_MOST]

    def concern(self, service: Service, chains: Iterable[Chain]) -> bool:
        """Whether one of these is on the way from the virtual service to its ICAP servers. ``chains`` are its own."""
        steps = {(id(each.owner.node), id(each.meant.node)) for each in _edges([service], list(chains))}
        wrong = {(owner, 0) for owner, _ in steps} | {(id(service.found.node), 0)}
        wrong |= {(id(chain.profile.node), 0) for chain in chains}
        return not self._ends.isdisjoint(steps | wrong)


def note_faults(values: Values, found: AviObject, faults: Iterable[Fault]) -> None:
    """Where these stand: in ``found``, or in another object."""
    for each in faults:
        elsewhere = Elsewhere(each.found.kind.lower(), each.found.name, each.found.file)
        within = None if each.found.node is found.node else elsewhere
        value = parse_reference(_text(each.place)).label
        values.note("broken_references", each.field, each.place, value, within=within)


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _differing(edge: _Edge, what: str) -> str:
    said = broken_references(edge.owner, edge.key, [edge.meant]) or ()
    return next((each for each in said if f" is in {what} " in each), "")


def _edges(services: Iterable[Service], chains: Sequence[Chain]) -> Iterator[_Edge]:
    for service in services:
        found = service.found
        if found.kind in AKO:
            continue
        for key, meant in (("icap_request_profile_refs", service.profiles), ("http_policies", service.policy_sets)):
            for each in meant:
                yield _Edge(found, key, key, found.node.get(key) or found.node, each)
    for chain in chains:
        profile, group = chain.profile, chain.group
        if group is None:
            continue
        yield _Edge(
            profile, "pool_group_ref", "pool_group_ref", profile.node.get("pool_group_ref") or profile.node, group
        )
        for pool in chain.pools:
            at = pool.member.node.get("pool_ref") or pool.member.node
            yield _Edge(group, "pool_ref", pool.member.at("pool_ref"), at, pool.found)


def _typed(services: Iterable[Service], chains: Sequence[Chain]) -> Iterator[tuple[AviObject, str, str, Node]]:
    """Each reference with the kind of object that it must be to."""
    for service in services:
        if service.found.kind not in AKO:
            for _, at in service.profile_refs:
                yield service.found, "icap_request_profile_refs", PROFILE, at
            for number, item in enumerate(elements(service.found.node, "http_policies")):
                for _, at in references(item, "http_policy_set_ref"):
                    yield service.found, f"http_policies[{number}].http_policy_set_ref", POLICY_SET, at
    groups: Mapping[int, AviObject] = {id(one.node): one for chain in chains if (one := chain.group) is not None}
    for chain in chains:
        for _, at in references(chain.profile.node, "pool_group_ref"):
            yield chain.profile, "pool_group_ref", GROUP, at
    for group in groups.values():
        for number, item in enumerate(elements(group.node, "members")):
            for _, at in references(item, "pool_ref"):
                yield group, f"members[{number}].pool_ref", POOL, at
