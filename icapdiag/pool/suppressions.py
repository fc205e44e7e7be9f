"""``suppressions:`` of pool.yaml: findings that somebody answers for, for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icapdiag.pool.model import Suppression
from icapdiag.pool.nodes import ListNode, MapNode, Node, is_null, kind
from icapdiag.pool.schema import SuppressionFile, validate

if TYPE_CHECKING:
    from icapdiag.pool.problems import Path, Problems

MOST_SUPPRESSIONS = 1000


def read_suppressions(node: Node | None, problems: Problems) -> tuple[Suppression, ...]:
    """All suppressions that can be read; mistakes are noted. Whether there is such a finding is not known here."""
    path: Path = ("suppressions",)
    if node is None or node.problem is not None:
        return ()
    if not isinstance(node, ListNode):
        stands = "no value" if is_null(node) else kind(node)
        problems.add(node, path, f"{stands} stands here: write a list of {{finding, reason, owner, until}}")
        return ()
    if len(node.items) > MOST_SUPPRESSIONS:
        problems.add(node, path, f"{len(node.items)} suppressions: write at most {MOST_SUPPRESSIONS}")
        return ()
    found: list[Suppression] = []
    first: dict[tuple[str, str], int] = {}
    for index, item in enumerate(node.items):
        written = validate(SuppressionFile, item, (*path, index), problems)
        if written is None:
            continue
        line = first.setdefault((written.finding, written.member), item.line)
        if line != item.line:
            problems.add(
                item, (*path, index), f"the same finding and member are there already, in line {line}: delete one"
            )
            continue
        place = (item.get("finding") if isinstance(item, MapNode) else None) or item
        found.append(Suppression(**written.model_dump(), index=index, line=place.line, column=place.column))
    return tuple(found)
