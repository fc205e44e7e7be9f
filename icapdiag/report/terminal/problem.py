"""A problem as lines of text: at most eight on the first screen at 100 columns, all that is known with more detail.

What is to be done now and the fix are never cut inside a command or a click path: other lines give way first.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from icapdiag.report.document.findings import FindingBlock
from icapdiag.report.document.problems import ProblemBlock
from icapdiag.report.terminal.lines import Paint, columns, cut, wrap
from icapdiag.vocabulary import CauseStatus

MOST = 8  # lines of one problem on the first screen, at `WIDE` columns
WIDE = 100  # a narrower screen has more lines
_LABEL = 5  # columns: Cause, Users, Check
_BESIDE = 10  # columns that are not for text: the indentation and the label
_STEPS = ("Fix", "Now")  # what is to be done, in the order in which it gives way
_LONG = 300  # characters of a step that is no longer one: then it gives way on a narrow screen as well
_FILLED = 0.6  # of the room, by sentences that are whole
_EVIDENCE_SHOWN = 3
_PLACES = 10
_PLACE = 30  # columns that a place takes in a headline, if possible
_TITLE = 30  # columns of a title that are worth having
_COMMAND = re.compile(r"`([^`\n]{1,300})`")
_NUMBER = re.compile(r"\d{1,3}\. ")  # of a step
_SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z`(])(?!Proven|Likely)")
_CLAUSE = re.compile(r"(?:[^.;:,()\s]|[.;:,](?!\s|$)|\s(?!$))+")  # between marks: a click path is within one
_STEP = " > "  # of a click path


def problem(
    block: ProblemBlock, width: int, paint: Paint, detail: int = 0, most: int = MOST, spare: int = 0, said: str = ""
) -> list[str]:
    """Its number, title and place, then its labelled lines; ``detail``: how much (0 to 2).

    ``most``: lines without details, at `WIDE` columns. There are more where what is to be done needs them, and as many
    as ``spare`` where a sentence would be cut otherwise. ``said``: a step that stands above, whole.
    """
    if detail == 0:
        return _fitted(block, width, paint, most, spare, said)
    return [
        *headline(block, width, paint),
        *(line for label, text in _whole(block, detail, width) for line in _labelled(label, text, block, width)),
    ]


def headline(block: ProblemBlock, width: int, paint: Paint, lines: int = 2, *, placed: bool = True) -> list[str]:
    """``1  CRITICAL  Service path not found at 10.0.0.3:1344 [service-not-found]``; ``-  INFO  …``.

    ``placed``: with its place.
    """
    severity = block.severity.value.upper()
    start, end = f"{block.number or '-'}  {severity}  ", f" [{block.id}]"
    most = lines * width - columns(end) - (12 if lines > 1 else 2)  # lines seldom break at their very end
    where = block.where_within(max(most - columns(start) - columns(block.title), 24))
    place = f"{': ' if block.requests else ' '}{where}" if where and placed else ""
    text = f"{start}{block.title}{place}{end}"
    first, *rest = wrap(text, width, rest=" " * (len(str(block.number)) + 2), break_words=True)
    return [first.replace(severity, paint(block.severity.value, severity), 1), *rest]


def first_step(step: str, width: int, then: str = "") -> list[str]:
    """What to do first: whole, or the sentences of it that have room in two lines of a wide screen.

    ``then``: where the steps of other problems are, which is never left out.
    """
    drawn = _first_step(step, width)
    if then and not _is_command(step) and columns(f"{drawn[-1]} {then}") <= width:
        return [*drawn[:-1], f"{drawn[-1]} {then}"]
    return drawn + (wrap(then, width, " " * len(_FIRST)) if then else [])


def _first_step(step: str, width: int) -> list[str]:
    lines = wrap(_bare(step), width, _FIRST, " " * len(_FIRST), break_words=not _is_command(step))
    long = len(step) > _LONG
    short = _sentences(step, width, _FIRST, 2) if (width >= WIDE or long) and len(lines) > 2 else []
    return short or (_clipped(step, width, _FIRST, 2) if long else lines)


_FIRST = "First: "


def one_line(block: ProblemBlock, width: int, paint: Paint) -> list[str]:
    """Only the headline, for a problem that does not fit on the screen."""
    first, *rest = headline(block, width, paint, 1)
    if rest:  # its title gives way, then its place, but not its id, which opens the runbook
        severity, end = block.severity.value.upper(), f" [{block.id}]"
        start, where = f"{block.number}  {severity}  ", block.where_within(_PLACE)
        room = width - columns(start) - columns(end)
        place = f"{': ' if block.requests else ' '}{where}" if where else ""
        place = place if room - columns(place) >= _TITLE else ""
        title = textwrap.shorten(block.title, room - columns(place), placeholder=" …")
        text = f"{start}{cut(title, room - columns(place))}{place}{end}"
        first = text.replace(severity, paint(block.severity.value, severity), 1)
    return [first]


def _indent(number: int) -> str:
    return " " * (number + 2)


def _labelled(label: str, text: str, block: ProblemBlock, width: int) -> list[str]:
    """The text after its label, or without one below the text before it."""
    start = f"{_indent(len(str(block.number)))}{label:<{_LABEL}}  "
    number = _NUMBER.match(text)
    below = " " * (len(start) + (number.end() if number else 0))
    return wrap(text, width, start, below, break_words=not text.startswith("icapdiag "))  # which can be pasted


# --- the first screen ------------------------------------------------------------------------------


def _fitted(block: ProblemBlock, width: int, paint: Paint, most: int, spare: int, above: str) -> list[str]:
    """As many lines as there may be, or as what is to be done needs. What gives way first is only worth knowing."""
    if width < WIDE:
        most = -(-most * (WIDE - _BESIDE) // (width - _BESIDE))
    number = len(str(block.number))
    said = {label: text for label, text in block.lines if label != "Now" or text != above}
    start = {label: f"{_indent(number)}{label:<{_LABEL}}  " for label in said}
    drawn = {label: _drawn(text, width, start[label]) for label, text in said.items()}
    head = headline(block, width, paint)

    def over() -> int:
        return len(head) + sum(map(len, drawn.values())) - most

    told = [label for label, text in said.items() if label not in _STEPS and not _is_command(text)]
    while over() > 0 and (long := [label for label in told if len(drawn[label]) > 1]):
        label = max(long, key=lambda label: len(drawn[label]))
        brief = {"Cause": block.cause_in_brief}.get(label, "")
        lines = len(drawn[label]) - 1
        kept = _shortened(said[label], brief, width, start[label], lines, may_cut=over() > spare)
        if not kept:
            told.remove(label)
        drawn[label] = kept or drawn[label]
    if over() > spare and {"Users", "Who"} <= said.keys():
        drawn["Users"] = _together(said["Users"], block.who_in_brief, width, start["Users"]) or drawn["Users"]
        del drawn["Who"]
    unplaced = [headline(block, width, paint, 1, placed=False)] if "Where" in said else []
    for short in (headline(block, width, paint, 1), *unplaced, one_line(block, width, paint)):
        if over() > spare and len(short) < len(head):
            head = short
    for step in _STEPS:
        text, endless = said.get(step, ""), len(said.get(step, "")) > _LONG
        while over() > 0 and text and len(drawn[step]) > 1 and (endless or width >= WIDE):
            kept = _sentences(text, width, start[step], len(drawn[step]) - 1)
            if not kept and endless:
                kept = _clipped(text, width, start[step], 2)
            if not 0 < len(kept) < len(drawn[step]):
                break
            drawn[step] = kept
    return [*head, *(line for lines in drawn.values() for line in lines)]


def _together(users: str, who: Sequence[str], width: int, start: str) -> list[str]:
    """Both in one line, with as much of ``who`` as there is room for; empty if there is none."""
    ways = (f"{users.removesuffix('.')}: {', '.join(who[:number])}" for number in range(len(who), 0, -1))
    return next((drawn for both in ways if len(drawn := _drawn(both, width, start)) == 1), [])


def _drawn(text: str, width: int, start: str) -> list[str]:
    return wrap(_bare(text), width, start, " " * len(start), break_words=not _is_command(text))


def _shortened(text: str, brief: str, width: int, start: str, lines: int, *, may_cut: bool) -> list[str]:
    """The text in at most ``lines`` lines, or ``brief``, which says the same in fewer words. Empty if neither fits."""
    if brief and len(whole := _drawn(brief, width, start)) <= lines:
        return whole
    if len(whole := _drawn(text, width, start)) <= lines:
        return whole
    return _clipped(brief or text, width, start, lines) if may_cut else []


def _sentences(text: str, width: int, start: str, lines: int) -> list[str]:
    """Its first sentences, as many as there is room for; empty if there is none for the first."""
    sentences = _SENTENCE.split(text)
    short = (" ".join(sentences[:number]) for number in range(len(sentences) - 1, 0, -1))
    return next((found for kept in short if len(found := _ended(kept, width, start)) <= lines), [])


def _clipped(text: str, width: int, start: str, lines: int) -> list[str]:
    """So many whole sentences as fill the most of it, else words; what is left out shows as an ellipsis."""
    text = text[: (lines + 1) * width]  # more than there is room for
    words = text.split(" ")
    short = (" ".join(words[:number]) for number in range(len(words) - 1, 0, -1))
    found = (_ended(kept, width, start) for kept in short if _may_end(text, len(kept)))
    by_words = next((each for each in found if len(each) <= lines), [])
    by_sentence = _sentences(text, width, start, lines)
    return by_sentence if _length(by_sentence) > _FILLED * _length(by_words) else by_words


def _length(lines: Sequence[str]) -> int:
    return sum(map(len, lines))


def _may_end(text: str, place: int) -> bool:
    """Whether a text may be cut there: outside of commands and click paths."""
    if text.count("`", 0, place) % 2:
        return False
    return all(
        _STEP not in found.group() or not found.start() < place < found.end() for found in _CLAUSE.finditer(text)
    )


def _ended(kept: str, width: int, start: str) -> list[str]:
    return wrap(f"{kept} …".strip(), width, start, " " * len(start), break_words=True)


def _is_command(text: str) -> bool:
    return _COMMAND.fullmatch(text) is not None


def _bare(text: str) -> str:
    """A text that is only a command has no backticks."""
    found = _COMMAND.fullmatch(text)
    return found[1] if found else text


# --- more of it ------------------------------------------------------------------------------------


def _whole(block: ProblemBlock, detail: int, width: int) -> Iterator[tuple[str, str]]:
    """Everything about it, as labels and texts; several texts share one label."""
    finding = block.finding
    yield from _rows("What", [finding.meaning])
    order = [each for each in block.causes if detail > 1 or each.status is not CauseStatus.RULED_OUT]
    yield from _rows("Cause", [f"{each.status.capitalize()}: {each.words}" for each in order])
    yield from _rows("Where", block.places[: None if detail > 1 else _PLACES])
    yield from _rows("Users", [block.users])
    yield from _rows("Who", [block.who])
    yield from _rows("Now", _numbered(block.now))
    yield from _rows("Fix", _numbered(block.fix))
    yield from _rows("Check", _numbered(block.check))
    yield from _rows("When", [block.span])
    shown = block.seen[: None if detail > 1 else _EVIDENCE_SHOWN]
    yield from _rows("Seen", [f"{seen.where}: {seen.words}" for seen in shown])
    if detail > 1:
        for seen in shown:
            yield from _rows("Facts", [f"{name}: {value}" for name, value in seen.facts])
    if detail > 1:
        yield from _rows("Send", block.escalate)
    yield from _rows("Leads", [_consequence(each) for each in block.consequences])
    yield "More", finding.command_within(width - len(_indent(len(str(block.number)))) - _LABEL - 2)


def _consequence(finding: FindingBlock) -> str:
    counted = f": {finding.requests}" if finding.requests else ""
    return f"to {finding.title}{counted} [{finding.id}]"


def _rows(label: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for number, text in enumerate(filter(None, texts)):
        yield ("" if number else label), text


def _numbered(steps: Sequence[str]) -> list[str]:
    bare = list(map(_bare, steps))
    return bare if len(bare) == 1 else [f"{number}. {step}" for number, step in enumerate(bare, start=1)]
