"""The drawings of the page: small multiples (rows with a text and a drawing on a common axis) and curves."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from markupsafe import Markup

from icapdiag.facts.deep import SizedUpload
from icapdiag.facts.load import LoadStep
from icapdiag.facts.logs import Bucket
from icapdiag.report.document.logs import Counts, over_time
from icapdiag.report.document.measured import AnswerTimes, Limits, upload_failed
from icapdiag.report.document.measured import Curve as Measured
from icapdiag.report.document.pool import Comparison, DifferenceBlock
from icapdiag.report.document.sources import Mark
from icapdiag.report.document.words import count, measured, milliseconds, names, safe_text
from icapdiag.report.html import svg
from icapdiag.text import visible

_NARROW = 4  # labels that a phone has room for


class SmallMultiple(NamedTuple):
    """A line of text, which may wrap, and a drawing below it; safe to show."""

    name: str
    value: str
    drawing: Markup


class Chart(NamedTuple):
    """Drawings on one common axis, and a summary in words."""

    title: str
    description: str
    axis: Markup
    rows: Sequence[SmallMultiple]


def _axis(labels: Sequence[tuple[float, str]], *more: Markup, height_em: float = 1.4) -> Markup:
    """Labels at their places in percent; those at the edges stay inside. The description repeats their words."""
    parts = []
    for number, (place, label) in enumerate(labels):
        kind = "fine" if len(labels) > _NARROW and number % 2 else ""
        anchor = "start" if place < 8 else "end" if place > 92 else "middle"
        parts.append(svg.text(label, place, 1.0, kind=kind, anchor=anchor))
    return svg.element(
        "svg", *parts, *more, class_="drawing axis", aria_hidden="true", width="100%", height=svg.em(height_em)
    )


def _row(key: str, name: str, value: str, told: str, height_em: float, *parts: Markup, kind: str = "") -> SmallMultiple:
    return SmallMultiple(name, value, svg.drawing(key, f"{name}: {value}", told, height_em, *parts, kind=kind))


# --- how long members took to answer ---------------------------------------------------------------

_MEMBERS = 24  # with a bar of their own; beyond, the slowest
_SHAPES = {"options": "dot", "clean": "ring", "eicar": "diamond"}
_BAR, _MIDDLE = 1.2, 0.6  # em, of one bar


def answer_times(found: Sequence[AnswerTimes], limits: Limits) -> Chart | None:
    """One bar per member, the slowest first, with the profile's thresholds; None if nothing was measured."""
    if not found:
        return None
    times = [ms for each in found for ms in (*each.times, each.slowest)]
    scale, ticks = svg.durations([*times, *(ms for _, ms in limits)])
    back = [svg.line(0, _MIDDLE, 100, _MIDDLE, kind="track")]
    back += [svg.line(scale.place(tick), 0.1, scale.place(tick), _BAR - 0.1, kind="grid") for tick in ticks]
    flags = []
    for number, (name, ms) in enumerate(limits):
        place, kind = scale.place(ms), f"limit-{number}"
        back.append(svg.line(place, 0, place, _BAR, kind=f"limit {kind}"))
        flags.append(svg.mark("flag", place, 1.9, kind=kind, tip=f"{name} {measured(ms)}"))
    rows = [_answers(number, each, scale, back) for number, each in enumerate(found[:_MEMBERS])]
    if rest := found[_MEMBERS:]:
        times = [ms for each in rest for ms in each.times]
        words = f"{measured(min(times))} to {measured(max(times))}" if times else "no response"
        name = f"{count(len(rest), 'more member')}, all faster"
        told = "The fastest and the slowest of them."
        rows.append(_row("latency-rest", name, words, told, _BAR, *back, *_bar(scale, times, "range many")))
    slow = "; ".join(f"{each.member}: {_times(each)}" for each in found[:5])
    profile = ", ".join(f"{name} {measured(ms)}" for name, ms in limits)
    return Chart(
        "Response times by member",
        f"{count(len(found), 'member')}, the slowest first. {slow}."
        + (f" Thresholds of the profile: {profile}." if profile else ""),
        _axis([(scale.place(tick), svg.ms_shown(tick)) for tick in ticks], *flags, height_em=2.4 if flags else 1.4),
        rows,
    )


