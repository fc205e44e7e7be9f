"""Small runbooks for tests."""

from __future__ import annotations

from pathlib import Path

from icapdiag.mistakes import Located
from icapdiag.runbook.library import Library, read_library

SECTIONS = """\
## What it means
Nobody listens.

## Likely causes
- It is down.

## Verify
Look.

## Fix on Avi
- Disable the member.

## Fix on the ICAP server
- Start it.

## Escalate with
The log.
"""

RULE = """\
match:
  - {probe: tcp, reason: refused}
examples:
  - {probe: tcp, status: failed, reason: refused}
counterexamples:
  - {probe: tcp, status: failed, reason: timeout}
"""


def runbook_text(identity: str, rule: str = RULE, *, head: str = "", sections: str = SECTIONS) -> str:
    """A whole file; ``rule`` and ``head`` are lines of the front matter."""
    return (
        f"---\nid: {identity}\ntitle: The title of {identity}\nseverity: critical\nsource: probe\n"
        f"{head}{rule}---\n{sections}"
    )


def write(folder: Path, **texts: str) -> Path:
    """Write ``name_with_underscores=text`` as ``name-with-underscores.md`` files."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name.replace('_', '-')}.md").write_text(text, encoding="utf-8")
    return folder


def library_of(folder: Path, **texts: str) -> Library:
    """The library of these files alone, which must be readable."""
    errors: list[Located] = []
    library = read_library([], errors, builtin=write(folder, **texts))

    assert [] == [str(error) for error in errors]

    return library
