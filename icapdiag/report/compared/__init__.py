"""Compares two reports of one subject over time, or several from different hosts.

This module renders a diff or a merge as text, Markdown or JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict

from icapdiag.model import JSONValue
from icapdiag.report.compared.diff import Change, Diff, Item
from icapdiag.report.compared.merge import FaultDomain, Merged, MergedMember, SeenFrom
from icapdiag.report.document.words import count, prose
from icapdiag.report.markup import Block, Heading, Inline, Items, Paragraph, Said, Table, gfm, plaintext
from icapdiag.text import visible

_TITLES = {
    Change.NEW: "New",
    Change.LOST: "Not re-tested",
    Change.CHANGED: "Changed",
    Change.FIXED: "Fixed",
    Change.UNCHANGED: "Unchanged",
}
_SHOWN = 300  # characters of a detail


def as_text(compared: Diff | Merged, width: int | None = None) -> str:
    """Lines of at most ``width`` columns."""
    return "\n\n".join(plaintext.draw(block, width=width) for block in _blocks(compared)) + "\n"


def as_markdown(compared: Diff | Merged, width: int | None = None) -> str:
    """Lines of any length: what shows them wraps them."""
    del width
    return "\n\n".join(map(gfm.draw, _blocks(compared))) + "\n"


def as_json(compared: Diff | Merged, width: int | None = None) -> str:
    """The fields of `Diff` or `Merged` by their names."""
    del width
    return json.dumps(asdict(compared), indent=2, ensure_ascii=True) + "\n"


FORMATS: dict[str, Callable[[Diff | Merged, int | None], str]] = {
    "table": as_text,
    "json": as_json,
    "markdown": as_markdown,
}


def _blocks(compared: Diff | Merged) -> Iterator[Block]:
    return _diff(compared) if isinstance(compared, Diff) else _merged(compared)


def _diff(diff: Diff) -> Iterator[Block]:
    verdict = f"{diff.verdict_before.upper()} → {diff.verdict_after.upper()}"
    yield Heading(1, (verdict,))
    counts = ", ".join(f"{len(diff.of(change))} {_TITLES[change].lower()}" for change in Change)
    yield Paragraph((f"From {diff.before} to {diff.after}: {counts}.",))
    if diff.circumstances:
        yield Heading(2, ("Differences between the runs",))
        rows = tuple((each.name, _value(each.before), _value(each.after)) for each in diff.circumstances)
        yield Table(("What", "Before", "After"), rows)
    for change in Change:
        if items := diff.of(change):
            yield Heading(2, (f"{_TITLES[change]} ({len(items)})",))
            yield Table(("Severity", "Member", "Finding", "Detail"), tuple(map(_item, items)))


def _item(item: Item) -> tuple[Inline, ...]:
    finding = f"{prose(item.title)} (`{item.finding}`)" if item.finding else ""
    return item.severity, _said(item.member), finding, _said(item.detail)


def _merged(merged: Merged) -> Iterator[Block]:
    yield Heading(1, (Said(visible(f"{merged.pool} from {count(len(merged.vantages), 'vantage')}")),))
    if merged.notes:
        yield Items(tuple((_said(note),) for note in merged.notes))
    head = ("Member", *(visible(vantage, 60) for vantage in merged.vantages), "Check")
    yield Table(head, tuple(map(_row, merged.rows)))
    told = tuple((_said(f"{row.member}: {row.detail}"),) for row in merged.rows if row.whose is not FaultDomain.NOBODY)
    if told:
        yield Heading(2, ("Likely location",))
        yield Items(told)


def _row(row: MergedMember) -> tuple[Inline, ...]:
    where = "" if row.whose is FaultDomain.NOBODY else row.whose.value
    return _said(row.member), *map(_seen, row.seen), where


def _seen(seen: SeenFrom) -> Inline:
    if seen.verdict is None:
        return "not probed"
    return f"{seen.verdict.value}: {seen.findings[0]}" if seen.findings else seen.verdict.value


def _said(text: str) -> Said:
    return Said(visible(text, _SHOWN))


def _value(value: JSONValue) -> Inline:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return _said(json.dumps(value, default=str))
        case list() | tuple():
            return _said(", ".join(map(str, value)) or "none")
        case _:
            return _said(str(value))