def _answers(number: int, each: AnswerTimes, scale: svg.Scale, back: Sequence[Markup]) -> SmallMultiple:
    parts = [*back, *_bar(scale, each.times, f"range {each.health.value}")]
    parts += [
        svg.mark(_SHAPES[probe], scale.place(ms), _MIDDLE, kind="point", tip=f"{probe}: {measured(ms)}", size_em=0.7)
        for probe, ms in each.answers
    ]
    if each.silent_ms is not None:
        tip = f"no response in {milliseconds(each.silent_ms)}"
        parts.append(svg.mark("cross", scale.place(each.silent_ms), _MIDDLE, kind="critical", tip=tip))
    words = _times(each)
    told = "; ".join([f"{probe} {measured(ms)}" for probe, ms in each.answers] or [words])
    return _row(f"latency-{number}", visible(each.member, 80), words, told, _BAR, *parts)


def _bar(scale: svg.Scale, times: Sequence[float], kind: str) -> Iterator[Markup]:
    if times:
        low, high = scale.place(min(times)), scale.place(max(times))
        yield svg.bar(low, _MIDDLE - 0.22, max(high - low, 0.4), 0.44, kind=kind)


def _times(each: AnswerTimes) -> str:
    silent = milliseconds(each.silent_ms)
    if not each.times:
        return f"no response in {silent}"
    low, high = measured(min(each.times)), measured(max(each.times))
    told = low if low == high else f"{low} to {high}"
    return f"{told}, then none in {silent}" if silent else told


# --- requests of a log over time -------------------------------------------------------------------

_COLUMNS = 120
_HEIGHT = 3.0  # em, of one row
_TOLD = 3  # of what happened by one source
_OUTCOMES = (  # label, counts of a bucket, and the kind whose colour it has
    ("passed", ("passed",), "ok"),
    ("modified", ("modified",), "unknown"),
    ("blocked", ("blocked",), "info"),
    ("passed unscanned", ("unscanned",), "critical"),
    ("failed, refused", ("refused_500", "refused_413"), "warning"),
    ("outcome unknown", ("unknown",), "disabled"),
    ("ICAP disabled", ("disabled",), "disabled"),
)
_KINDS = {label: kind for label, _, kind in _OUTCOMES}


def time_line(timeline: Sequence[Bucket], marks: Sequence[Mark] = ()) -> Chart | None:
    """One row of columns per outcome, and one per source of what else happened; None if there is nothing to draw.

    Each row of an outcome is scaled to its own highest column and says how high that is, so that one failure
    among a thousand requests is visible.
    """
    counts = over_time(timeline, _COLUMNS, [(label, counted) for label, counted, _ in _OUTCOMES])
    if counts is None:
        return None
    rows = [_outcome(number, counts, *each) for number, each in enumerate(counts.rows)]
    rows += _marks(counts, marks)
    end = (counts.end - counts.start).total_seconds() / (counts.step_s * len(counts.rows[0][1])) * 100
    last = (max(min(end, 100.0), 93.0), f"{counts.end:%Y-%m-%d %H:%M} UTC")
    axis = _axis([(0.0, f"{counts.start:%Y-%m-%d %H:%M}"), last])
    told = "; ".join(f"{row.name}: {row.value}" for row in rows)
    return Chart("Requests over time, by outcome", f"{counts.caption}. {told}.", axis, rows)


def _marks(counts: Counts, marks: Sequence[Mark]) -> Iterator[SmallMultiple]:
    """A mark for each, at its time; what was before or after the log stands at the edge, and its tip says when."""
    for number, source in enumerate(dict.fromkeys(each.source for each in marks)):
        own = [each for each in marks if each.source == source]
        parts = [svg.line(0, _MIDDLE, 100, _MIDDLE, kind="track")]
        for each in own:
            place = min(max(counts.place(each.at), 0.0), 1.0) * 100
            tip = f"{each.at:%Y-%m-%d %H:%M:%S} UTC: {each.what}"
            parts.append(svg.mark("diamond", place, _MIDDLE, kind="point", tip=tip))
        told = "; ".join(f"{each.at:%H:%M:%S} {each.what}" for each in own[:_TOLD])
        more = f" and {len(own) - _TOLD} more" if len(own) > _TOLD else ""
        yield _row(f"mark-{number}", source, told + more, counts.caption, _BAR, *parts)


