"""Members side by side: what differs between them, and the odd one out marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from icapdiag.report.text.grid import draw_grid
from icapdiag.report.text.lines import columns, count, cut, names, shown, texts, whole, wrap
from icapdiag.report.untyped import Facts, JSONValue
from icapdiag.text import from_wire, visible

TITLE = "Members side by side (what differs):"
_ODD = "*"  # after the value of the odd one out
_CELL = 34  # columns of one value in the grid
_VALUE = 60  # characters of one value in a line
_CAMPS_SHOWN = 4
_MATRIX = "_outcome"  # what became of a probe: the matrix of the members has it already
_LABELS = {
    "service": "Service", "service_id": "Service-ID", "server": "Server", "istag": "ISTag", "methods": "Methods",
    "allow": "Allow", "preview": "Preview", "max_connections": "Max-Connections", "options_ttl": "Options-TTL",
    "transfer_preview": "Transfer-Preview", "transfer_ignore": "Transfer-Ignore",
    "transfer_complete": "Transfer-Complete", "x_include": "X-Include", "options_status": "status of OPTIONS",
    "clean_status": "status of clean", "clean_verdict": "verdict on clean", "eicar_verdict": "verdict on EICAR",
    "transport": "transport", "tls_version": "TLS version", "cipher": "cipher", "cert_issuer": "certificate's issuer",
    "cert_sha256": "certificate", "cert_days_left": "certificate is good for", "family": "address family",
    "source_address": "our address", "route": "route", "rtt": "round trip", "scan_time": "time to scan",
    "clock_offset": "clock", "tcp_outcome": "tcp", "tls_outcome": "tls", "options_outcome": "options",
    "clean_outcome": "clean", "eicar_outcome": "eicar",
}  # fmt: skip
_APART = {
    "two-camps": "two camps",
    "several-camps": "no majority",
    "all-different": "each its own",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One fact that differs between members."""

    label: str
    kind: str
    camps: tuple[tuple[str, tuple[str, ...]], ...]  # value and members, largest first; all safe to show


def draw_comparison(comparison: Sequence[Facts], width: int) -> list[str]:
    """A column a member where that fits ``width``, else the camps of each fact; nothing if all agree."""
    rows = differing_rows(comparison)
    if not rows:
        return []
    members = list(dict.fromkeys(name for facts in comparison for name in _members(facts)))
    legend = [f"{_ODD} the odd one out"] if any(row.kind == "outlier" for row in rows) else []
    if sum(min(columns(name), _CELL) + 2 for name in members) < width:
        grid = _grid(rows, [visible(name, _CELL) for name in members])
        if all(columns(line) <= width for line in grid):
            return [TITLE, *grid, *legend]
    return [TITLE, *(line for row in rows for line in _lines(row, width))]


def differing_rows(comparison: Sequence[Facts]) -> list[Row]:
    """The facts that differ, without those that the matrix of the members shows already."""
    return [row for facts in comparison if (row := _row(facts)) is not None]


def telling_difference(facts: Facts) -> str:
    """What an observation about the pool has to say: who has what, or who is the same server."""
    label = _label(facts.get("fact"))
    value = _shown(facts.get("value"))
    if facts.get("kind") == "same-server":
        others = names(texts(facts.get("same_as")))
        likely = "likely " if facts.get("fact") == "identity" else ""
        return f"{likely}the same server as {others}: both have {value}"
    if facts.get("kind") == "outlier":
        most = _shown(facts.get("majority_value"))
        agreeing, number = texts(facts.get("majority_members")), whole(facts.get("majority_count"))
        who = names(agreeing) if number <= len(agreeing) else count(number, "member")
        return f"{label}: {value}, but {most} at {who}"
    camps = [f"{_shown(camp.get('value'))} at {_who(camp)}" for camp in _mappings(facts.get("camps"))[:_CAMPS_SHOWN]]
    apart = _APART.get(str(facts.get("kind")), "")
    return f"{label}: " + "; ".join(camps or map(_shown, texts(facts.get("values")))) + (f" ({apart})" if apart else "")


def _who(camp: Mapping[str, JSONValue]) -> str:
    members, number = texts(camp.get("members")), whole(camp.get("count"))
    return names(members) if number <= len(members) else count(number, "member")


def _row(facts: Facts) -> Row | None:
    kind = str(facts.get("kind"))
    if kind == "same" or str(facts.get("fact")).endswith(_MATRIX):
        return None
    camps = tuple(
        (_shown(camp.get("value")), tuple(texts(camp.get("members")))) for camp in _mappings(facts.get("camps"))
    )
    return Row(_label(facts.get("fact")), kind, camps) if camps else None


def _members(facts: Facts) -> Iterator[str]:
    for camp in _mappings(facts.get("camps")):
        yield from texts(camp.get("members"))


def _grid(rows: Sequence[Row], members: Sequence[str]) -> list[str]:
    return draw_grid(["", *members], [[row.label, *_cells(row, members)] for row in rows])


def _cells(row: Row, members: Sequence[str]) -> Iterator[str]:
    of = {visible(name, _CELL): (number, value) for number, (value, own) in enumerate(row.camps) for name in own}
    for member in members:
        number, value = of.get(member, (0, "-"))
        odd = f" {_ODD}" if row.kind == "outlier" and number else ""
        yield cut(value, _CELL - len(odd)) + odd


def _lines(row: Row, width: int) -> list[str]:
    """One fact: ``Preview: 0 at m3 (odd one out); 1024 at m1, m2``."""
    parts = [f"{cut(value, _VALUE)} at {names(members)}" for value, members in row.camps[:_CAMPS_SHOWN]]
    if row.kind == "outlier":
        parts = [f"{part} (the odd one out)" if len(row.camps[1][1]) == 1 else part for part in parts[1:]] + parts[:1]
    more = len(row.camps) - _CAMPS_SHOWN
    if more > 0:
        parts.append(count(more, "other value"))
    apart = f" ({_APART[row.kind]})" if row.kind in _APART else ""
    return wrap(f"{row.label}{apart}: " + "; ".join(parts), width, "  ", "    ", break_words=True)


def _label(fact: JSONValue) -> str:
    return _LABELS.get(str(fact), shown(fact))


def _shown(value: JSONValue) -> str:
    return visible(from_wire(value), _VALUE) if isinstance(value, str) else ""


def _mappings(value: JSONValue) -> list[Mapping[str, JSONValue]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
