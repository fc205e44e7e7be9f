"""The report for a person at a terminal: how bad, which members, each problem with its cause and what to do.

``detail`` 0 is the first screen; 1 adds evidence and run details, 2 everything; `QUIET` is the first line only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from icapdiag.model import Finding, Report
from icapdiag.report.document import Document, summary
from icapdiag.report.document.words import count
from icapdiag.report.formats import FILE_STYLE
from icapdiag.report.terminal import draw
from icapdiag.report.terminal.lines import Paint, columns, wrap
from icapdiag.report.terminal.problem import MOST, first_step, one_line, problem
from icapdiag.text import visible
from icapdiag.vocabulary import Severity

MIN_WIDTH = 60
PIPED_WIDTH = 100  # where there is no terminal to ask
QUIET = -1
_FAR = 3  # rows of the table above the first problem
_ROUNDS = 15  # rows on the first screen
_STEPS = 30
_EVENTS = 40
_ANSWERS = 5
_BRIEF = 6  # lines of a problem of a configuration: the fix is in the files, and -v says how
_SERVICES = 10  # virtual services of a configuration
_FEW = 2  # problems for which there is room for sentences that would be cut otherwise:
_SPARE = 3  # lines of each
_PROBLEMS = 16  # with their lines on the first screen; of others the headlines
_LOG_PROBLEMS = 6  # the same of a log, whose problems have more to say
_CONFIGURED, _MOST_CONFIGURED = 3, 4  # the same of a configuration, where it has more than so many problems
_COUNTS = 40  # rows of who and what
_NAMES = 45  # columns that names are filled up to


def render(
    report: Report, width: int = PIPED_WIDTH, *, color: bool = False, plain: bool = False, detail: int = 0
) -> str:
    """The report in lines of at most ``width`` columns (at least 60); ends in a newline.

    Everything that came from a server or a log is escaped and cut. Only words and commands of a
    runbook that are longer than a line exceed it. ``plain`` draws bars in ASCII, for a terminal
    without block characters.
    """
    doc, paint, width = Document(report), Paint(color=color), max(width, MIN_WIDTH)
    if detail == QUIET:
        label = doc.verdict.value.upper()
        return f"{paint(doc.verdict.value, label)}  {doc.overview.sentence}\n"
    return _joined(_sections(doc, width, paint, plain=plain, detail=detail))


def _sections(doc: Document, width: int, paint: Paint, *, plain: bool, detail: int) -> Iterator[list[str]]:
    yield wrap(doc.redacted, width)
    head = draw.verdict(doc.verdict, doc.overview.sentence, width, paint) + wrap(doc.overview.composition, width)
    titles = {visible(name): each.title for each in reversed(doc.problems) for name in each.members}
    reasons = {visible(name): each.id for each in reversed(doc.problems) for name in each.members}
    members = draw.matrix(doc.matrix, width, paint, detail, titles, reasons)
    alone = not detail and len(doc.matrix.lines) == 1
    # Below a table the first problem is far from the top; what is critical is never too far.
    below = max(len(doc.matrix.lines), len(doc.outcomes)) >= _FAR
    sole = doc.problems[0] if len(doc.problems) == 1 else None
    far = not detail and (below or (_is_critical(doc) and not (sole and doc.overview.first in sole.fix)))
    first = first_step(doc.overview.first, width, doc.overview.then) if doc.overview.first and far else []
    yield from ([head + members] if alone and not first else [head + first, members])
    yield draw.sentences(doc.services, width, None if detail else _SERVICES)
    yield draw.figures(doc.evidence, width, None if detail else _ROUNDS)
    yield draw.outcomes(doc.outcome_head, doc.outcomes, width, paint)
    yield draw.figures(doc.rounds, width, None if detail else _ROUNDS)  # asked for with --count and --load
    yield draw.figures(doc.load, width, None if detail else _STEPS)
    answers = doc.answers if detail else doc.answers[:_ANSWERS]
    yield from (draw.answer(answer, width, paint) for answer in answers)
    more = len(doc.answers) - len(answers)
    yield [f"and {count(more, 'more ICAP response')}: -v"] if more else []
    most = _LOG_PROBLEMS if doc.of_logs else _PROBLEMS
    if sum(bool(each.places) for each in doc.problems) > _MOST_CONFIGURED:
        most = _CONFIGURED
    shown = doc.problems if detail else doc.problems[:most]
    spare = _SPARE if len(doc.problems) <= _FEW else 0
    above = doc.overview.first if first and sole and not first[-1].endswith("…") else ""  # whole
    rooms = ((_BRIEF - alone, 0) if each.places else (MOST - alone, spare) for each in shown)
    yield from (problem(each, width, paint, detail, *room, above) for each, room in zip(shown, rooms, strict=True))
    yield [line for each in doc.problems[len(shown) :] for line in one_line(each, width, paint)]
    if detail:
        yield from (problem(each, width, paint, detail) for each in doc.informing)
    yield draw.unexplained(doc.unexplained, width)
    if detail:
        yield from _details(doc, width, plain=plain, detail=detail)
    yield draw.closing(doc, width, detail)


def _is_critical(doc: Document) -> bool:
    return any(each.severity is Severity.CRITICAL for each in doc.problems)


def _details(doc: Document, width: int, *, plain: bool, detail: int) -> Iterator[list[str]]:
    """How the report was made, and everything that was measured and counted."""
    yield draw.comparison(doc.comparison, width)
    yield draw.figures(doc.sizes, width)
    yield draw.figures(doc.events, width, None if detail > 1 else _EVENTS)
    yield draw.time_line(doc.timeline, width, doc.marks, plain=plain)
    yield draw.figures(doc.scanner_events, width)
    yield draw.figures(doc.scanner_requests, width)
    yield draw.groups(doc.groups, width)
    yield draw.items("Failures, and the command that selects these requests:", draw.rates(doc.rates), width)
    yield draw.counts(doc.counts, width, None if detail > 1 else _COUNTS)
    if detail > 1:
        yield draw.rules(doc.rules, width)
    suppressed = f"Suppressed ({len(doc.suppressed)}), accepted in the pool file for a limited time:"
    yield draw.items(suppressed, doc.suppressed, width)
    yield draw.items("Notes:", doc.notes, width)
    if doc.of_logs:
        entries = [*wrap(doc.entries, width), *([f"{doc.span}."] if doc.span else [])] if doc.entries_read else []
        yield entries + draw.sources(doc.sources, doc.records, width)
    else:
        run = [f"{doc.tally}."]
        made = (doc.seen_from, doc.surroundings, doc.clocks, doc.caveat, doc.untested)
        yield run + [line for text in made for line in wrap(text, width, break_words=True)]


def _joined(sections: Iterable[list[str]]) -> str:
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def render_news(report: Report, news: Sequence[Finding], width: int = PIPED_WIDTH, *, color: bool = False) -> str:
    """One line on the current state of a growing log, and the new findings; ends in a newline."""
    width, paint, doc = max(width, MIN_WIDTH), Paint(color=color), Document(report)
    head = draw.verdict(doc.verdict, doc.entries, width, paint, before=f"{doc.finished}  ")
    new = {finding.id for finding in news}
    drawn = [problem(each, width, paint) for each in (*doc.problems, *doc.informing) if each.id in new]
    return _joined([head, *drawn]) + ("\n" if news else "")


def render_short(
    report: Report, width: int = FILE_STYLE.width, *, color: bool = False, plain: bool = False, detail: int = 0
) -> str:
    """One line for the whole, then one per member with its worst finding; ends in a newline. Lines are not wrapped.

    For a log, there is one line per server that it names.
    """
    del width, plain, detail  # a line is a line, and nothing is drawn
    paint, (whole, *members) = Paint(color=color), summary(report)
    room = min(max((columns(line.name) for line in members), default=0), _NAMES)
    filled = [line._replace(name=line.name + " " * (room - columns(line.name))) for line in members]
    labels = [(line, paint(line.verdict.value, f"{line.verdict.value.upper():<8}")) for line in (whole, *filled)]
    mark = f"{visible(report.redacted, 400)}\n" if report.redacted else ""
    return mark + "".join(f"{label}  {line.name}  {line.worst}".rstrip() + "\n" for line, label in labels)
