"""References of a Terraform plan that are not known before it is applied: its configuration says what they are to.

``terraform show -json`` of a first plan leaves out each id in planned_values. Under configuration the expression of the
same field lists what it refers to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from icapdiag.yamltree import ListNode, MapNode, Node, Scalar

_INDEX = re.compile(r"\[[^\]]*\]")
_MOST_DEEP = 20
_ATTRIBUTES = (".id", ".uuid")


class Expressions(Struct, frozen=True):
    """The expressions of one resource. ``prefix``: of the addresses of its module, such as ``module.icap.``."""

    node: MapNode
    prefix: str


def expressions_of(root: Node) -> Mapping[str, Expressions]:
    """By the address of the resource, without indices."""
    configuration = root.get("configuration")
    module = configuration.get("root_module") if configuration is not None else None
    return dict(_of_module(module, "", 0)) if module is not None else {}


def _of_module(module: Node, prefix: str, depth: int) -> Iterator[tuple[str, Expressions]]:
    resources = module.get("resources")
    for each in resources.items if isinstance(resources, ListNode) else ():
        expressions = each.get("expressions")
        if isinstance(each, MapNode) and isinstance(expressions, MapNode):
            yield f"{prefix}{each.text('address')}", Expressions(expressions, prefix)
    calls = module.get("module_calls")
    for name, call in calls.pairs() if isinstance(calls, MapNode) and depth < _MOST_DEEP else ():
        inner = call.get("module")
        if inner is not None:
            yield from _of_module(inner, f"{prefix}module.{name.text}.", depth + 1)


def with_references(values: MapNode, address: str, expressions: Mapping[str, Expressions]) -> MapNode:
    """The planned values with the references that they leave out."""
    found = expressions.get(_INDEX.sub("", address))
    return _completed(values, found.node, found.prefix) if found is not None else values


def _completed(values: MapNode, expressions: MapNode, prefix: str) -> MapNode:
    entries = list(values.entries)
    present = {key.text: number for number, (key, _) in enumerate(entries) if isinstance(key, Scalar)}
    for key, expression in expressions.pairs():
        own = values.get(key.text)
        if isinstance(expression, ListNode) and isinstance(own, ListNode):
            entries[present[key.text]] = (entries[present[key.text]][0], _each(own, expression, prefix))
        elif isinstance(expression, MapNode) and key.text not in present and (named := _named(expression, prefix)):
            several = key.text.endswith("_refs")
            entries.append((key, ListNode(key.line, key.column, items=list(named)) if several else named[0]))
    return MapNode(values.line, values.column, values.problem, entries)


def _each(values: ListNode, expressions: ListNode, prefix: str) -> ListNode:
    """Blocks of the same name, in their order."""
    items = list(values.items)
    for number, (own, expression) in enumerate(zip(values.items, expressions.items, strict=False)):
        if isinstance(own, MapNode) and isinstance(expression, MapNode):
            items[number] = _completed(own, expression, prefix)
    return ListNode(values.line, values.column, values.problem, items)


def _named(expression: MapNode, prefix: str) -> list[Scalar]:
    """What an expression refers to, as Terraform interpolates it."""
    listed = expression.get("references")
    found = [item for item in (listed.items if isinstance(listed, ListNode) else ()) if isinstance(item, Scalar)]
    return [
        Scalar(item.line, item.column, text=f"${{{prefix}{item.text}}}")
        for item in found
        if item.text.endswith(_ATTRIBUTES) and item.text.startswith("avi_")
    ]
