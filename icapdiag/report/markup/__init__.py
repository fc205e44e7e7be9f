"""The report as headings, paragraphs, lists and tables, from which Markdown and ticket bodies are written.

Blocks are in order of usefulness, so that a body with a limit can stop at any of them. Their text is one line, without
terminal controls and bidirectional controls; each format also escapes it for its own sink.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from icapdiag.model import Report
from icapdiag.report.document import Document, logs, who
from icapdiag.report.document.findings import CauseBlock, SeenBlock
from icapdiag.report.document.members import Matrix
from icapdiag.report.document.problems import ProblemBlock
from icapdiag.report.terminal import draw
from icapdiag.report.terminal.lines import PLAIN, wrap

_CODE = re.compile(r"`([^`\n]{1,300})`")


class Said(Struct, frozen=True):
    """Text from a server, a log or a file, never interpreted as markup."""

    text: str


Inline = str | Said  # str is prose: the program's and the runbooks' own words, with `commands` in backticks


class Heading(Struct, frozen=True):
    level: int  # 1 to 3
    text: tuple[Inline, ...]


class Paragraph(Struct, frozen=True):
    text: tuple[Inline, ...]


class Items(Struct, frozen=True):
    """A list; numbered where the order matters."""

    items: tuple[tuple[Inline, ...], ...]
    numbered: bool = False


class Verbatim(Struct, frozen=True):
    """Lines in a fixed-width font, some of them from a server. ``summary`` is the title when folded."""

    lines: tuple[str, ...]
    summary: str = ""


class Table(Struct, frozen=True):
    """Columns under headings; each row has as many cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[Inline, ...], ...]


Block = Heading | Paragraph | Items | Verbatim | Table
Writer = Callable[[str], str]


def written(parts: Sequence[Inline], said: Writer, plain: Writer, code: Writer) -> str:
    """The parts, joined; foreign text, plain words and `commands` each in the format's own way."""

    def prose(text: str) -> str:  # split into text, code, text, code, … text
        return "".join(code(part) if number % 2 else plain(part) for number, part in enumerate(_CODE.split(text)))

    return "".join(said(part.text) if isinstance(part, Said) else prose(part) for part in parts)


def text_of(parts: Sequence[Inline]) -> str:
    """The words without the distinction between prose and foreign text."""
    return "".join(part.text if isinstance(part, Said) else part for part in parts)


# --- the order of the sections ---------------------------------------------------------------------

_WIDTH = 110  # columns of what is drawn in plain text
_ROWS = 200  # of a table
_EVIDENCE = 3
_CAUSES = 3  # that stand first


def layout(report: Report) -> Iterator[Block]:
    """The blocks of the report, the most useful first: the answer, the members, each problem, details of the run."""
    doc = Document(report)
    if doc.redacted:
        yield Paragraph((doc.redacted,))
    yield Heading(1, (f"{doc.verdict.value.upper()}: ", Said(doc.overview.sentence)))
    if doc.overview.composition:
        yield Paragraph((Said(doc.overview.composition),))
    if doc.overview.first:
        yield Paragraph((f"First: {doc.overview.first} {doc.overview.then}".rstrip(),))
    if doc.overview.closing:
        yield Paragraph((Said(" ".join(doc.overview.closing)),))
    yield from _members(f"Members ({len(doc.matrix.members)})", doc.matrix)
    yield from _listed("Virtual services", doc.services)
    yield from _outcomes(doc.outcome_head, doc.outcomes)
    yield from _answers(doc)
    for problem in doc.problems:
        yield from _problem(problem)
    if doc.unexplained.count:
        yield Heading(2, (f"Not explained by any runbook ({doc.unexplained.count:,})",))
        yield from _seen(doc.unexplained.seen)
    for known in doc.informing:
        yield from _problem(known)
    for each in (*doc.problems, *doc.informing):
        yield from _details(each)
    yield from _members("Members, with times", doc.matrix, whole=True)
    yield from _figures(doc)
    yield from _selected(who.RATE_TITLE, who.RATE_HEAD, [each.cells for each in doc.rates])
    yield from _selected(who.COUNT_TITLE, who.COUNT_HEAD, [each.cells for each in doc.counts])
    yield from _listed(f"Suppressed ({len(doc.suppressed)})", doc.suppressed)
    yield from _listed("Notes", doc.notes)
    yield from _run(doc)


def _rest(number_of: int, columns: int) -> list[tuple[Inline, ...]]:
    more = number_of - _ROWS
    return [("", f"and {more:,} more", *([""] * (columns - 2)))] if more > 0 else []


