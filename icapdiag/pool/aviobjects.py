"""Finding the objects of Avi's API in a file, whatever holds them, and what their references mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, unquote

from msgspec import Struct

from icapdiag.mistakes import Path, shown
from icapdiag.yamltree import ListNode, MapNode, Node

POOL, GROUP, PROFILE, PKI, MONITOR = "Pool", "PoolGroup", "IcapProfile", "PKIProfile", "HealthMonitor"
CHAIN = (PROFILE, GROUP, POOL)
_KINDS = {kind.lower(): kind for kind in (*CHAIN, PKI, MONITOR)}
# Keys that hold objects: of an API response, of an export (CamelCase in avi_config files, lower case in Ansible's).
SECTIONS = frozenset({"results", *_KINDS, *_KINDS.values()})
_MOST_LISTED = 10
_UUID = re.compile(r"(?P<type>[a-z0-9]+)-[0-9A-Za-z-]+")


class AviObject(Struct, frozen=True):
    """An object of one of the kinds, and where it stands."""

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
    """The kind by URL, uuid or the keys that only they have; "" for anything else."""
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
    """Every object of these kinds in the file."""
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


class Reference(Struct, frozen=True):
    """What a reference says. Empty where it says nothing.

    ``word`` is a last path segment or a plain text, which may be a uuid or a name.
    """

    word: str = ""
    name: str = ""
    tenant: str = ""
    cloud: str = ""

    @property
    def label(self) -> str:
        """The part to name in a message."""
        return self.name or self.word

    @property
    def uuid(self) -> str:
        """The uuid, if it names one."""
        return self.word if type_of_uuid(self.word) else ""

    def differs(self, other: Reference) -> bool:
        """Whether the two name different objects, as far as both give a uuid, or both a name."""
        if self.uuid and other.uuid:
            return self.uuid != other.uuid
        own, others = (each.name or ("" if each.uuid else each.word) for each in (self, other))
        return bool(own and others) and own != others


def parse_reference(text: str) -> Reference:
    """Read ``https://c/api/pool/UUID``, ``…#NAME``, ``/api/pool/?name=N&tenant=T``, ``/api/pool?…``, or a name."""
    if "/" not in text and "?" not in text:
        word, _, fragment = text.partition("#")
        return Reference(word, fragment) if fragment else Reference(text)
    rest, _, fragment = text.partition("#")
    path, _, query = rest.partition("?")
    try:
        keys = parse_qs(query, max_num_fields=32)
    except ValueError:
        keys = {}
    name, tenant, cloud = (keys.get(key, [""])[0] for key in ("name", "tenant", "cloud"))
    steps = [unquote(step) for step in path.split("/") if step]
    if "api" not in steps:
        return Reference(text)  # a name with a slash in it
    after = steps[steps.index("api") + 1 :]
    word = after[1] if len(after) > 1 else ""
    return Reference(word, fragment or name, tenant, cloud)


def type_of_uuid(text: str) -> str:
    """``pool-11a38043-…`` is a ``pool``; "" if the text is not a uuid of Avi's."""
    match = _UUID.fullmatch(text)
    return match["type"] if match else ""


def type_of_url(text: str) -> str:
    """The object type in ``https://c/api/pool/…``; "" if there is none."""
    _, api, rest = text.partition("/api/")
    return re.split(r"[/?#]", rest, maxsplit=1)[0] if api else ""