def _outcome(number: int, counts: Counts, name: str, row: Sequence[int]) -> SmallMultiple:
    width, highest, kind = 100 / len(row), max(row), _KINDS[name]
    parts = [svg.line(0, _HEIGHT, 100, _HEIGHT, kind="grid")]
    for column, value in enumerate(row):
        if value:
            height = max(_HEIGHT * value / highest, 0.15)
            start = counts.start + timedelta(seconds=counts.step_s * column)
            tip = f"{start:%Y-%m-%d %H:%M} UTC: {value:,} {name}"
            parts.append(svg.bar(column * width, _HEIGHT - height, max(width * 0.86, 0.2), height, kind=kind, tip=tip))
    told = f"{sum(row):,} in all, at most {highest:,} in a column"
    return _row(f"time-{number}", name, told, counts.caption, _HEIGHT + 0.1, *parts, kind="timeline")


# --- differences between members ---------------------------------------------------------------------

_MARKED = 60  # members with a mark of their own in a row; beyond, only those that stand apart
_VALUE_SHAPES = ("ring", "diamond", "square", "triangle", "cross")
_ROW = 1.4  # em
_VALUES = 6  # of a fact


def members_by_value(number: int, difference: DifferenceBlock, comparison: Comparison) -> Markup:
    """One mark per member in the pool's order; in a large pool the track represents the most frequent value."""
    members = comparison.order
    places = {name: (place + 0.5) / len(members) * 100 for place, name in enumerate(members)}
    told = "; ".join(f"{each.value} at {names(each.members, 3)}" for each in difference.values[:_VALUES])
    title = f"{difference.label}: {apart(difference)}"
    parts = [svg.line(0, _ROW / 2, 100, _ROW / 2, kind="track")]
    for place, each in enumerate(difference.values):
        if place or len(members) <= _MARKED:
            kind, size = ("odd", 1.1) if each.odd else (f"group-{min(place, 4)}", 0.8)
            parts += [
                svg.mark(shape(place), places[name], _ROW / 2, kind=kind, tip=f"{name}: {each.value}", size_em=size)
                for name in each.members[:_MARKED]
            ]
    return svg.drawing(f"side-{number}", title, told, _ROW, *parts, kind="side-line")


def apart(difference: DifferenceBlock) -> str:
    """How the members differ, in a word or two."""
    return "outlier" if difference.outlier else difference.apart


def shape(number: int) -> str:
    """The shape of a value, by its place in the order of frequency."""
    return _VALUE_SHAPES[min(number, len(_VALUE_SHAPES) - 1)]


# --- latency against the size of the body, and against parallel requests ---------------------------

_CURVE, _FOOT, _TOP = 11.0, 1.8, 0.8  # em
_LEFT, _RIGHT, _EDGE = 19.0, 95.0, 15.0  # percent


class Curve(NamedTuple):
    """One member's drawing, its figures as a table, and whether a step failed."""

    member: str
    drawing: Markup
    headings: Sequence[str]
    rows: Sequence[tuple[str, ...]]
    failed: bool


class _Plot:
    """A plot: ms upwards on a logarithmic scale with the profile's thresholds, labelled values across."""

    def __init__(
        self, across: svg.Scale, labels: dict[float, str], times: Iterable[float | None], limits: Limits
    ) -> None:
        self._across = across
        self._up, ticks = svg.durations([*(ms for ms in times if ms is not None), *(ms for _, ms in limits)])
        self._parts: list[Markup] = []
        for tick in ticks:
            down = self._down(tick)
            self._parts += [svg.line(_EDGE, down, 100, down, kind="grid"), svg.text(svg.ms_shown(tick), 0, down + 0.3)]
        for number, (_, ms) in enumerate(limits):
            self._parts.append(svg.line(_EDGE, self._down(ms), 100, self._down(ms), kind=f"limit limit-{number}"))
        for value, label in labels.items():
            place = across.place(value)
            self._parts.append(svg.text(label, place, _CURVE + _FOOT - 0.3, anchor="end" if place > 90 else "middle"))

    def _down(self, ms: float) -> float:
        """em from the top; the scale runs upwards."""
        return _CURVE - (self._up.place(ms) / 100) * (_CURVE - _TOP)

    def line(self, points: Iterable[tuple[float, float | None]], kind: str) -> None:
        """A line through values and their times in ms; values without a time are left out."""
        placed = [(self._across.place(value), self._down(ms)) for value, ms in points if ms is not None]
        self._parts += [svg.line(*one, *two, kind=kind) for one, two in itertools.pairwise(placed)]

    def mark(self, shape: str, value: float, ms: float | None, tip: str, size: float = 0.8, up: float = 0) -> None:
        """``size`` and ``up`` in em: a value without a time is drawn ``up`` above the bottom. A cross is a failure."""
        down = _CURVE - up if ms is None else self._down(ms)
        kind = "critical" if shape == "cross" else "point"
        self._parts.append(svg.mark(shape, self._across.place(value), down, kind=kind, tip=tip, size_em=size))

    def drawn(self, name: str, title: str, described: str) -> Markup:
        return svg.drawing(name, title, described, _CURVE + _FOOT, *self._parts, kind="curves")


