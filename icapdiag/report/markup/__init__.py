"""The report as a text of headings, paragraphs, lists and tables: what Markdown and ticket bodies are written from.

Blocks come in the order in which a reader wants them, so that a body with a limit can stop at any of them. Their text
is one line and free of what drives a terminal or reorders text; each format escapes it for its own sink besides.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from icapdiag.model import Report
from icapdiag.report.document import Document
from icapdiag.report.document.findings import FindingBlock, SeenBlock
from icapdiag.report.document.members import Matrix
from icapdiag.report.document.words import count, names
from icapdiag.report.terminal import draw
from icapdiag.report.terminal.lines import PLAIN, wrap
from icapdiag.vocabulary import HEALTH_ORDER

_CODE = re.compile(r"`([^`\n]{1,300})`")


class Said(Struct, frozen=True):
    """What a server, a log or a file says: never to be read as markup."""

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
    """Lines in a fixed width, some of them a server's. ``summary`` names what a reader may want to unfold."""

    lines: tuple[str, ...]
    summary: str = ""


class Table(Struct, frozen=True):
    """Columns under headings, each row with as many cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[Inline, ...], ...]


Block = Heading | Paragraph | Items | Verbatim | Table
Writer = Callable[[str], str]


def written(parts: Sequence[Inline], said: Writer, plain: Writer, code: Writer) -> str:
    """The parts in a row; what was said, plain words and `commands` each as a format writes it."""

    def prose(text: str) -> str:  # split into text, code, text, code, … text
        return "".join(code(part) if number % 2 else plain(part) for number, part in enumerate(_CODE.split(text)))

    return "".join(said(part.text) if isinstance(part, Said) else prose(part) for part in parts)


def text_of(parts: Sequence[Inline]) -> str:
    """The words without what tells prose from what was said."""
    return "".join(part.text if isinstance(part, Said) else part for part in parts)


# --- the order of the sections ---------------------------------------------------------------------

_WIDTH = 110  # columns of what is drawn in plain text
_ROWS = 200  # of a table
_EVIDENCE = 3


def layout(report: Report) -> Iterator[Block]:
    """The blocks of the report, the most useful first."""
    doc = Document(report)
    state = f" ({doc.gap})" if doc.gap else ""
    if doc.redacted:
        yield Paragraph((doc.redacted,))
    yield Heading(1, (f"{doc.verdict.value.upper()}: ", Said(doc.title), state))
    yield Paragraph((doc.tally + ". ", Said(doc.seen_from_in_brief)))
    for said in (doc.surroundings, doc.untested):
        if said:
            yield Paragraph((Said(said),))
    if doc.caveat:
        yield Paragraph((doc.caveat,))
    if doc.findings:
        yield Heading(2, (f"Findings ({len(doc.findings)})",))
        rows = [
            (each.severity.value, f"{each.title} (`{each.id}`)", Said(names(each.members)) if each.members else "")
            for each in doc.findings[:_ROWS]
        ]
        yield Table(("Severity", "Finding", "Members"), (*rows, *_rest(len(doc.findings), 3)))
    yield from _members(doc.matrix)
    for finding in doc.findings:
        yield from _finding(finding)
    yield from _figures(doc)
    if doc.unexplained.count:
        yield Heading(2, (f"Not explained by any runbook ({doc.unexplained.count:,})",))
        yield from _seen(doc.unexplained.seen)
    yield from _listed(f"Suppressed ({len(doc.suppressed)})", doc.suppressed)
    yield from _listed("Notes", doc.notes)


def _rest(number_of: int, columns: int) -> list[tuple[Inline, ...]]:
    more = number_of - _ROWS
    return [("", f"and {more:,} more", *([""] * (columns - 2)))] if more > 0 else []


def _members(matrix: Matrix) -> Iterator[Block]:
    """The matrix, the sickest first."""
    if not matrix.members:
        return
    rows: list[tuple[Inline, ...]] = []
    for member in sorted(matrix.members, key=lambda member: HEALTH_ORDER.index(member.verdict))[:_ROWS]:
        for line in member.lines:
            cells = (Said(cell.full) if cell.shape else "" for cell in line.cells)
            rows.append((Said(member.endpoint if line.verdict else line.name), line.verdict, *cells))
    yield Heading(2, (f"Members ({len(matrix.members)})",))
    head = ("Member", "Verdict", *matrix.probes)
    yield Table(head, (*rows, *_rest(len(matrix.members), len(head))))


def _finding(finding: FindingBlock) -> Iterator[Block]:
    yield Heading(3, (f"{finding.severity.value.upper()}: {finding.title} [{finding.id}]",))
    who: tuple[Inline, ...] = ("Members: ", Said(names(finding.members, 20)), ". ") if finding.members else ()
    when: tuple[Inline, ...] = ("Seen: ", Said(" to ".join(finding.moments)), ". ") if finding.moments else ()
    times = f"{count(finding.count, 'observation')}. " if finding.count > 1 else ""
    yield Paragraph((*who, times, *when, finding.meaning))
    if finding.because_of:
        yield Paragraph((f"A consequence of {', '.join(finding.because_of)}.",))
    if finding.causes:
        yield Items(tuple((f"{cause.status.capitalize()}: ", Said(cause.words)) for cause in finding.causes))
    yield from _seen(finding.seen, "What was seen")
    if finding.remedy:
        yield Items(tuple((step,) for step in finding.remedy), numbered=True)
    if finding.check:
        yield Paragraph((f"Check: {finding.check[0]}",))
    yield Paragraph((f"More: `{finding.command}`",))


def _seen(seen: Sequence[SeenBlock], summary: str = "") -> Iterator[Block]:
    if seen:
        yield Verbatim(tuple(f"{each.where}: {each.words}" for each in seen[:_EVIDENCE]), summary)


def _listed(heading: str, lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        yield Heading(2, (heading,))
        yield Items(tuple((Said(line),) for line in lines))


def _figures(doc: Document) -> Iterator[Block]:
    """What the table draws as well, in plain text."""
    drawn = (
        ("Members side by side", draw.comparison(doc.comparison, _WIDTH)),
        ("Clocks", wrap(doc.clocks, _WIDTH)),
        ("Several rounds", draw.figures(doc.rounds, _WIDTH)),
        ("Sizes", draw.figures(doc.sizes, _WIDTH)),
        ("Load", draw.figures(doc.load, _WIDTH)),
        ("RFC 3507", draw.rules(doc.rules, _WIDTH)),
        ("Over time", draw.time_line(doc.timeline, _WIDTH)),
        *(("ICAP answer", draw.answer(answer, _WIDTH, PLAIN)) for answer in doc.answers),
        ("Requests alike", draw.groups(doc.groups, _WIDTH)),
    )
    for heading, lines in drawn:
        if lines:
            yield Heading(2, (heading,))
            yield Verbatim(tuple(lines))


# --- as much as a field takes ----------------------------------------------------------------------

_TO_ATTACHMENT = (
    "The rest of this report did not fit here: see the attachment, or run `icapdiag report render` on the saved JSON."
)
_WHOLE = "The whole report with all evidence is in the attachment."
_FEWEST = 3  # lines, rows or items of a block that are worth keeping
_GAP = "\n\n"


def whole(report: Report, draw: Callable[[Block], str]) -> str:
    """All blocks as ``draw`` writes them; ends in a newline."""
    return _GAP.join(map(draw, layout(report))) + "\n"


def ticket(report: Report, draw: Callable[[Block], str], limit: int) -> str:
    """The blocks as ``draw`` writes them, at most ``limit`` bytes of UTF-8; ends in a newline.

    Fields count characters, some of them in units of UTF-16 and some in bytes: bytes are never fewer.
    A list or a table is cut where it no longer fits; a heading is not left without what it heads.
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
    """As much of the beginning of a block as fits, and how much more there is; empty if that is too little."""
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
