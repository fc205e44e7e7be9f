"""Finding the objects of Avi's API in a file, whatever holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icapdiag.pool.nodes import ListNode, MapNode, Node
from icapdiag.pool.problems import Path, shown
from icapdiag.pool.references import Reference, parse_reference, type_of_url, type_of_uuid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

POOL, GROUP, PROFILE = "Pool", "PoolGroup", "IcapProfile"
_KINDS = {"pool": POOL, "poolgroup": GROUP, "icapprofile": PROFILE}
# Keys that hold objects: of an API answer, of an export (CamelCase in avi_config files, lower case in Ansible's).
SECTIONS = frozenset({"results", *_KINDS, *_KINDS.values()})
_MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class AviObject:
    """A Pool, PoolGroup or IcapProfile, and where it stands."""

    kind: str
    node: MapNode
    path: Path

    @property
    def name(self) -> str:
        """The object's own name, "" if it has none."""
        return self.node.text("name")

    def matches(self, reference: Reference) -> bool:
        """Whether the reference means this object, as far as both say."""
        own = {self.node.text("uuid"), parse_reference(self.node.text("url")).word} - {""}
        if reference.word and reference.word in own:
            return True
        if own and type_of_uuid(reference.word) == self.kind.lower():
            return False  # another object's uuid; that the names are equal does not count then
        if not self.name or self.name not in {reference.word, reference.name}:
            return False
        return self._agrees("tenant_ref", reference.tenant) and self._agrees("cloud_ref", reference.cloud)

    def _agrees(self, key: str, wanted: str) -> bool:
        own = parse_reference(self.node.text(key)).label
        return not wanted or not own or own == wanted


def names(objects: Sequence[AviObject]) -> str:
    """The objects' names for a message, at most ten."""
    listed = ", ".join(shown(found.name) for found in objects[:_MOST_LISTED])
    return listed + (f" and {len(objects) - _MOST_LISTED} more" if len(objects) > _MOST_LISTED else "")


def is_avi(root: Node) -> bool:
    """Whether the tree is Avi's and not a pool file of ours."""
    if isinstance(root, ListNode):
        return any(isinstance(item, MapNode) for item in root.items)
    if not isinstance(root, MapNode):
        return False
    marks = {"META", "_last_modified", "tenant_ref", "cloud_ref"}  # the last three: an object of another kind
    return bool(_sections(root) or kind_of(root) or marks & root.keys())


def _sections(root: MapNode) -> list[tuple[str, Node]]:
    """The parts that hold objects. Our own ``pool:`` is a text, so it is none."""
    found = [(key.text, value) for key, value in root.pairs() if key.text in SECTIONS]
    return [(key, value) for key, value in found if isinstance(value, ListNode | MapNode)]


def kind_of(node: MapNode) -> str:
    """Pool, PoolGroup or IcapProfile by URL, uuid or the keys that only they have; "" for anything else."""
    named = type_of_url(node.text("url")) or type_of_uuid(node.text("uuid"))
    if named:
        return _KINDS.get(named, "")
    members = node.get("members")
    if isinstance(members, ListNode):
        refers = any(isinstance(item, MapNode) and item.find("pool_ref") for item in members.items)
        return GROUP if refers else ""
    if node.find("pool_group_ref") and (node.find("name") or node.find("service_uri")):
        return PROFILE
    return POOL if any(node.find(key) for key in ("servers", "default_server_port", "lb_algorithm")) else ""


def collect(root: Node) -> Iterator[AviObject]:
    """Every object of the three kinds in the file."""
    sections = _sections(root) if isinstance(root, MapNode) else []
    for key, value in sections:
        yield from _objects(_KINDS.get(key.lower(), ""), value, (key,))
    if not sections:
        yield from _objects("", root, ())


def _objects(kind: str, node: Node, path: Path) -> Iterator[AviObject]:
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            if isinstance(item, MapNode):
                yield from _objects(kind, item, (*path, index))
    elif isinstance(node, MapNode) and (found := kind or kind_of(node)):
        yield AviObject(found, node, path)
