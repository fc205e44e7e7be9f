"""Finding the objects of Avi's API in a file, whatever holds them.

An API response, a list, an export by kind (``avi_config``), Ansible's tasks, what Terraform shows or stores, and AKO's
HostRule and L7Rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from icapdiag.avi.config.objects import AKO, KINDS, AviObject, kind_of
from icapdiag.avi.config.plan import expressions_of, with_references
from icapdiag.avi.config.release import task_version, version_of
from icapdiag.mistakes import Path
from icapdiag.yamltree import ListNode, MapNode, Node

# Keys that hold objects: CamelCase in avi_config files, lower case in Ansible's.
SECTIONS = frozenset({*KINDS, *KINDS.values()})
_HOLDING = frozenset(
    {
        "results", "items", "avi_config",
        "tasks", "pre_tasks", "post_tasks", "handlers", "block", "vars",
        "values", "planned_values", "prior_state", "root_module", "child_modules", "resources", "resource",
    }
)  # fmt: skip
_MODULE = re.compile(r"(?:[a-z_]+\.[a-z_]+\.)?avi_([a-z0-9]+)")  # of Ansible, with its collection; Terraform's type
_OF_VERSION = frozenset({"META", "Version"})
_MARKS = frozenset({"META", "_last_modified", "tenant_ref", "cloud_ref"})  # of an object of another kind


class Wanted:
    """The keys of a file that are read: all but the sections of kinds that nothing is known of."""

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and (key in SECTIONS or key in _OF_VERSION or not key[:1].isupper())


def is_avi(root: Node) -> bool:
    """Whether the tree is Avi's and not a pool file of ours."""
    if isinstance(root, ListNode):
        return any(isinstance(item, MapNode) for item in root.items)
    if not isinstance(root, MapNode) or _is_ako(root):
        return False
    return bool(_MARKS & root.keys()) or any(True for _ in collect(root)) or _holds(root)


def _holds(root: MapNode) -> bool:
    """Whether a key that holds objects is there, if only with an empty list. Our own ``pool:`` is a text."""
    return any(
        key.text in SECTIONS | {"results"} and isinstance(value, ListNode | MapNode) for key, value in root.pairs()
    )


def collect(root: Node, file: str = "") -> Iterator[AviObject]:
    """Every object of the known kinds in the file, those that stand inside of others after these."""
    of_file, expressions = version_of(root), expressions_of(root)
    for found in _objects("", root, ()):
        version = task_version(found.node) or of_file
        node = with_references(found.node, found.address, expressions) if found.address else found.node
        yield AviObject(found.kind, node, found.path, file, found.address, version)
        yield from _inlined(found.node, found.path, file, version)


def _objects(kind: str, node: Node, path: Path) -> Iterator[AviObject]:
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            if isinstance(item, MapNode | ListNode):
                yield from _objects(kind, item, (*path, index))
    elif isinstance(node, MapNode):
        if _is_ako(node):
            yield AviObject(node.text("kind"), node, path)
        elif resource := _resource(node):
            yield from _of_terraform(*resource, node, path)
        elif kind:
            yield AviObject(kind, node, path)
        elif held := _held(node):
            for key, inner in held:
                yield from _section(key, inner, (*path, key))
        elif found := kind_of(node):
            yield AviObject(found, node, path)


def _is_ako(node: MapNode) -> bool:
    return node.text("kind") in AKO and bool(node.text("apiVersion"))


def _held(node: MapNode) -> list[tuple[str, Node]]:
    found = ((key.text, value) for key, value in node.pairs() if isinstance(value, ListNode | MapNode))
    return [(key, value) for key, value in found if key in SECTIONS or key in _HOLDING or _MODULE.fullmatch(key)]


def _section(key: str, node: Node, path: Path) -> Iterator[AviObject]:
    if key == "resource":
        yield from _of_resource(node, path)
        return
    module = _MODULE.fullmatch(key)
    kind = "" if key in _HOLDING else KINDS.get(module[1] if module else key.lower(), "")
    if kind or key in _HOLDING:
        yield from _objects(kind, node, path)


def _of_resource(node: Node, path: Path) -> Iterator[AviObject]:
    """Terraform's configuration in JSON: ``{"resource": {"avi_pool": {"icap": {…}}}}``, with lists in any place."""
    for kind_key, by_name, at in _pairs(node, path):
        module = _MODULE.fullmatch(kind_key)
        for name, value, inner in _pairs(by_name, at):
            bodies = value.items if isinstance(value, ListNode) else [value]
            for body in bodies:
                if module and module[1] in KINDS and isinstance(body, MapNode):
                    yield AviObject(KINDS[module[1]], body, inner, address=f"{kind_key}.{name}")


def _pairs(node: Node, path: Path) -> Iterator[tuple[str, Node, Path]]:
    for index, item in enumerate(node.items if isinstance(node, ListNode) else [node]):
        if isinstance(item, MapNode):
            at = (*path, index) if isinstance(node, ListNode) else path
            for key, value in item.pairs():
                yield key.text, value, (*at, key.text)


def _resource(node: MapNode) -> tuple[str, str] | None:
    """Kind and address of what Terraform shows or stores as one of its resources."""
    module = _MODULE.fullmatch(node.text("type"))
    if module is None or not (node.find("values") or node.find("instances")):
        return None
    return KINDS.get(module[1], ""), node.text("address") or f"{node.text('type')}.{node.text('name')}"


def _of_terraform(kind: str, address: str, node: MapNode, path: Path) -> Iterator[AviObject]:
    values = node.get("values")
    if kind and isinstance(values, MapNode):
        yield AviObject(kind, values, (*path, "values"), address=address)
    instances = node.get("instances")
    for index, item in enumerate(instances.items if kind and isinstance(instances, ListNode) else ()):
        attributes = item.get("attributes")
        if isinstance(attributes, MapNode):
            yield AviObject(kind, attributes, (*path, "instances", index, "attributes"), address=address)


def _inlined(node: Node, path: Path, file: str, version: str) -> Iterator[AviObject]:
    """Objects that stand where a reference to them would, or beside it, as the API does it for ``join``."""
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from _inlined(item, (*path, index), file, version)
    elif isinstance(node, MapNode):
        for key, value in node.pairs():
            if kind := _KIND_OF_KEY.get(key.text.removesuffix("_data").removesuffix("s")):
                for item in value.items if isinstance(value, ListNode) else [value]:
                    if isinstance(item, MapNode):
                        yield AviObject(kind_of(item) or kind, item, (*path, key.text), file, version=version)
            yield from _inlined(value, (*path, key.text), file, version)


_KIND_OF_KEY = {
    "pool_group_ref": "PoolGroup", "icap_request_profile_ref": "IcapProfile", "health_monitor_ref": "HealthMonitor",
    "pki_profile_ref": "PKIProfile", "http_policy_set_ref": "HTTPPolicySet", "pool_ref": "Pool", "cloud_ref": "Cloud",
    "analytics_profile_ref": "AnalyticsProfile", "application_profile_ref": "ApplicationProfile",
    "se_group_ref": "ServiceEngineGroup", "ssl_profile_ref": "SSLProfile",
}  # fmt: skip
