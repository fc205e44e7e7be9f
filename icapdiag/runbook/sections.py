"""The Markdown part of a runbook file, by its headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from icapdiag.runbook.errors import Mark

Report = Callable[[Mark, str, str], None]

_FENCE = re.compile(r" {0,3}(```+|~~~+)")


def front_end(lines: list[str]) -> int | None:
    """The index of the line that ends the front matter."""
    return next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)


def split_sections(
    lines: list[str], start: int, report: Report | None = None
) -> tuple[Mapping[str, str], dict[str, Mark]]:
    """The text under each ``## Heading`` from line ``start`` on, and the places of the headings.

    A ``##`` inside a fenced block is no heading. ``report(mark, where, message)`` is called for problems.
    """
    found: dict[str, list[str]] = {}
    marks: dict[str, Mark] = {}
    current: list[str] = []
    fence = ""
    for number, line in enumerate(lines[start:], start + 1):
        fenced = _FENCE.match(line)
        if fenced is not None and not fence:
            fence = fenced[1]
        elif fence and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence and line.startswith("## "):
            heading = line[3:].strip().rstrip("#").rstrip()
            current = []
            if heading not in found:
                found[heading] = current
                marks[f"## {heading}"] = (number, 1)
            elif report is not None:
                report((number, 1), f"## {heading}", "the section is written twice")
            continue
        current.append(line)
    if fence and report is not None:
        report((len(lines), 1), "", f"a {fence} block is never closed")
    return MappingProxyType({heading: "\n".join(body).strip() for heading, body in found.items()}), marks
