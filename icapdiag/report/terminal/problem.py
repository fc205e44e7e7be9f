"""A problem as lines of text: at most eight on the first screen, everything about it with more detail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from icapdiag.report.document.findings import FindingBlock
from icapdiag.report.document.problems import ProblemBlock
from icapdiag.report.terminal.lines import Paint, columns, cut, wrap
from icapdiag.vocabulary import CauseStatus

MOST = 8  # lines of one problem on the first screen
_LABEL = 5  # columns: Cause, Users, Check
_STEPS = ("Now", "Fix")  # what is to be done is cut last: its click path stands at the end
_FILLED = 0.6  # of the room, by sentences that are whole
_EVIDENCE_SHOWN = 3
_PLACES = 10
_COMMAND = re.compile(r"`([^`\n]{1,300})`")
_NUMBER = re.compile(r"\d{1,3}\. ")  # of a step
_SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z`(])(?!Proven|Likely)")


def problem(block: ProblemBlock, width: int, paint: Paint, detail: int = 0, most: int = MOST) -> list[str]:
    """Its number, title and place, then its labelled lines; ``detail``: how much (0 to 2).

    ``most``: the most lines without details.
    """
    head = headline(block, width, paint)
    if detail == 0:
        brief = {"Cause": block.cause_in_brief}
        return [*head, *_fitted(block.lines, brief, len(str(block.number)), width, most - len(head))]
    return [
        *head,
        *(line for label, text in _whole(block, detail, width) for line in _labelled(label, text, block, width)),
    ]


def headline(block: ProblemBlock, width: int, paint: Paint, lines: int = 2) -> list[str]:
    """``1  CRITICAL  Service path not found (404) at 10.0.0.3:1344 [service-not-found]``."""
    severity = block.severity.value.upper()
    start, end = f"{block.number}  {severity}  ", f" [{block.id}]"
    most = lines * width - columns(end) - (12 if lines > 1 else 2)  # lines seldom break at their very end
    where = block.where_within(max(most - columns(start) - columns(block.title), 24))
    between = ": " if block.requests else " "
    text = f"{start}{block.title}{between if where else ''}{where}{end}"
    first, *rest = wrap(text, width, rest=" " * (len(str(block.number)) + 2), break_words=True)
    return [first.replace(severity, paint(block.severity.value, severity), 1), *rest]


def first_step(block: ProblemBlock, width: int) -> list[str]:
    """The first step, in at most two lines, enough for a click path; empty without a step."""
    step = next(iter((*block.now, *block.fix)), "")
    lines = wrap(_bare(step), width, "First: ", "       ", break_words=True)
    return lines if len(lines) < 3 or _is_command(step) else _clipped(step, width, "First: ", 2)


def one_line(block: ProblemBlock, width: int, paint: Paint) -> list[str]:
    """Only the headline, for a problem that does not fit on the screen."""
    first, *rest = headline(block, width, paint, 1)
    return [cut(f"{first} {' '.join(map(str.strip, rest))}", width)] if rest and not paint.color else [first]


def _indent(number: int) -> str:
    return " " * (number + 2)


def _labelled(label: str, text: str, block: ProblemBlock, width: int) -> list[str]:
    """The text after its label, or without one below the text before it."""
    start = f"{_indent(len(str(block.number)))}{label:<{_LABEL}}  "
    number = _NUMBER.match(text)
    below = " " * (len(start) + (number.end() if number else 0))
    return wrap(text, width, start, below, break_words=not text.startswith("icapdiag "))  # which can be pasted


def _fitted(said: Sequence[tuple[str, str]], brief: Mapping[str, str], number: int, width: int, most: int) -> list[str]:
    """The lines within the limit: the longest text is cut first, and a command stays complete."""
    starts = [f"{_indent(number)}{label:<{_LABEL}}  " for label, _ in said]
    texts = [_bare(text) for _, text in said]
    drawn = [
        wrap(text, width, start, " " * len(start), break_words=not _is_command(whole))
        for start, text, (_, whole) in zip(starts, texts, said, strict=True)
    ]
    free = [index for index, (_, text) in enumerate(said) if not _is_command(text)]
    while sum(map(len, drawn)) > most and (long := [index for index in free if len(drawn[index]) > 1]):
        longest = max(long, key=lambda index: len(drawn[index]) - (said[index][0] in _STEPS))
        lines = len(drawn[longest]) - 1
        start, short = starts[longest], brief.get(said[longest][0], "")
        whole = wrap(short, width, start, " " * len(start), break_words=True)
        kept = _clipped(short or texts[longest], width, start, lines)
        drawn[longest] = whole if short and len(whole) <= lines else kept
    return [line for lines in drawn for line in lines]


def _clipped(text: str, width: int, start: str, lines: int) -> list[str]:
    """As many whole sentences as fit, if they fill most of it, otherwise words; an ellipsis marks what is left out."""
    text = text[: lines * width]  # more than there is room for
    sentences, words = _SENTENCE.split(text), text.split(" ")
    whole = (" ".join(sentences[:number]) for number in range(len(sentences) - 1, 0, -1))
    cut_short = (" ".join(words[:number]) for number in range(len(words) - 1, 0, -1))
    fits = [
        next((kept for kept in found if kept.count("`") % 2 == 0 and len(_ended(kept, width, start)) <= lines), "")
        for found in (whole, cut_short)
    ]
    return _ended(fits[0] if len(fits[0]) > _FILLED * len(fits[1]) else fits[1], width, start)[:lines]


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
