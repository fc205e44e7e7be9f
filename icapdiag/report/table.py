"""The report for a person at a terminal: the matrix, then what is wrong and what to do, worst first."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from icapdiag.model import Finding, Health, JSONValue, Report, Unmatched
from icapdiag.report.evidence import telling, where
from icapdiag.report.matrix import draw_matrix, milliseconds
from icapdiag.report.paint import Paint
from icapdiag.text import visible

MIN_WIDTH = 60
PIPED_WIDTH = 100  # where there is no terminal to ask

_HEALTH_ORDER = (Health.CRITICAL, Health.WARNING, Health.UNKNOWN, Health.OK, Health.DISABLED)
_CODE = re.compile(r"`[^`]{1,40}`")  # a command that must stay on one line
_GLUE = "\xa0"
_MEMBERS_SHOWN = 5
_STEPS_SHOWN = 4
_EVIDENCE_SHOWN = 3


def render(report: Report, width: int = PIPED_WIDTH, *, color: bool = False) -> str:
    """The report as lines of at most ``width`` columns (never fewer than 60); ends in a newline.

    Everything that came from a server is escaped and cut. Only words and commands of a runbook that
    are longer than a line run over.
    """
    width = max(width, MIN_WIDTH)
    paint = Paint(color=color)
    blocks = ["\n".join(_head(report, width, paint))]
    if report.members:
        blocks.append(draw_matrix(report.members, width, paint))
    blocks += ["\n".join(_finding(finding, width, paint)) for finding in report.findings]
    blocks += ["\n".join(_unmatched(report.unmatched, width)), "\n".join(_notes(report.notes, width))]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _wrap(text: str, width: int, first: str = "", rest: str | None = None, *, break_words: bool = False) -> list[str]:
    """Lines of ``text``, which must be safe to show. Words are broken only in what a server said."""
    lines = textwrap.wrap(
        _CODE.sub(lambda code: code.group().replace(" ", _GLUE), text),
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_long_words=break_words,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in lines]


def _prose(text: str) -> str:
    return visible(" ".join(text.split()), None)


def _text(value: JSONValue) -> str:
    return visible(value) if isinstance(value, str) else ""


def _head(report: Report, width: int, paint: Paint) -> Iterator[str]:
    service = _text(report.subject.get("service_uri"))
    what = f"ICAP pool {_text(report.subject.get('pool'))}" + (f", service {service}" if service else "")
    label = report.verdict.value.upper()
    state = "" if report.complete else " (incomplete: not every probe could run)"
    first, *lines = _wrap(f"{label}  {what}{state}", width, rest="  ", break_words=True)
    yield first.replace(label, paint(report.verdict.value, label), 1)
    yield from lines
    counts = Counter(member.verdict for member in report.members)
    tally = ", ".join(f"{counts[health]} {health.value}" for health in _HEALTH_ORDER if counts[health])
    if tally:
        yield f"{_count(len(report.members), 'member')}: {tally}"
    yield from _wrap(_vantage(report), width, break_words=True)
    yield from _wrap(_text(report.vantage.get("caveat")), width)


def _vantage(report: Report) -> str:
    sources = report.vantage.get("source_addresses")
    addresses = [_text(source) for source in sources] if isinstance(sources, list | tuple) else []
    shown = ", ".join(addresses[:_MEMBERS_SHOWN])
    word = "source addresses" if len(addresses) > 1 else "source address"
    start = datetime.fromisoformat(report.started_at)
    took = (datetime.fromisoformat(report.finished_at) - start).total_seconds()
    return (
        f"Probed from {_text(report.vantage.get('host'))}"
        + (f" ({word} {shown})" if shown else "")
        + f" by icapdiag {_text(report.tool.get('version'))}"
        + f", {start:%Y-%m-%d %H:%M:%S} UTC, took {milliseconds(took * 1000)}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _members(names: Sequence[str]) -> str:
    shown = ", ".join(visible(name, 80) for name in names[:_MEMBERS_SHOWN])
    more = len(names) - _MEMBERS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _finding(finding: Finding, width: int, paint: Paint) -> Iterator[str]:
    label = finding.severity.value.upper()
    first, *lines = _wrap(f"{label}  {_prose(finding.title)} [{visible(finding.id)}]", width, rest="  ")
    yield first.replace(label, paint(finding.severity.value, label), 1)
    yield from lines
    if finding.members:
        head = "Member: " if len(finding.members) == 1 else f"Members ({len(finding.members)}): "
        yield from _wrap(head + _members(finding.members), width, "  ", "    ", break_words=True)
    yield from _wrap(_prose(finding.meaning), width, "  ")
    for evidence in finding.evidence[:_EVIDENCE_SHOWN]:
        yield from _wrap(f"Seen: {where(evidence)}: {telling(evidence)}", width, "  ", "    ", break_words=True)
    if finding.remedy:
        yield "  First steps:"
    for number, step in enumerate(finding.remedy[:_STEPS_SHOWN], start=1):
        yield from _wrap(_prose(step), width, f"    {number}. ")
    yield f"  More: icapdiag runbooks show {visible(finding.id)}"


def _unmatched(unmatched: Unmatched, width: int) -> list[str]:
    if not unmatched.count:
        return []
    lines = _wrap(f"{_count(unmatched.count, 'observation')} that no runbook explains:", width)
    for example in unmatched.examples[:_EVIDENCE_SHOWN]:
        lines += _wrap(f"{where(example)}: {telling(example)}", width, "  ", "    ", break_words=True)
    return lines


def _notes(notes: Sequence[str], width: int) -> list[str]:
    lines = ["Notes:"] if notes else []
    for note in notes:
        lines += _wrap(visible(note, 400), width, "  - ", break_words=True)
    return lines
