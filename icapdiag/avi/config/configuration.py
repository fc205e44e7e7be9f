"""All objects of some files, and which of them a reference means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from icapdiag.avi.config.objects import AviObject, Reference, parse_reference, references
from icapdiag.yamltree import Node, core_value


class Unseen(NamedTuple):
    """A reference to what is not in the files. ``key``: the field that it stands in; ``why`` as words."""

    owner: AviObject
    key: str
    kind: str
    label: str
    why: str = "not in these files"


class Configuration:
    """Objects by kind and by what references call them. What could not be followed is noted in ``unseen``."""

    def __init__(self, objects: Iterable[AviObject]) -> None:
        self.unseen: dict[tuple[str, str, str, str], Unseen] = {}
        self._by_kind: dict[str, list[AviObject]] = {}
        self._by_key: dict[tuple[str, str], list[AviObject]] = {}
        known_uuids: set[tuple[str, str]] = set()
        for each in objects:
            uuid = each.node.text("uuid") or parse_reference(each.node.text("url")).uuid
            if uuid and (each.kind, uuid) in known_uuids and self._is_there(each, uuid):
                continue
            known_uuids.add((each.kind, uuid))
            self._by_kind.setdefault(each.kind, []).append(each)
            known = (each.name, each.node.text("uuid"), parse_reference(each.node.text("url")).word, each.address)
            for key in {*known} - {""}:
                self._by_key.setdefault((each.kind, key), []).append(each)

    def _is_there(self, found: AviObject, uuid: str) -> bool:
        """Whether an object of that uuid says the same, as one that is listed and stands in another one, too."""
        said = core_value(found.node)
        return any(core_value(each.node) == said for each in self._by_key.get((found.kind, uuid), ()))

    def of(self, *kinds: str) -> list[AviObject]:
        """All objects of these kinds, in the order of the files."""
        return [each for kind in kinds for each in self._by_kind.get(kind, ())]

    def counts(self) -> dict[str, int]:
        """How many objects there are of each kind."""
        return {kind: len(found) for kind, found in self._by_kind.items()}

    def follow(self, owner: AviObject, key: str, kind: str, node: Node | None = None) -> list[AviObject]:
        """The objects that a field of ``owner`` refers to; ``node``: a part of it that has the field.

        A reference that leads nowhere, or to several different objects, is noted as unseen.
        """
        found: dict[int, AviObject] = {}
        for reference, _ in references(node or owner.node, key):
            meant = self.find(kind, reference, owner)
            if isinstance(meant, AviObject):
                found[id(meant.node)] = meant
            elif reference.kind in {"", kind.lower()}:  # else it is wrong, whether it is there or not
                self.note_unseen(owner, key, kind, reference.label, meant)
        return list(found.values())

    def note_unseen(self, owner: AviObject, key: str, kind: str, label: str, why: str) -> None:
        """Note what a reference of ``owner`` names and nobody can look at."""
        self.unseen.setdefault((owner.kind, owner.name, kind, label), Unseen(owner, key, kind, label, why))

    def find(self, kind: str, reference: Reference, owner: AviObject | None = None) -> AviObject | str:
        """The object of that kind that the reference means, or why there is none."""
        keys = {reference.word, reference.name, reference.address} - {""}
        candidates = {id(each.node): each for key in keys for each in self._by_key.get((kind, key), ())}
        meant = [each for each in candidates.values() if each.matches(reference)]
        if len(meant) > 1 and owner is not None:
            meant = _of_tenant(meant, owner)
        if len(meant) > 1:
            first = core_value(meant[0].node)
            if any(core_value(other.node) != first for other in meant[1:]):
                return "in these files more than once"
        return meant[0] if meant else "not in these files"


def _of_tenant(meant: Sequence[AviObject], owner: AviObject) -> list[AviObject]:
    """Those of the owner's tenant, if there are any."""
    tenant = parse_reference(owner.node.text("tenant_ref")).label
    own = [each for each in meant if parse_reference(each.node.text("tenant_ref")).label == tenant]
    return own or list(meant)
