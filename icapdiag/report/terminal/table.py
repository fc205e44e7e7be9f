"""The report for a person at a terminal: the matrix, then what is wrong and what to do, worst first. Or in short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from icapdiag.model import Finding, Report
from icapdiag.report.document.blocks import MemberLine
from icapdiag.report.document.document import Document
from icapdiag.report.document.findings import Budget, finding_block
from icapdiag.report.formats import FILE_STYLE
from icapdiag.report.terminal.draw import (
    draw_answer,
    draw_comparison,
    draw_figures,
    draw_finding,
    draw_groups,
    draw_items,
    draw_matrix,
    draw_rules,
    draw_sources,
    draw_time_line,
    draw_unexplained,
    draw_verdict,
)
from icapdiag.report.terminal.lines import Paint, columns, wrap

MIN_WIDTH = 60
PIPED_WIDTH = 100  # where there is no terminal to ask
_NAMES = 45  # columns that names are filled up to


def render(report: Report, width: int = PIPED_WIDTH, *, color: bool = False, plain: bool = False) -> str:
    """The report as lines of at most ``width`` columns (never fewer than 60); ends in a newline.

    Everything that came from a server or a log is escaped and cut. Only words and commands of a
    runbook that are longer than a line run over. ``plain`` draws bars in ASCII, for a terminal
    that has no block characters.
    """
    document = Document(report)
    return _joined(_sections(document, max(width, MIN_WIDTH), Paint(color=color), plain=plain))


def _sections(document: Document, width: int, paint: Paint, *, plain: bool) -> Iterator[list[str]]:
    yield [
        *draw_verdict(document.verdict.value, _with_gap(document.title, document.gap), width, paint),
        *(_log_head(document, width) if document.of_logs else _pool_head(document, width)),
    ]
    yield draw_matrix(document.matrix, width, paint)
    yield wrap(document.clocks, width)
    yield draw_figures(document.rounds, width)
    yield draw_figures(document.sizes, width)
    yield draw_figures(document.load, width)
    yield draw_comparison(document.comparison, width)
    yield draw_rules(document.rules, width)
    yield draw_time_line(document, width, plain=plain)
    yield from (draw_answer(answer, width, paint) for answer in document.answers)
    yield from (draw_finding(finding, width, paint) for finding in document.findings)
    yield draw_groups(document.groups, width)
    yield draw_unexplained(document.unexplained, width)
    suppressed = f"Suppressed ({len(document.suppressed)}), as the pool file accepts for a time:"
    yield draw_items(suppressed, document.suppressed, width)
    yield draw_items("Notes:", document.notes, width)


def _pool_head(document: Document, width: int) -> Iterator[str]:
    if document.members_tally:
        yield document.members_tally
    for text in (document.seen_from, document.surroundings):
        yield from wrap(text, width, break_words=True)
    yield from wrap(document.caveat, width)


def _log_head(document: Document, width: int) -> Iterator[str]:
    if document.entries_read:
        yield from wrap(document.entries, width)
        if document.span:
            yield f"{document.span}."
    yield from draw_sources(document.sources, document.records, width)


def _with_gap(text: str, gap: str) -> str:
    return f"{text} ({gap})" if gap else text


def _joined(sections: Iterable[list[str]]) -> str:
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def render_news(report: Report, news: Sequence[Finding], width: int = PIPED_WIDTH, *, color: bool = False) -> str:
    """One line on what a growing log has by now, and the findings that are new; ends in a newline."""
    width, paint, document = max(width, MIN_WIDTH), Paint(color=color), Document(report)
    before = f"{document.finished}  "
    head = draw_verdict(document.verdict.value, document.entries, width, paint, before=before)
    blocks = [finding_block(finding, "", Budget()) for finding in news]
    return _joined([head, *(draw_finding(block, width, paint) for block in blocks)]) + ("\n" if news else "")


def render_short(report: Report, width: int = FILE_STYLE.width, *, color: bool = False, plain: bool = False) -> str:
    """A line for the whole, then one a member with its worst finding; ends in a newline. Lines are as long as they are.

    A log has no members of its own: there it is one a server that the log names.
    """
    del width, plain  # a line is a line, and nothing is drawn
    paint, document = Paint(color=color), Document(report)
    room = min(max((columns(line.name) for line in document.lines), default=0), _NAMES)
    whole = MemberLine(_with_gap(f"{document.title}: {document.tally}", document.gap), document.verdict, document.worst)
    lines = [MemberLine(_filled(line.name, room), line.verdict, line.worst) for line in document.lines]
    return "".join(f"{_short(line, paint)}\n" for line in (whole, *lines))


def _filled(name: str, room: int) -> str:
    return name + " " * (room - columns(name))


def _short(line: MemberLine, paint: Paint) -> str:
    label = paint(line.verdict.value, f"{line.verdict.value.upper():<8}")
    return f"{label}  {line.name}  {line.worst}".rstrip()
