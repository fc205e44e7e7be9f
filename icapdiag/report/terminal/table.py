"""The report for a person at a terminal: the matrix, then what is wrong and what to do, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from icapdiag.report.sections.evidence import telling, where
from icapdiag.report.sections.further import show_command
from icapdiag.report.sections.logtable import draw_body, draw_counts, draw_groups, draw_head, finding_span
from icapdiag.report.sections.place import surroundings
from icapdiag.report.text.lines import NAMES_SHOWN, count, milliseconds, names, prose, shown, texts, wrap
from icapdiag.report.text.paint import Paint
from icapdiag.report.untyped import Finding, JSONValue, Report, Unmatched
from icapdiag.text import visible
from icapdiag.vocabulary import Health

MIN_WIDTH = 60
PIPED_WIDTH = 100  # where there is no terminal to ask

_HEALTH_ORDER = (Health.CRITICAL, Health.WARNING, Health.UNKNOWN, Health.OK, Health.DISABLED)
_STEPS_SHOWN = 4
_EVIDENCE_SHOWN = 3


def render(report: Report, width: int = PIPED_WIDTH, *, color: bool = False, plain: bool = False) -> str:
    """The report as lines of at most ``width`` columns (never fewer than 60); ends in a newline.

    Everything that came from a server or a log is escaped and cut. Only words and commands of a
    runbook that are longer than a line run over. ``plain`` draws bars in ASCII, for a terminal
    that has no block characters.
    """
    width = max(width, MIN_WIDTH)
    paint = Paint(color=color)
    logs = "sources" in report.subject
    blocks = [list(draw_head(report, width, paint) if logs else _head(report, width, paint))]
    if report.members:
        from icapdiag.report.sections.clocks import draw_clocks  # noqa: PLC0415 - as below
        from icapdiag.report.sections.comparison import draw_comparison  # noqa: PLC0415
        from icapdiag.report.sections.conformance import draw_conformance  # noqa: PLC0415
        from icapdiag.report.sections.connections import draw_load  # noqa: PLC0415
        from icapdiag.report.sections.matrix import draw_matrix  # noqa: PLC0415 - tabulate takes 50 ms
        from icapdiag.report.sections.repeats import draw_samples  # noqa: PLC0415
        from icapdiag.report.sections.sizes import draw_sizes  # noqa: PLC0415

        blocks.append([draw_matrix(report.members, width, paint)])
        blocks.append(draw_clocks(report.members, width))
        blocks.append(draw_samples(report.members, width))
        blocks.append(draw_sizes(report.members, width))
        blocks.append(draw_load(report.members, width))
        blocks.append(draw_comparison(report.comparison, width))
        blocks.append(draw_conformance(report.conformance, width))
    blocks += draw_body(report, width, paint, plain=plain)
    service_uri = report.subject.get("service_uri")
    blocks += [list(_finding(finding, width, paint, service_uri)) for finding in report.findings]
    blocks += [draw_groups(report, width), _unmatched(report.unmatched, width)]
    blocks += [_suppressed(report, width), _notes(report.notes, width)]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def render_news(report: Report, news: Sequence[Finding], width: int = PIPED_WIDTH, *, color: bool = False) -> str:
    """One line on what a growing log has by now, and the findings that are new; ends in a newline."""
    width = max(width, MIN_WIDTH)
    paint = Paint(color=color)
    blocks = [draw_counts(report, width, paint), *(list(_finding(finding, width, paint)) for finding in news)]
    return "\n\n".join("\n".join(block) for block in blocks) + ("\n\n" if news else "\n")


def _head(report: Report, width: int, paint: Paint) -> Iterator[str]:
    service = shown(report.subject.get("service_uri"))
    what = f"ICAP pool {shown(report.subject.get('pool'))}" + (f", service {service}" if service else "")
    label = report.verdict.value.upper()
    state = "" if report.complete else " (incomplete: not every probe could run)"
    first, *lines = wrap(f"{label}  {what}{state}", width, rest="  ", break_words=True)
    yield first.replace(label, paint(report.verdict.value, label), 1)
    yield from lines
    counts = Counter(member.verdict for member in report.members)
    tally = ", ".join(f"{counts[health]} {health.value}" for health in _HEALTH_ORDER if counts[health])
    if tally:
        yield f"{count(len(report.members), 'member')}: {tally}"
    yield from wrap(_vantage(report), width, break_words=True)
    yield from wrap(surroundings(report), width, break_words=True)
    yield from wrap(shown(report.vantage.get("caveat")), width)


def _vantage(report: Report) -> str:
    addresses = [visible(source) for source in texts(report.vantage.get("source_addresses"))]
    listed = ", ".join(addresses[:NAMES_SHOWN])
    word = "source addresses" if len(addresses) > 1 else "source address"
    start = datetime.fromisoformat(report.started_at)
    took = (datetime.fromisoformat(report.finished_at) - start).total_seconds()
    return (
        f"Probed from {shown(report.vantage.get('host'))}"
        + (f" ({word} {listed}{_interfaces(report)})" if listed else "")
        + f" by icapdiag {shown(report.tool.get('version'))}"
        + f", {start:%Y-%m-%d %H:%M:%S} UTC, took {milliseconds(took * 1000)}."
    )


def _interfaces(report: Report) -> str:
    """``; eth0, MTU 1500`` where the host could tell by which interface it looked."""
    found = report.vantage.get("interfaces")
    each = [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []
    words = (
        shown(item.get("name")) + (f", MTU {mtu}" if isinstance(mtu := item.get("mtu"), int) else "")
        for item in each[:NAMES_SHOWN]
    )
    return "".join(f"; {word}" for word in words)


def _finding(finding: Finding, width: int, paint: Paint, service_uri: JSONValue = None) -> Iterator[str]:
    label = finding.severity.value.upper()
    first, *lines = wrap(f"{label}  {prose(finding.title)} [{visible(finding.id)}]", width, rest="  ")
    yield first.replace(label, paint(finding.severity.value, label), 1)
    yield from lines
    yield from finding_span(finding, width)
    if finding.members:
        head = "Member: " if len(finding.members) == 1 else f"Members ({len(finding.members)}): "
        yield from wrap(head + names(finding.members), width, "  ", "    ", break_words=True)
    yield from wrap(prose(finding.meaning), width, "  ")
    for evidence in finding.evidence[:_EVIDENCE_SHOWN]:
        yield from wrap(f"Seen: {where(evidence)}: {telling(evidence)}", width, "  ", "    ", break_words=True)
    if finding.remedy:
        yield "  First steps:"
    for number, step in enumerate(finding.remedy[:_STEPS_SHOWN], start=1):
        yield from wrap(prose(step), width, f"    {number}. ")
    yield f"  More: {show_command(finding, service_uri, width - len('  More: '))}"


def _unmatched(unmatched: Unmatched, width: int) -> list[str]:
    if not unmatched.count:
        return []
    logs = any(example.get("source") == "log" for example in unmatched.examples)
    lines = wrap(f"{count(unmatched.count, 'request' if logs else 'observation')} that no runbook explains:", width)
    for example in unmatched.examples[:_EVIDENCE_SHOWN]:
        lines += wrap(f"{where(example)}: {telling(example)}", width, "  ", "    ", break_words=True)
    return lines


def _suppressed(report: Report, width: int) -> list[str]:
    if not report.suppressed:
        return []
    from icapdiag.report.sections.suppressed import heading, lines  # noqa: PLC0415 - most reports have none

    drawn = [f"{heading(report)}, as the pool file accepts for a time:"]
    for line in lines(report):
        drawn += wrap(line, width, "  - ", break_words=True)
    return drawn


def _notes(notes: Sequence[str], width: int) -> list[str]:
    lines = ["Notes:"] if notes else []
    for note in notes:
        lines += wrap(visible(note, 400), width, "  - ", break_words=True)
    return lines
