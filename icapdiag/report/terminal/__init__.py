"""The report for a person at a terminal: the matrix, then what is wrong and what to do, worst first. Or in short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from icapdiag.model import Finding, Report
from icapdiag.report.document import Document, summary
from icapdiag.report.formats import FILE_STYLE
from icapdiag.report.terminal import draw
from icapdiag.report.terminal.lines import Paint, columns, wrap
from icapdiag.text import visible

MIN_WIDTH = 60
PIPED_WIDTH = 100  # where there is no terminal to ask
_NAMES = 45  # columns that names are filled up to


def render(report: Report, width: int = PIPED_WIDTH, *, color: bool = False, plain: bool = False) -> str:
    """The report as lines of at most ``width`` columns (never fewer than 60); ends in a newline.

    Everything that came from a server or a log is escaped and cut. Only words and commands of a
    runbook that are longer than a line run over. ``plain`` draws bars in ASCII, for a terminal
    that has no block characters.
    """
    return _joined(_sections(Document(report), max(width, MIN_WIDTH), Paint(color=color), plain=plain))


def _sections(doc: Document, width: int, paint: Paint, *, plain: bool) -> Iterator[list[str]]:
    head = draw.verdict(doc.verdict, doc.title + (f" ({doc.gap})" if doc.gap else ""), width, paint)
    if not doc.of_logs:
        head += [doc.members_tally] if doc.members_tally else []
        head += [line for text in (doc.seen_from, doc.surroundings) for line in wrap(text, width, break_words=True)]
        head += wrap(doc.caveat, width)
    elif doc.entries_read:
        head += wrap(doc.entries, width) + ([f"{doc.span}."] if doc.span else [])
    yield wrap(doc.redacted, width) if doc.redacted else []
    yield head + draw.sources(doc.sources, doc.records, width)
    yield draw.matrix(doc.matrix, width, paint)
    yield wrap(doc.clocks, width)
    yield draw.figures(doc.rounds, width)
    yield draw.figures(doc.sizes, width)
    yield draw.figures(doc.load, width)
    yield draw.comparison(doc.comparison, width)
    yield draw.rules(doc.rules, width)
    yield draw.time_line(doc.timeline, width, plain=plain)
    yield from (draw.answer(answer, width, paint) for answer in doc.answers)
    yield from (draw.finding(finding, width, paint) for finding in doc.findings)
    yield draw.groups(doc.groups, width)
    yield draw.unexplained(doc.unexplained, width)
    suppressed = f"Suppressed ({len(doc.suppressed)}), as the pool file accepts for a time:"
    yield draw.items(suppressed, doc.suppressed, width)
    yield draw.items("Notes:", doc.notes, width)
    yield wrap(doc.untested, width, break_words=True)


def _joined(sections: Iterable[list[str]]) -> str:
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def render_news(report: Report, news: Sequence[Finding], width: int = PIPED_WIDTH, *, color: bool = False) -> str:
    """One line on what a growing log has by now, and the findings that are new; ends in a newline."""
    width, paint, doc = max(width, MIN_WIDTH), Paint(color=color), Document(report)
    head = draw.verdict(doc.verdict, doc.entries, width, paint, before=f"{doc.finished}  ")
    new = {finding.id for finding in news}
    drawn = [draw.finding(finding, width, paint) for finding in doc.findings if finding.id in new]
    return _joined([head, *drawn]) + ("\n" if news else "")


def render_short(report: Report, width: int = FILE_STYLE.width, *, color: bool = False, plain: bool = False) -> str:
    """A line for the whole, then one a member with its worst finding; ends in a newline. Lines are as long as they are.

    A log has no members of its own: there it is one a server that the log names.
    """
    del width, plain  # a line is a line, and nothing is drawn
    paint, (whole, *members) = Paint(color=color), summary(report)
    room = min(max((columns(line.name) for line in members), default=0), _NAMES)
    filled = [line._replace(name=line.name + " " * (room - columns(line.name))) for line in members]
    labels = [(line, paint(line.verdict.value, f"{line.verdict.value.upper():<8}")) for line in (whole, *filled)]
    mark = f"{visible(report.redacted, 400)}\n" if report.redacted else ""
    return mark + "".join(f"{label}  {line.name}  {line.worst}".rstrip() + "\n" for line, label in labels)
