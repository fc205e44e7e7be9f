"""The man page, made from the command line: ``python -m tests.cli.manpage`` writes ``docs/icapdiag.1``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from icapdiag.cli.app import build_app
from icapdiag.cli.help import groups, summary
from tests.cli.run import ROOT

FILE = ROOT / "docs" / "icapdiag.1"
_EXITS = (
    ("0", "No finding at or above --fail-on (default: critical)."),
    ("1", "Findings."),
    ("2", "Wrong usage, or a file that can't be read or written."),
    ("3", "Incomplete: some probe could not run, and nothing worse was found."),
    ("130", "Interrupted; the report of what was learnt is still written."),
)


def page() -> str:
    """The whole page in the man macros of groff and mandoc."""
    app = typer.main.get_command(build_app(()))
    lines = ['.TH ICAPDIAG 1 "" "icapdiag" "User Commands"', ".SH NAME"]
    lines += [
        "icapdiag \\- " + _text(_without_end(app.help or "")),
        ".SH SYNOPSIS",
        ".B icapdiag",
        ".I COMMAND",
        "[OPTIONS]",
    ]
    lines.append(".SH COMMANDS")
    for path, command in _commands(app):
        lines += _command(path, command)
    lines.append(".SH EXIT STATUS")
    for status, meaning in _EXITS:
        lines += [".TP", f".B {status}", _text(meaning)]
    lines += [".SH FILES", ".TP", ".I ~/.local/state/icapdiag", "Key to the pseudonyms, and hashes of redacted files."]
    return "\n".join(lines) + "\n"


def _commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, *path, name)
        else:
            yield (*path, name), command


def _command(path: tuple[str, ...], command: Any) -> Iterator[str]:
    ctx = command.context_class(command, info_name=" ".join(("icapdiag", *path)))
    usage = " ".join(piece for piece in command.collect_usage_pieces(ctx))
    yield f".SS icapdiag {' '.join(path)} {_text(usage)}"
    yield _text(summary(command))
    rest = " ".join((command.help or "").split()).removeprefix(summary(command)).strip()
    if rest:
        yield from (".PP", _text(rest))
    for heading, records in groups(command, ctx).items():
        yield from (".PP", f".I {heading}")
        for written, meaning in records:
            yield from (".TP", f".B {_text(written)}", _text(meaning))
    yield from (".PP", ".I Examples", ".nf", *(_text(line) for line in command.epilog.splitlines()), ".fi")


def _without_end(sentence: str) -> str:
    return sentence.strip().rstrip(".")


def _text(text: str) -> str:
    """Text as it stands, for troff: no escapes, no requests, hyphens that can be copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped)


if __name__ == "__main__":
    FILE.write_text(page(), "utf-8")
