"""A runbook: its front matter and sections.

Stated: a runbook, or mistakes in the file; linting and judging records raise nothing; every message is one printable
line; no expression takes long.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from icapdiag.mistakes import Located
from icapdiag.model import Facts
from icapdiag.runbook.document import parse_runbook
from icapdiag.runbook.library import Library, builtin_directory
from icapdiag.runbook.lint import lint
from icapdiag.runbook.why import why
from tests.fuzz.driver import Grammar, Target

_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9]+|\[.*")
_LONG = {"source": "probe", "probe": "options", "status": "ok", "icap_reason": "a" * 9000, "server": "x=1; é " * 500}
_RECORDS: tuple[Facts, ...] = (
    {"source": "probe", "probe": "clean", "icap_status": 404, "threats": ["a", None, 5], "icap_reason": "half \ud800"},
    {"source": "log", "icap_action": "ICAP_BLOCKED", "decided_by": [], "latency_p95_ms": 1e308, "x_response_desc": ""},
    _LONG,
)

GRAMMAR: Grammar = {
    "start": ("---\n{keys}---\n{sections}", "---\n{keys}---\n", "---\n{required}{keys}---\n{sections}"),
    "required": ("id: a\ntitle: T\nseverity: info\nsource: [probe, log]\nmatch: {mapping}\n",),
    "keys": ("{key}\n{keys}", "{key}\n{keys}", "{key}\n"),
    "key": (
        "id: {word}", "title: {word}", "severity: {word}", "source: [{word}]", "match:\n  - {mapping}\n  - {mapping}",
        "match: {mapping}", "unless: [{mapping}]", "examples: [{mapping}]", "counterexamples:\n  - {mapping}",
        "supersedes: [{word}]", "aliases: {word}", "stage: {word}", "vendor: {word}", "references: [{word}]",
        "beside: [{word}]", "{word}: {mapping}",
    ),
    "mapping": ("{{condition}}", "{{condition}, {condition}}", "{}"),
    "condition": (
        "{field}: {value}", "{field}|{modifier}: {value}", "{field}|{modifier}|{modifier}: {value}",
        "{field}|re: '{re}'", "{field}|cidr: {cidr}",
    ),
    "field": (
        "icap_status", "icap_reason", "threats", "source", "probe", "status", "server", "latency_p95_ms", "decided_by",
        "{word}",
    ),
    "modifier": (
        "contains", "startswith", "endswith", "re", "cidr", "gt", "gte", "lt", "lte", "exists", "fieldref", "all",
        "{word}",
    ),
    "value": ("{word}", "[{word}, {word}]", "{number}", "true", "null", "[]", "{a: b}", "icap_status"),
    "re": (
        "{re}{re}", "({re})*", "(?:{re}|{re})+", "{re}{0,20}", "[{word}]", "\\{word}", ".*", "a", "(?!{re})", "^{re}$",
        "\\b", "a",
    ),
    "cidr": ("10.0.0.0/8", "::/0", "10.0.0.1/8", "{word}"),
    "word": (
        "a", "info", "probe", "log", "clean", "a-one", "A", "~", "", "&x", "*x", "!!t x", "'it''s'", '"\\n"', "\u202e",
        "é", "{number}",
    ),
    "number": ("404", "-1", "0.5", "1e308", ".nan", "99999999999999999999"),
    "sections": (
        "## What it means\n{word}\n{sections}", "## Likely causes\n```sh\n{word}\n```\n{sections}",
        "## {word}\n~~~\n{sections}", "1. {word}\n   {word}\n{sections}", "{word}\n",
    ),
}  # fmt: skip


def seeds() -> Sequence[bytes]:
    return [path.read_bytes() for path in sorted(builtin_directory().glob("*.md"))[::3]]


def check(data: bytes) -> Hashable:
    errors: list[Located] = []
    runbook = parse_runbook(data.decode("utf-8", "replace"), path="a.md", errors=errors)
    assert (runbook is None) == bool(errors)
    if runbook is not None:
        library = Library((runbook,))
        errors = list(lint(library))
        for record in _RECORDS:
            assert runbook.applies(record) is any(one.applies for one in why(library, record, runbook.id))
    for error in errors:
        assert str(error).isprintable(), ascii(str(error))
        assert len(str(error)) < 2000
    return runbook is not None, frozenset(_VALUES.sub("", error.message)[:60] for error in errors[:3])


TARGET = Target(check, seeds, GRAMMAR)
