"""A report that somebody saved as JSON.

Stated: a report or `NotAReport`, whose messages are few, short and printable; what was read is written and read again
as the same; each format draws it, in a length that its JSON bounds.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Hashable, Iterator, Sequence
from functools import cache
from typing import Any
from zlib import crc32

from icapdiag.model import Report
from icapdiag.report.formats import FORMATS, Style, render
from icapdiag.report.machine.from_json import NotAReport, read_report
from icapdiag.report.machine.to_json import settled
from tests.fuzz.driver import Grammar, Target, expand
from tests.golden import saved

_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9]+|\[.*?\]")
_OFTEN = ("short", "csv", "nagios", "prometheus", "ndjson")  # the others take ten times as long
_SPENT = 128 * 1024  # bytes of a page's own
_ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1,
        1.5,
        1e308,
        10**30,
        float("nan"),
        "",
        "x",
        "ok",
        "2026-01-01T00:00:00.000Z",
        [],
        {},
        ["x"],
        {"x": 1},
    ),
    *(
        "\x1b[2J\r\n",
        "<script>|`@x{noformat}[/code]",
        "\ud800",
        "\u202e\u2028",
        "=1+1",
        "a" * 5000,
        "é" * 300,
        "-" * 300,
    ),
)

GRAMMAR: Grammar = {
    "start": ('{"schema_version": 1, {members}}', "{{members}}", "[{value}]", "{value}"),
    "members": ("{member}, {members}", "{member}, {members}", "{member}"),
    "member": (
        '"command": "check"', '"complete": {value}', '"verdict": {value}', '"started_at": {time}',
        '"finished_at": {time}',
        '"members": [{"name": {value}, "address": {value}, "port": {number}, "verdict": {value}, "probes": [{probe}]}]',
        '"findings": [{"id": {value}, "severity": {value}, "title": {value}, {finding}, "runbook": {value}}]',
        '"unmatched": {"count": {number}, "examples": [{probe}]}', '"subject": {"pool": {value}, {pair}}',
        '"vantage": {{pair}, {pair}}', '"notes": [{value}]', '"groups": [{{pair}, {pair}}]', "{pair}",
        '"schema_version": {number}',
    ),
    "finding": ('"members": [{value}], "count": {number}, "evidence": [{probe}], "remedy": [{value}]', "{pair}"),
    "probe": (
        '{"probe": {value}, "status": {value}, "elapsed_ms": {number}, {pair}}',
        '{"source": "probe", "pool": {value}, "member": {value}, "probe": {value}, "status": {value}, {pair}, {pair}}',
        "{{pair}}", "{value}",
    ),
    "pair": ('"{key}": {value}',),
    "key": (
        "icap_status", "server", "threats", "verdict", "elapsed_ms", "transcript", "source", "count", "first_seen",
        "latency_p95_ms", "by_member", "timeline", "host", "routes", "x", "__class__", "",
    ),
    "value": (
        '"options"', '"ok"', '"failed"', '"critical"', '"log"', '"\\u001b[2J"', '"<script>|`@x"', '"\\ud800"', "null",
        "true", "[{value}]", "[]", "{{pair}}", "{number}", "{time}",
    ),
    "number": ("0", "1", "-1", "1344", "1e308", "1e999", "NaN", "12345678901234567890123", "0.5"),
    "time": ('"2026-01-01T00:00:00.000Z"', '"0001-01-01T00:00:00+23:59"', '"x"', "5"),
}  # fmt: skip


@cache
def seeds() -> Sequence[bytes]:
    return [saved(name) for name in ("answers", "refused", "c-icap-load", "log-containers", "log-page-3-disabled")]


def changed(data: bytes, choose: random.Random) -> bytes:
    """The same document with up to four of its values replaced, taken away, or put in another's place."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = json.loads(choose.choice(seeds()))
    for _ in range(choose.randint(1, 4)):
        places = list(_places(document))
        if not places:
            return data
        holder, key = choose.choice(places)
        other, other_key = choose.choice(places)
        match choose.randrange(5):
            case 0:
                del holder[key]
            case 1:
                holder[key] = copy.deepcopy(other[other_key])
            case 2 if isinstance(holder, dict):
                holder[expand(GRAMMAR, choose, "key").decode()] = holder.pop(key)
            case _:
                holder[key] = copy.deepcopy(choose.choice(_ODD))
    return json.dumps(document).encode()


def _places(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Every value in the document, as what holds it and its key there."""
    if isinstance(value, dict | list) and depth < 20:
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _places(inner, depth + 1)


def check(data: bytes) -> Hashable:
    try:
        report = settled(read_report(data))
    except NotAReport as error:
        problems = error.problems
    else:
        return _drawn(report, crc32(data))
    assert len(problems) <= 21
    assert all(problem.isprintable() and len(problem) < 500 for problem in problems), problems
    return frozenset(_VALUES.sub("", problem)[:60] for problem in problems[:3])


def _drawn(report: Report, digest: int) -> Hashable:
    text = render(report, "json")
    assert report == settled(read_report(text.encode()))
    form = (*FORMATS,)[digest % len(FORMATS)] if digest % 7 == 0 else _OFTEN[digest % len(_OFTEN)]
    drawn = render(report, form, Style(detail=digest % 3))
    assert len(drawn) <= _SPENT + 30 * len(text), f"{form}: {len(drawn)} of {len(text)}"
    drawn.encode()
    return form, len(report.members), len(report.findings), report.verdict


TARGET = Target(check, seeds, GRAMMAR, changed)
