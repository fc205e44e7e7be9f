"""The sections of a document as lines of text, for a terminal or any fixed-width output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from icapdiag.facts.logs import Bucket
from icapdiag.report.document import Document, logs, who
from icapdiag.report.document.findings import Unexplained
from icapdiag.report.document.measured import Figures
from icapdiag.report.document.members import Matrix, MatrixLine
from icapdiag.report.document.pool import Comparison, DifferenceBlock, RuleBlock
from icapdiag.report.document.problems import ProblemBlock
from icapdiag.report.document.sources import Mark
from icapdiag.report.document.who import Count, Rate
from icapdiag.report.document.words import count, names
from icapdiag.report.terminal.lines import PLAIN, Paint, columns, cut, grid, table, wrap
from icapdiag.report.terminal.marks import mark_rows
from icapdiag.text import visible
from icapdiag.vocabulary import Health, Severity

_EVIDENCE_SHOWN = 3


def verdict(
    kind: Health | Severity, text: str, width: int, paint: Paint, *, before: str = "", break_words: bool = True
) -> list[str]:
    """A line that begins with the severity."""
    label = kind.value.upper()
    first, *lines = wrap(f"{before}{label}  {text}", width, rest="  ", break_words=break_words)
    return [first.replace(label, paint(kind.value, label), 1), *lines]


def sentences(said: Sequence[str], width: int, most: int | None = None) -> list[str]:
    """Sentences below each other. ``most``: as many of them on the first screen."""
    drawn = [line for text in said[:most] for line in _hanging(text, width)]
    return drawn + ([f"  and {len(said) - most:,} more: -v"] if most and len(said) > most else [])


def _hanging(text: str, width: int) -> list[str]:
    return wrap(text, width, "  ", "    ", break_words=True)


# --- tables ----------------------------------------------------------------------------------------


def figures(block: Figures, width: int, most: int | None = None) -> list[str]:
    """The table in at most ``width`` columns; columns are left out and cells cut to fit. Empty without rows.

    ``most``: rows on the first screen.
    """
    if not block.rows:
        return []
    head, rows, right = block.head, block.screen or block.rows, block.right
    if _beyond(head, rows, width) > max(columns(row[0]) for row in rows) - block.cut[0][1]:
        kept = [index for index in range(len(head)) if index not in block.omitted]
        head, rows = tuple(head[index] for index in kept), tuple(tuple(row[index] for index in kept) for row in rows)
        right = range(right.start, right.stop - len(block.omitted))
    for column, least in () if block.listed else block.cut:
        if (beyond := _beyond(head, rows, width)) > 0:
            room = max(max(columns(row[column]) for row in rows) - beyond, least)
            rows = tuple((*row[:column], cut(row[column], room), *row[column + 1 :]) for row in rows)
    below = [line for text in block.below for line in wrap(text, width)]
    more = [f"and {count(len(rows) - most, 'more row')}: -v"] if most and len(rows) > most else []
    if block.listed and _beyond(head, rows, width) > 0:
        drawn = [line for row in rows[:most] for line in _listed(head, row, width)]
    else:
        drawn = grid(head, rows[:most], right=right)
    return [block.title, *drawn, *more, *below]


def _listed(head: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """A row in words: ``192.0.2.15:1344: health monitor down since 15:53; check fails (tcp: refused)``."""
    said = "; ".join(f"{name} {cell}" for name, cell in zip(head[1:], row[1:], strict=True) if cell != "-")
    return _hanging(f"{row[0]}: {said}", width)


def _beyond(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    return max(map(columns, grid(head, rows))) - width


def matrix(
    block: Matrix,
    width: int,
    paint: Paint,
    detail: int = 0,
    titles: Mapping[str, str] | None = None,
    reasons: Mapping[str, str] | None = None,
) -> list[str]:
    """The matrix in at most ``width`` columns, as detailed as that allows; otherwise one block per member.

    ``detail`` 0: without times and threats; 2: with every member. ``titles``: the worst problem of each member.
    ``reasons``: the same as an id, which stands beside the verdict where no cell shows it and there is room.
    """
    if not block.members:
        return []
    lines = block.lines if detail > 1 else block.screen
    if not detail and len(block.lines) == 1:
        return _steps(block, lines[0], width, paint)
    lengths = ("full", "brief", "terse") if detail else ("brief", "terse")
    for told, length in [(told, length) for told in ((reasons, {}) if reasons else ({},)) for length in lengths]:
        # Measured without colour, whose escapes take no place.
        if all(columns(line) <= width for line in _matrix(block, lines, length, PLAIN, told)):
            return _matrix(block, lines, length, paint, told)
    if detail:
        return list(_members(block, lines, width, paint))
    return [text for line in lines for text in _member(block, line, width, paint, titles or {})]


def _matrix(
    matrix: Matrix, lines: Sequence[MatrixLine], length: str, paint: Paint, reasons: Mapping[str, str]
) -> list[str]:
    # members whose addresses have lines of their own, which show what is wrong
    by_address = {index - 1 for index, line in enumerate(lines) if line.cells and not line.verdict}
    rows = [
        [
            line.name,
            *(paint(_COLOURS.get(cell.shape, ""), getattr(cell, length)) for cell in line.cells),
            paint(line.verdict, line.verdict) + ("" if index in by_address else _reason(line, reasons)),
        ]
        for index, line in enumerate(lines)
        if line.cells
    ]
    drawn = table([["member", *matrix.probes, "verdict"], *rows])
    return [*drawn, *(line.name for line in lines if not line.cells)]


def _reason(line: MatrixLine, reasons: Mapping[str, str]) -> str:
    """``: malformed-response``; empty where a cell shows it, or there is none."""
    shown = any(cell.shape in _WRONG for cell in line.cells)
    return f": {reasons[line.name]}" if line.verdict in _WRONG and line.name in reasons and not shown else ""


_WRONG = ("critical", "warning", "unknown")
_COLOURS = {"critical": "critical", "warning": "warning", "unknown": "unknown", "blocked": "dim"}  # of a cell, by shape


def _steps(matrix: Matrix, line: MatrixLine, width: int, paint: Paint) -> list[str]:
    """The only member: ``tcp ok, options ok, clean allowed, EICAR NOT DETECTED``."""
    found = [(f"{probe} {cell.brief}", cell.shape) for probe, cell in zip(matrix.probes, line.cells, strict=True)
             if cell.shape]  # fmt: skip
    lines = wrap(", ".join(words for words, _ in found), width, break_words=True)
    for words, shape in found:
        lines = [text.replace(words, paint(_COLOURS.get(shape, ""), words), 1) for text in lines]
    return lines


def _member(matrix: Matrix, line: MatrixLine, width: int, paint: Paint, titles: Mapping[str, str]) -> list[str]:
    """A member and its failures, by step or otherwise by title: ``10.0.0.6:1344: critical  tcp FAILED refused``."""
    wrong = [
        f"{probe} {cell.brief}"
        for probe, cell in zip(matrix.probes, line.cells, strict=bool(line.cells))
        if cell.shape in _COLOURS and cell.shape != "blocked"
    ]
    if not wrong and line.name in titles:
        wrong = [titles[line.name]]
    start = f"{line.name}: {line.verdict}" if line.verdict else f"  {line.name}"
    first, *rest = wrap(f"{start}  {', '.join(wrong)}".rstrip(), width, rest="    ", break_words=True)
    head, found, tail = first.partition(f": {line.verdict}")
    return [f"{head}: {paint(line.verdict, line.verdict)}{tail}" if line.verdict and found else first, *rest]


def _members(matrix: Matrix, lines: Sequence[MatrixLine], width: int, paint: Paint) -> Iterator[str]:
    label = max(map(len, matrix.probes), default=0)
    for line in lines:
        if line.verdict:
            yield f"{visible(line.name, width - len(line.verdict) - 2)}: {paint(line.verdict, line.verdict)}"
        else:
            yield visible(f"  {line.name}", width)
        for probe, cell in zip(matrix.probes, line.cells, strict=bool(line.cells)):
            if cell.shape:
                yield visible(f"  {probe:<{label}}  {cell.full}", width)


# --- members side by side --------------------------------------------------------------------------

_ODD = "*"  # after the value of the odd one out
_CELL = 34  # columns of one value in the grid
_VALUES_SHOWN = 4


def comparison(block: Comparison, width: int) -> list[str]:
    """One column per member if that fits ``width``, otherwise the values of each fact; empty if all agree."""
    if not block.differences:
        return []
    title = "Differences between members:"
    members = [visible(name, _CELL) for name in block.members]
    if sum(columns(name) + 2 for name in members) < width:
        drawn = grid(["", *members], [[each.label, *_values(each, members)] for each in block.differences])
        if all(columns(line) <= width for line in drawn):
            legend = [f"{_ODD} outlier"] if any(each.outlier for each in block.differences) else []
            return [title, *drawn, *legend]
    return [title, *(line for each in block.differences for line in _difference(each, width))]


def _values(difference: DifferenceBlock, members: Sequence[str]) -> Iterator[str]:
    of = {visible(name, _CELL): each for each in difference.values for name in each.members}
    for member in members:
        if member not in of:
            yield "-"
        else:
            odd = f" {_ODD}" if of[member].odd else ""
            yield cut(of[member].value, _CELL - len(odd)) + odd


def _difference(difference: DifferenceBlock, width: int) -> list[str]:
    """One fact: ``Preview: 0 at m3 (outlier); 1024 at m1, m2``."""
    parts = [
        f"{each.value} at {names(each.members)}"
        + (" (outlier)" if each.odd and len(difference.values[1].members) == 1 else "")
        for each in difference.values[:_VALUES_SHOWN]
    ]
    if difference.outlier:
        parts = parts[1:] + parts[:1]
    if (more := len(difference.values) - _VALUES_SHOWN) > 0:
        parts.append(count(more, "other value"))
    apart = f" ({difference.apart})" if difference.apart else ""
    return _hanging(f"{difference.label}{apart}: " + "; ".join(parts), width)


def rules(block: Sequence[RuleBlock], width: int) -> list[str]:
    """The counts, and the rules that any member deviates from; empty if no member was checked."""
    if not block:
        return []
    kept, total, untested = (sum(getattr(rule, name) for rule in block) for name in ("kept", "deviating", "not_tested"))
    tally = f"{kept:,} kept, {count(total, 'deviation')}, {untested:,} not tested"
    drawn = wrap(f"Conformance to RFC 3507 ({count(len(block), 'rule')} for each member): {tally}.", width)
    for rule in block:
        name = f"{rule.number} {rule.name}"
        told = [f"{name} ({rule.section}), {way.weight}: {way.words} at {names(way.members)}" for way in rule.ways]
        if rule.rest:
            told.append(f"{name}: {count(rule.rest, 'member')} in other ways")
        drawn += [line for text in told for line in _hanging(text, width)]
    return drawn


# --- logs ------------------------------------------------------------------------------------------

_SOURCES_SHOWN = 20
_GROUPS_SHOWN = 15
_INDENT = " " * 8
_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " .:-=+*#@"
_OUTCOMES = (
    ("with ICAP", ("passed", "modified", "blocked", "unscanned", "refused_500", "refused_413", "unknown")),
    ("blocked", ("blocked",)),
    ("modified", ("modified",)),
    ("unscanned", ("unscanned",)),
    ("refused", ("refused_500", "refused_413")),
    ("unknown", ("unknown",)),
    ("disabled", ("disabled",)),
)


def sources(found: Sequence[logs.SourceBlock], records: Sequence[str], width: int) -> list[str]:
    """The inputs, in a sentence or in a table after an empty line."""
    if len(found) == 1:
        text = f"{found[0].form}: {found[0].read}."
        return wrap(text, width, rest="  ", break_words=True)
    if not found:
        return []
    room = max(width - 45, 20)  # for names
    rows = [(*each.records, visible(each.name, room), each.form) for each in found[:_SOURCES_SHOWN]]
    if (more := len(found) - len(rows)) > 0:
        rows.append(("", "", "", "", f"and {count(more, 'more file')}", ""))
    rows.append((*records, "in all", ""))
    drawn = grid(("records", "read", "skipped", "unreadable", "file", "form"), rows, right=range(4))
    return ["", *(cut(line, width) for line in drawn)]


def time_line(timeline: Sequence[Bucket], width: int, marks: Sequence[Mark] = (), *, plain: bool = False) -> list[str]:
    """Bars, one row per outcome, each scaled to its own highest column; ``plain``: in ASCII.

    Below them what happened, one row per source: a mark at its column.
    """
    label = max(map(len, (*(name for name, _ in _OUTCOMES), *(each.source for each in marks))))
    counts = logs.over_time(timeline, max(width - label - len("    max 1,000,000"), 10), _OUTCOMES)
    if counts is None:
        return []
    drawn, scale = wrap(f"{counts.caption}:", width), _ASCII if plain else _BLOCKS
    for name, row in counts.rows:
        # Rounded up: one failure beside a thousand must be seen.
        bars = "".join(scale[-(-value * (len(scale) - 1) // max(row))] for value in row)
        drawn.append(f"  {name:<{label}} {bars} max {max(row):,}")
    return drawn + mark_rows(counts, marks, label, plain=plain)


def answer(block: logs.AnswerBlock, width: int, paint: Paint) -> list[str]:
    """A pasted answer: its verdict, and why."""
    drawn = wrap(block.title, width, rest="  ", break_words=True)
    for label, values in block.rows:
        lines = _hanging(f"{label}: {'; '.join(values)}", width)
        if label == "Verdict":
            verdict = values[0].partition(":")[0]
            lines[0] = lines[0].replace(verdict, paint("bold", verdict), 1)
        drawn += lines
    return drawn


_REASON = 20  # columns of a cell that are worth having


def outcomes(head: tuple[str, ...], found: Sequence[logs.OutcomeRow], width: int, paint: Paint) -> list[str]:
    """One row per client outcome, the most harmful first; columns that are empty or do not fit are left out."""
    if not found:
        return []
    rows = [head, *(row.cells for row in found)]
    least = logs.OUTCOME_LEAST
    kept = [index for index in range(len(rows[0])) if index < least or any(row[index] for row in rows[1:])]
    while len(kept) > least and max(map(columns, _outcomes(rows, kept[:-1]))) + 2 + _worth(rows, kept[-1]) > width:
        kept.pop()
    first, *lines = [cut(line, width) for line in _outcomes(rows, kept)]
    return [first, *(paint(row.kind, line) for row, line in zip(found, lines, strict=True))]


def _worth(rows: Sequence[Sequence[str]], index: int) -> int:
    """The columns without which this one is not worth having."""
    return min(max(columns(row[index]) for row in rows), _REASON)


def _outcomes(rows: Sequence[Sequence[str]], kept: Sequence[int]) -> list[str]:
    return table([[row[index] for index in kept] for row in rows], right=logs.OUTCOME_RIGHT)


def groups(found: Sequence[logs.GroupBlock], width: int) -> list[str]:
    """One row per group, the most frequent first, with its details below it; empty without groups."""
    if not found:
        return []
    listed = found[:_GROUPS_SHOWN]
    lines = grid(logs.HEAD, [(*each.cells, each.reason) for each in listed], right=logs.RIGHT)
    apart = max(map(columns, lines)) > width
    if apart:
        lines = grid(logs.HEAD[:-1], [each.cells for each in listed], right=logs.RIGHT)
    if max(map(columns, lines)) > width:  # the median goes first
        rows = [(*each.cells[: logs.MEDIAN], *each.cells[logs.MEDIAN + 1 :]) for each in listed]
        head = (*logs.HEAD[: logs.MEDIAN], *logs.HEAD[logs.MEDIAN + 1 : -1])
        lines = grid(head, rows, right=logs.RIGHT[:-1])
    drawn = ["Request groups:", *(cut(line, width) for line in lines[:2])]
    for line, each in zip(lines[2:], listed, strict=True):
        drawn.append(cut(line, width))
        for text in (each.reason if apart else "", each.details):
            drawn += wrap(text, width, _INDENT, break_words=True)
    if rest := [each.count for each in found[_GROUPS_SHOWN:]]:
        drawn += wrap(f"and {count(len(rest), 'more group')} of {count(sum(rest), 'request')}: see -o json", width)
    return drawn


# --- what nothing explains, and lists ----------------------------------------------------------------


def rates(found: Sequence[Rate]) -> list[str]:
    """Failure rates, each with its command."""
    return [f"{each.words}: {each.command}" if each.command else each.words for each in found]


def counts(found: Sequence[Count], width: int, most: int | None) -> list[str]:
    """Requests by action and by client, path and so on, in a limited number of rows; empty if all passed."""
    if not found:
        return []
    listed = found[:most]
    rows = [each.cells[:-1] for each in listed]
    head, rule, *lines = grid(who.COUNT_HEAD[:-1], rows, right=who.COUNT_RIGHT)
    title = wrap(f"{who.COUNT_TITLE}, with the {who.COUNT_HEAD[-1]}:", width)
    drawn = [*title, cut(head, width), cut(rule, width)]
    for line, each in zip(lines, listed, strict=True):
        beside = f"{line}  {each.options}".rstrip()
        if columns(beside) <= width:
            drawn.append(beside)
        else:  # a filter is never cut: it is there to be pasted
            drawn += [cut(line, width), *(wrap(each.options, width, _INDENT) if each.options else [])]
    more = len(found) - len(rows)
    return drawn + ([f"and {count(more, 'more row')}: -vv"] if more else [])


def unexplained(block: Unexplained, width: int) -> list[str]:
    """What no runbook explains."""
    drawn = wrap(f"{count(block.count, block.noun)} that no runbook explains:", width) if block.count else []
    for seen in block.seen[:_EVIDENCE_SHOWN]:
        drawn += _hanging(f"{seen.where}: {seen.words}", width)
    return drawn


def items(heading: str, items: Sequence[str], width: int) -> list[str]:
    """A list below its heading; empty without items."""
    drawn = [heading] if items else []
    for item in items:
        drawn += wrap(item, width, "  - ", break_words=True)
    return drawn


def closing(doc: Document, width: int, detail: int) -> list[str]:
    """Mere information, then what was not tested, from where it was seen, and where to read more."""
    drawn = []
    also = doc.informing[:_EVIDENCE_SHOWN]
    if also and not doc.problems and _is_said(also[0], doc.overview.answer):  # its id stands in the last line
        also = also[1:]
    if also and not detail:
        drawn = wrap(f"Also: {'; '.join(map(_known, also))}.", width)
    said = list(doc.overview.closing)
    notes = f" and {count(len(doc.notes), 'note')}" if doc.notes else ""
    said += [f"Details{notes}: -v."] if not detail else ["Everything: -vv."] if detail == 1 else []
    if first := next(iter((*doc.problems, *doc.informing)), None):
        said.append(f"{'Causes' if doc.problems else 'More'}: `icapdiag runbooks show {first.id}`")
    return drawn + [line.replace("`", "") for line in wrap(" ".join(said), width, break_words=True)]


def _is_said(block: ProblemBlock, answer: str) -> bool:
    """Whether the first line has it."""
    return block.title.removesuffix(" blocked").removeprefix("Blocked, ") in answer


def _known(block: ProblemBlock) -> str:
    return f"{block.title}{f': {block.requests}' if block.requests else ''} [{block.id}]"