def size_curve(number: int, found: Measured[SizedUpload]) -> Curve:
    """Latency against body size."""
    uploads = [
        (upload.size, svg.bytes_shown(upload.size), _ms(upload.answer_ms), upload)
        for upload in found.steps
        if upload.size is not None
    ]
    across, ticks = svg.sizes([size for size, *_ in uploads], start=_LEFT, end=_RIGHT)
    plot = _Plot(across, {tick: svg.bytes_shown(tick) for tick in ticks}, [ms for _, _, ms, _ in uploads], found.limits)
    plot.line(((size, ms) for size, _, ms, upload in uploads if not upload_failed(upload.status)), "curve")
    failed, rows = [], []
    for size, shown, ms, upload in uploads:
        bad, became = upload_failed(upload.status), f"{safe_text(upload.status)} {safe_text(upload.reason)}".strip()
        became = became if bad else safe_text(upload.verdict) or became
        tip = f"{shown}: {became}" + ("" if ms is None else f", {milliseconds(ms)}")
        plot.mark("cross" if bad else "dot", size, ms, tip)
        failed += [f"{shown}: {became}"] if bad else []
        status = "-" if upload.icap_status is None else str(upload.icap_status)
        rows.append((shown, milliseconds(ms) or "-", status, became))
    described = f"{count(len(rows), 'size')} from {rows[0][0]} to {rows[-1][0]}. " if rows else ""
    described += f"Failed: {'; '.join(failed[:5])}." if failed else "None failed."
    drawing = plot.drawn(f"ladder-{number}", f"Latency against body size, {found.member}", described)
    return Curve(found.member, drawing, ("body", "time", "ICAP", "outcome"), tuple(rows), bool(failed))


def load_curve(number: int, found: Measured[LoadStep]) -> Curve:
    """Latency against parallel requests."""
    steps = [
        (step.concurrency, _ms(step.p50_ms), _ms(step.p95_ms), _ms(step.max_ms), step)
        for step in found.steps
        if step.concurrency is not None
    ]
    most = max((level for level, *_ in steps), default=0)
    across, ticks = svg.linear(most or 1, start=_LEFT, end=_RIGHT)
    times = (ms for _, middle, high, slowest, _ in steps for ms in (middle, high, slowest))
    plot = _Plot(across, {tick: f"{tick:g}" for tick in ticks}, times, found.limits)
    plot.line(((level, middle) for level, middle, *_ in steps), "curve")
    plot.line(((level, high) for level, _, high, *_ in steps), "curve second")
    rows = []
    for level, middle, high, slowest, step in steps:
        where = f"{level:g} in parallel"
        plot.line([(level, middle), (level, slowest)], "whisker")
        for ms, shape, name in ((middle, "dot", "p50"), (high, "ring", "p95")):
            if ms is not None:
                plot.mark(shape, level, ms, f"{where}: {name} {milliseconds(ms)}", size=0.7)
        if step.errors:
            plot.mark("cross", level, None, f"{where}: {count(step.errors, 'error')}", up=0.5)
        told = (milliseconds(ms) or "-" for ms in (middle, high, slowest))
        rows.append((f"{level:g}", f"{step.requests or 0:,}", f"{step.errors or 0:,}", *told))
    errors = sum(step.errors or 0 for *_, step in steps)
    described = f"{count(len(steps), 'step')}, up to {most:g} in parallel; "
    described += f"{count(errors, 'error')}." if errors else "no errors."
    drawing = plot.drawn(f"load-{number}", f"Latency against parallel requests, {found.member}", described)
    return Curve(
        found.member, drawing, ("parallel", "requests", "errors", "p50", "p95", "max"), tuple(rows), errors > 0
    )


def _ms(value: float | None) -> float | None:
    return None if value is None else max(value, 0.0)
