"""The sections of a document as lines of text, for a terminal and wherever a fixed width is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabulate import tabulate

from icapdiag.facts.logs import Bucket
from icapdiag.report.document.blocks import (
    AnswerBlock,
    Comparison,
    DifferenceBlock,
    Figures,
    FindingBlock,
    Groups,
    Matrix,
    RuleBlock,
    SourceBlock,
    Unexplained,
)
from icapdiag.report.document.logs import over_time
from icapdiag.report.document.pool import rule_lines, rules_tally
from icapdiag.report.document.words import count, names
from icapdiag.report.terminal.lines import PLAIN, Paint, columns, cut, grid, wrap
from icapdiag.text import visible

_EVIDENCE_SHOWN = 3
_STEPS_SHOWN = 4


def draw_verdict(verdict: str, text: str, width: int, paint: Paint, *, before: str = "") -> list[str]:
    """A line that begins with how bad it is."""
    label = verdict.upper()
    first, *lines = wrap(f"{before}{label}  {text}", width, rest="  ", break_words=True)
    return [first.replace(label, paint(verdict, label), 1), *lines]


# --- tables ----------------------------------------------------------------------------------------


def draw_figures(figures: Figures, width: int) -> list[str]:
    """The table in at most ``width`` columns, columns left out and cells cut as it allows; nothing without rows."""
    if not figures.rows:
        return []
    head, rows, right = figures.head, figures.screen or figures.rows, figures.right
    if _beyond(head, rows, width) > max(columns(row[0]) for row in rows) - figures.cut[0][1]:
        kept = [index for index in range(len(head)) if index not in figures.omitted]
        head, rows = tuple(head[index] for index in kept), tuple(tuple(row[index] for index in kept) for row in rows)
        right = range(right.start, right.stop - len(figures.omitted))
    for column, least in figures.cut:
        if (beyond := _beyond(head, rows, width)) > 0:
            room = max(max(columns(row[column]) for row in rows) - beyond, least)
            rows = tuple((*row[:column], cut(row[column], room), *row[column + 1 :]) for row in rows)
    below = [line for text in (*figures.below, figures.left_out) for line in wrap(text, width)]
    return [figures.title, *grid(head, rows, right=right), *below]


def _beyond(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    return max(map(columns, grid(head, rows))) - width


def draw_matrix(matrix: Matrix, width: int, paint: Paint) -> list[str]:
    """The matrix in at most ``width`` columns, as detailed as that allows; else as one block a member."""
    if not matrix.members:
        return []
    for detail in ("full", "brief", "terse"):
        # Measured without colour, whose escapes take no place.
        if all(columns(line) <= width for line in _matrix(matrix, detail, PLAIN)):
            return _matrix(matrix, detail, paint)
    return list(_members(matrix, width, paint))


def _matrix(matrix: Matrix, detail: str, paint: Paint) -> list[str]:
    drawn = tabulate(
        [
            [line.name, *(getattr(cell, detail) for cell in line.cells), paint(line.verdict, line.verdict)]
            for line in matrix.screen
        ],
        headers=["member", *matrix.probes, "verdict"],
        tablefmt="simple",
        disable_numparse=True,
    )
    return [line.rstrip() for line in drawn.split("\n")]


def _members(matrix: Matrix, width: int, paint: Paint) -> Iterator[str]:
    label = max(map(len, matrix.probes), default=0)
    for line in matrix.screen:
        if line.verdict:
            yield f"{visible(line.name, width - len(line.verdict) - 2)}: {paint(line.verdict, line.verdict)}"
        else:
            yield visible(f"  {line.name}", width)
        for probe, cell in zip(matrix.probes, line.cells, strict=True):
            if cell.shape:
                yield visible(f"  {probe:<{label}}  {cell.full}", width)


# --- members side by side --------------------------------------------------------------------------

_ODD = "*"  # after the value of the odd one out
_CELL = 34  # columns of one value in the grid
_VALUES_SHOWN = 4


def draw_comparison(comparison: Comparison, width: int) -> list[str]:
    """A column a member where that fits ``width``, else the values of each fact; nothing if all agree."""
    if not comparison.differences:
        return []
    title = "Members side by side (what differs):"
    members = [visible(name, _CELL) for name in comparison.members]
    if sum(columns(name) + 2 for name in members) < width:
        drawn = grid(["", *members], [[each.label, *_values(each, members)] for each in comparison.differences])
        if all(columns(line) <= width for line in drawn):
            legend = [f"{_ODD} the odd one out"] if any(each.outlier for each in comparison.differences) else []
            return [title, *drawn, *legend]
    return [title, *(line for each in comparison.differences for line in _difference(each, width))]


def _values(difference: DifferenceBlock, members: Sequence[str]) -> Iterator[str]:
    of = {visible(name, _CELL): each for each in difference.values for name in each.members}
    for member in members:
        if member not in of:
            yield "-"
        else:
            odd = f" {_ODD}" if of[member].odd else ""
            yield cut(of[member].value, _CELL - len(odd)) + odd


def _difference(difference: DifferenceBlock, width: int) -> list[str]:
    """One fact: ``Preview: 0 at m3 (the odd one out); 1024 at m1, m2``."""
    parts = [
        f"{each.value} at {names(each.members)}"
        + (" (the odd one out)" if each.odd and len(difference.values[1].members) == 1 else "")
        for each in difference.values[:_VALUES_SHOWN]
    ]
    if difference.outlier:
        parts = parts[1:] + parts[:1]
    if (more := len(difference.values) - _VALUES_SHOWN) > 0:
        parts.append(count(more, "other value"))
    apart = f" ({difference.apart})" if difference.apart else ""
    return wrap(f"{difference.label}{apart}: " + "; ".join(parts), width, "  ", "    ", break_words=True)


def draw_rules(rules: Sequence[RuleBlock], width: int) -> list[str]:
    """The counts, and the rules that any member deviates from; nothing if none was held to them."""
    deviating = (line for rule in rules for line in rule_lines(rule))
    return wrap(rules_tally(rules), width) + [
        line for text in deviating for line in wrap(text, width, "  ", "    ", break_words=True)
    ]


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


def draw_sources(sources: Sequence[SourceBlock], records: Sequence[str], width: int) -> list[str]:
    """What was read, in a sentence or in a table after an empty line."""
    if len(sources) == 1:
        total, read, skipped, unreadable = sources[0].records
        counts = f"{'1 record' if total == '1' else f'{total} records'}, {read} read"
        text = f"{sources[0].form}: {counts} + {skipped} skipped + {unreadable} unreadable."
        return wrap(text, width, rest="  ", break_words=True)
    if not sources:
        return []
    room = max(width - 45, 20)  # for names
    rows = [(*each.records, visible(each.name, room), each.form) for each in sources[:_SOURCES_SHOWN]]
    if (more := len(sources) - len(rows)) > 0:
        rows.append(("", "", "", "", f"and {count(more, 'more file')}", ""))
    rows.append((*records, "in all", ""))
    drawn = grid(("records", "read", "skipped", "unreadable", "file", "form"), rows, right=range(4))
    return ["", *(cut(line, width) for line in drawn)]


def draw_time_line(timeline: Sequence[Bucket], width: int, *, plain: bool = False) -> list[str]:
    """Bars, a row a kind of outcome, each scaled to its own highest column; ``plain`` keeps to ASCII."""
    label = max(len(name) for name, _ in _OUTCOMES)
    counts = over_time(timeline, max(width - label - len("    max 1,000,000"), 10), _OUTCOMES)
    if counts is None:
        return []
    return wrap(f"{counts.caption}:", width) + [
        f"  {name:<{label}} {_bars(row, _ASCII if plain else _BLOCKS)} max {max(row):,}" for name, row in counts.rows
    ]


def _bars(values: Sequence[int], scale: str) -> str:
    # Rounded up: one failure beside a thousand must be seen.
    return "".join(scale[-(-value * (len(scale) - 1) // max(values))] for value in values)


def draw_answer(answer: AnswerBlock, width: int, paint: Paint) -> list[str]:
    """A pasted answer: its verdict, and why."""
    drawn = wrap(answer.title, width, rest="  ", break_words=True)
    for label, values in answer.rows:
        lines = wrap(f"{label}: {'; '.join(values)}", width, "  ", "    ", break_words=True)
        if label == "Verdict":
            verdict = values[0].partition(":")[0]
            lines[0] = lines[0].replace(verdict, paint("bold", verdict), 1)
        drawn += lines
    return drawn


def draw_groups(groups: Groups, width: int) -> list[str]:
    """A row a group, the most frequent first, with its details below it; nothing without groups."""
    if not groups.listed:
        return []
    listed = groups.listed[:_GROUPS_SHOWN]
    lines = grid(groups.head, [(*each.cells, each.reason) for each in listed], right=groups.right)
    apart = max(map(columns, lines)) > width
    if apart:
        lines = grid(groups.head[:-1], [each.cells for each in listed], right=groups.right)
    drawn = ["Requests alike:", *(cut(line, width) for line in lines[:2])]
    for line, each in zip(lines[2:], listed, strict=True):
        drawn.append(cut(line, width))
        for text in (each.reason if apart else "", each.details):
            drawn += wrap(text, width, _INDENT, break_words=True)
    if rest := groups.counts[_GROUPS_SHOWN:]:
        drawn += wrap(f"and {count(len(rest), 'more group')} of {count(sum(rest), 'request')}: see -o json", width)
    return drawn


# --- findings --------------------------------------------------------------------------------------


def draw_finding(finding: FindingBlock, width: int, paint: Paint) -> list[str]:
    """What it is, where, why it was made, and the first steps."""
    text = f"{finding.title} [{finding.id}]"
    label = finding.severity.value.upper()
    first, *drawn = wrap(f"{label}  {text}", width, rest="  ")
    drawn.insert(0, first.replace(label, paint(finding.severity.value, label), 1))
    if finding.requests:
        drawn += wrap(", ".join(part for part in (finding.requests, finding.span) if part), width, "  ")
    if finding.members:
        head = "Member: " if len(finding.members) == 1 else f"Members ({len(finding.members)}): "
        drawn += wrap(head + names(finding.members), width, "  ", "    ", break_words=True)
    drawn += wrap(finding.meaning, width, "  ")
    for seen in finding.seen[:_EVIDENCE_SHOWN]:
        drawn += wrap(f"Seen: {seen.where}: {seen.words}", width, "  ", "    ", break_words=True)
    drawn += ["  First steps:"] if finding.remedy else []
    for number, step in enumerate(finding.remedy[:_STEPS_SHOWN], start=1):
        drawn += wrap(step, width, f"    {number}. ")
    return [*drawn, f"  More: {finding.command_within(width - len('  More: '))}"]


def draw_unexplained(unexplained: Unexplained | None, width: int) -> list[str]:
    """What no runbook explains; nothing for None."""
    if unexplained is None:
        return []
    lines = wrap(f"{count(unexplained.count, unexplained.noun)} that no runbook explains:", width)
    for seen in unexplained.seen[:_EVIDENCE_SHOWN]:
        lines += wrap(f"{seen.where}: {seen.words}", width, "  ", "    ", break_words=True)
    return lines


def draw_items(heading: str, items: Sequence[str], width: int) -> list[str]:
    """A list below its heading; nothing without items."""
    drawn = [heading] if items else []
    for item in items:
        drawn += wrap(item, width, "  - ", break_words=True)
    return drawn