def _members(heading: str, matrix: Matrix, *, whole: bool = False) -> Iterator[Block]:
    """The matrix, the most harmful first; ``whole``: with times, threats, and why something was not run."""
    if not matrix.members:
        return
    rows: list[tuple[Inline, ...]] = []
    for member in matrix.members[:_ROWS]:
        for line in member.lines:
            cells = (Said(cell.full if whole else cell.brief) if cell.shape else "" for cell in line.cells)
            rows.append((Said(member.endpoint if line.verdict else line.name), line.verdict, *cells))
    yield Heading(2, (heading,))
    head = ("Member", "Verdict", *matrix.probes)
    yield Table(head, (*rows, *_rest(len(matrix.members), len(head))))


def _outcomes(headings: Sequence[str], found: Sequence[logs.OutcomeRow]) -> Iterator[Block]:
    if found:
        yield Heading(2, ("What clients got",))
        head = tuple(heading[:1].upper() + heading[1:] for heading in headings)
        yield Table(head, tuple(tuple(Said(cell) if cell else "" for cell in row.cells) for row in found))


def _selected(heading: str, head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Iterator[Block]:
    """Requests that were counted; the last cell says how they are selected."""
    if rows:
        yield Heading(2, (heading,))
        titles = tuple(each[:1].upper() + each[1:] for each in head)
        yield Table(titles, tuple(tuple(Said(cell) if cell else "" for cell in row) for row in rows[:_ROWS]))


def _answers(doc: Document) -> Iterator[Block]:
    for answer in doc.answers:
        yield Heading(2, ("ICAP response",))
        yield Verbatim(tuple(draw.answer(answer, _WIDTH, PLAIN)))


def _problem(problem: ProblemBlock) -> Iterator[Block]:
    """What is wrong, why, and what to do first."""
    yield Heading(2, _headline(problem))
    said = (
        (f"{label}: ", Said(text) if label == "Where" else text) for label, text in problem.lines if label != "Cause"
    )
    yield Items((*(_cause(each) for each in problem.causes[: _certain(problem)]), *said))


def _headline(problem: ProblemBlock) -> tuple[Inline, ...]:
    number = f"{problem.number} " if problem.number else ""
    between = ": " if problem.requests else " "
    where: tuple[Inline, ...] = (between, Said(problem.where)) if problem.where else ()
    return (f"{number}{problem.severity.value.upper()}: {problem.title}", *where, f" [{problem.id}]")


def _certain(problem: ProblemBlock) -> int:
    """How many of its causes come first: the most certain ones."""
    return min(sum(each.status is problem.causes[0].status for each in problem.causes), _CAUSES)


def _details(problem: ProblemBlock) -> Iterator[Block]:
    """The evidence, other causes and fixes."""
    yield Heading(2, ("Details of ", *_headline(problem)))
    yield Paragraph((problem.finding.meaning,))
    if problem.places[1:]:
        yield Paragraph(("Where:",))
        yield Items(tuple((Said(each),) for each in problem.places[:_ROWS]))
    yield from _seen(problem.seen, "Evidence")
    if causes := problem.causes[_certain(problem) :]:
        yield Paragraph(("Other causes:",))
        yield Items(tuple(map(_cause, causes)))
    if problem.fix[1:]:
        yield Paragraph(("Other fixes:",))
        yield Items(tuple((step,) for step in problem.fix[1:]))
    if problem.consequences:
        led = ", ".join(f"{each.title} [{each.id}]" for each in problem.consequences)
        yield Paragraph((f"Leads to: {led}.",))
    yield Paragraph((f"More: `{problem.finding.command}`",))


def _cause(cause: CauseBlock) -> tuple[Inline, ...]:
    """The certainty of a cause, and the facts behind it, some of them a server's words."""
    facts: tuple[Inline, ...] = (": ", Said(cause.facts)) if cause.facts else ()
    at: tuple[Inline, ...] = (" at ", Said(cause.at)) if cause.at else ()
    return (f"{cause.status.capitalize()} cause: {cause.title}", *facts, *at, ".")


def _run(doc: Document) -> Iterator[Block]:
    """How the report was made."""
    yield Heading(2, ("About this run",))
    yield Paragraph((doc.tally + ". ", Said(doc.seen_from_in_brief)))
    if doc.surroundings:
        yield Paragraph((Said(doc.surroundings),))
    if doc.caveat:
        yield Paragraph((doc.caveat,))
    if doc.untested:
        yield Paragraph((Said(doc.untested),))
    if doc.profile:
        yield Paragraph(("ICAP profile: ", Said(", ".join(" ".join(each) for each in doc.profile)), "."))


def _seen(seen: Sequence[SeenBlock], summary: str = "") -> Iterator[Block]:
    if seen:
        yield Verbatim(tuple(f"{each.where}: {each.words}" for each in seen[:_EVIDENCE]), summary)


def _listed(heading: str, lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        yield Heading(2, (heading,))
        yield Items(tuple((Said(line),) for line in lines))


def _figures(doc: Document) -> Iterator[Block]:
    """The figures that the table format shows too, in plain text."""
    drawn = (
        ("Differences between members", draw.comparison(doc.comparison, _WIDTH)),
        ("Clocks", wrap(doc.clocks, _WIDTH)),
        ("Members by source", draw.figures(doc.evidence, _WIDTH)),
        ("Events", draw.figures(doc.events, _WIDTH)),
        ("Rounds", draw.figures(doc.rounds, _WIDTH)),
        ("Sizes", draw.figures(doc.sizes, _WIDTH)),
        ("Load", draw.figures(doc.load, _WIDTH)),
        ("RFC 3507", draw.rules(doc.rules, _WIDTH)),
        ("Over time", draw.time_line(doc.timeline, _WIDTH, doc.marks)),
        ("Messages of scanners", draw.figures(doc.scanner_events, _WIDTH)),
        ("Requests of scanners", draw.figures(doc.scanner_requests, _WIDTH)),
        ("Request groups", draw.groups(doc.groups, _WIDTH)),
    )
    for heading, lines in drawn:
        if lines:
            yield Heading(2, (heading,))
            yield Verbatim(tuple(lines))


# --- as much as a field takes ----------------------------------------------------------------------

_TO_ATTACHMENT = (
    "The rest of this report did not fit here: see the attachment, or run `icapdiag report render` on the saved JSON."
)
_WHOLE = "The complete report with all evidence is in the attachment."
_FEWEST = 3  # lines, rows or items of a block that are worth keeping
_GAP = "\n\n"


def whole(report: Report, draw: Callable[[Block], str]) -> str:
    """All blocks, written by ``draw``; ends in a newline."""
    return _GAP.join(map(draw, layout(report))) + "\n"


def ticket(report: Report, draw: Callable[[Block], str], limit: int) -> str:
    """The blocks, written by ``draw``, at most ``limit`` bytes of UTF-8; ends in a newline.

    Ticket systems count characters, UTF-16 units or bytes; the number of bytes is never the smallest.
    A list or a table is cut where it no longer fits; a heading is never left without content.
    """
    rest = draw(Paragraph((_TO_ATTACHMENT,)))
    room = limit - _size(_GAP + rest + "\n")
    kept: list[tuple[Block, str]] = []
    used = 0
    for block in layout(report):
        text = draw(block)
        if used + _size(_GAP + text) > room:
            if cut := _shortened(block, draw, room - used - _size(_GAP)):
                kept.append((block, cut))
            break
        kept.append((block, text))
        used += _size(_GAP + text)
    else:
        return _GAP.join([*(text for _, text in kept), draw(Paragraph((_WHOLE,)))])[: limit - 1] + "\n"
    while kept and isinstance(kept[-1][0], Heading):
        kept.pop()
    return _GAP.join([*(text for _, text in kept), rest]) + "\n"


def _shortened(block: Block, draw: Callable[[Block], str], room: int) -> str:
    """The beginning of a block as far as it fits, and how much is left out; empty if that is too little."""
    number = _length(block)
    kept = bisect_right(range(1, number), room, key=lambda kept: _size(draw(_first(block, kept))))
    return draw(_first(block, kept)) if 0 < min(_FEWEST, number - 1) <= kept else ""


def _length(block: Block) -> int:
    match block:
        case Verbatim(lines=parts) | Table(rows=parts) | Items(items=parts):
            return len(parts)
    return 0


def _first(block: Block, number: int) -> Block:
    more = f"and {_length(block) - number:,} more"
    match block:
        case Verbatim(lines, summary):
            return Verbatim((*lines[:number], more), summary)
        case Table(head, rows):
            return Table(head, (*rows[:number], (more, *([""] * (len(head) - 1)))))
        case Items(items, numbered):
            return Items((*items[:number], (more,)), numbered)
    return block


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))
