"""The plain part of YAML, read in a tenth of the time and without importing PyYAML.

Every command that gives findings reads a hundred front matters first. Almost all are written in one
plain form: a key with a word, a quoted text or a list in brackets, and lists of mappings of those.
What is not in that form is left to `icapdiag.runbook.front`, which is YAML; a test holds that where
both give an answer it is the same.
"""

from __future__ import annotations

import re

from icapdiag.model import JSONValue
from icapdiag.runbook.scalars import core_scalar

# What a plain scalar of this reader may consist of: nothing that YAML gives a meaning, anywhere.
_PLAIN = re.compile(r"[A-Za-z0-9_./+^$(\\][A-Za-z0-9_.,/+^$()\\;<=>*?|~'\" -]*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"([^"\\]*)"')
_TOP = re.compile(r"([a-z_]+):(?: (.+))?")
_INNER = re.compile(r"([a-z0-9_]+(?:\|[a-z]+)*):(?: (.+))?")
_ITEM = "- "


class _NotPlain(Exception):
    """A line in another form than this reader knows."""


def quick_values(lines: list[str]) -> dict[str, JSONValue] | None:
    """The values of a front matter's lines, None where they are not in the plain form."""
    values: dict[str, JSONValue] = {}
    try:
        number = 0
        while number < len(lines):
            line = lines[number]
            number += 1
            if not line:
                continue
            found = _TOP.fullmatch(line)
            if found is None or found[1] in values:
                return None
            if found[2] is not None:
                values[found[1]] = _value(found[2])
            else:
                values[found[1]], number = _mappings(lines, number)
    except _NotPlain:
        return None
    return values


def _mappings(lines: list[str], number: int) -> tuple[JSONValue, int]:
    """The block list of mappings that begins at this line, and the line after it."""
    found: list[JSONValue] = []
    while number < len(lines) and (not lines[number] or lines[number].startswith("  ")):
        line = lines[number]
        number += 1
        if not line:
            continue
        if not line.startswith("  - "):
            raise _NotPlain
        mapping: dict[str, JSONValue] = {}
        found.append(mapping)
        number = _entry(line[4:], mapping, lines, number)
        while number < len(lines) and lines[number].startswith("    "):
            number = _entry(lines[number][4:], mapping, lines, number + 1)
    return found or None, number


def _entry(text: str, mapping: dict[str, JSONValue], lines: list[str], number: int) -> int:
    """Add one ``key: value`` of a mapping; the value may be a block list on the lines below."""
    found = _INNER.fullmatch(text)
    if found is None or found[1] in mapping:
        raise _NotPlain
    if found[2] is not None:
        mapping[found[1]] = _value(found[2])
        return number
    items: list[JSONValue] = []
    while number < len(lines) and lines[number].startswith("      - "):
        items.append(_scalar(lines[number][8:]))
        number += 1
    mapping[found[1]] = items or None
    return number


def _value(text: str) -> JSONValue:
    if not text.startswith("["):
        return _scalar(text)
    if not text.endswith("]"):
        raise _NotPlain
    inner = text[1:-1].strip()
    if not inner:
        return []
    if "'" in inner or '"' in inner:
        raise _NotPlain  # a comma may be inside the quotes
    return [_scalar(item.strip()) for item in inner.split(",")]


def _scalar(text: str) -> JSONValue:
    if _PLAIN.fullmatch(text) is not None:
        return core_scalar(text.rstrip())
    quoted = _SINGLE.fullmatch(text) or _DOUBLE.fullmatch(text)
    if quoted is None:
        raise _NotPlain
    return quoted[1]
