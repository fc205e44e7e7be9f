"""The drawings of the page: rows of words with a drawing each on one axis (small multiples), and curves."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from markupsafe import Markup
from msgspec import Struct

from icapdiag.facts.deep import LoadStep, SizedUpload
from icapdiag.facts.logs import Bucket
from icapdiag.report.document.logs import Counts, over_time
from icapdiag.report.document.measured import AnswerTimes, Limits, upload_failed
from icapdiag.report.document.measured import Curve as Measured
from icapdiag.report.document.pool import Comparison, DifferenceBlock
from icapdiag.report.document.words import count, measured, milliseconds, names, safe_text
from icapdiag.report.html import svg
from icapdiag.text import visible

_NARROW = 4  # labels that a phone has room for


class SmallMultiple(Struct, frozen=True):
    """Words on a line of their own, which wrap where they must, and a drawing below them; safe to show."""

    name: str
    value: str
    drawing: Markup


class Chart(Struct, frozen=True):
    """Drawings on one common axis, and what they come to in words."""

    title: str
    description: str
    axis: Markup
    rows: tuple[SmallMultiple, ...]


def _axis(labels: Sequence[tuple[float, str]], *more: Markup, height_em: float = 1.4) -> Markup:
    """Labels at their places in percent; those at the edges stay inside. Their words are in the description."""
    parts = [
        svg.text(
            label,
            place,
            1.0,
            kind="fine" if len(labels) > _NARROW and number % 2 else "",
            anchor="start" if place < 8 else "end" if place > 92 else "middle",
        )
        for number, (place, label) in enumerate(labels)
    ]
    return svg.element(
        "svg", *parts, *more, class_="drawing axis", aria_hidden="true", width="100%", height=svg.em(height_em)
    )


# --- how long members took to answer ---------------------------------------------------------------

_MEMBERS = 24  # with a bar of their own; beyond, the slowest
_SHAPES = {"options": "dot", "clean": "ring", "eicar": "diamond"}
_BAR, _MIDDLE = 1.2, 0.6  # em, of one bar


def answer_times(found: Sequence[AnswerTimes], limits: Limits) -> Chart | None:
    """A bar a member, the slowest first, beside the thresholds of the profile; None where nothing was measured."""
    if not found:
        return None
    scale, ticks = svg.durations(
        [ms for each in found for ms in (*each.times, each.slowest)] + [ms for _, ms in limits]
    )
    back = _background(scale, ticks, limits)
    listed, rest = (found, ()) if len(found) <= _MEMBERS else (found[:_MEMBERS], found[_MEMBERS:])
    rows = [_answers(number, each, scale, back) for number, each in enumerate(listed)]
    if rest:
        rows.append(_quicker(rest, scale, back))
    flags = [
        svg.mark("flag", scale.place(ms), 1.9, kind=f"limit-{number}", tip=f"{name} {measured(ms)}")
        for number, (name, ms) in enumerate(limits)
    ]
    slow = "; ".join(f"{each.member}: {_times(each)}" for each in found[:5])
    profile = ", ".join(f"{name} {measured(ms)}" for name, ms in limits)
    return Chart(
        "Time to answer, by member",
        f"{count(len(found), 'member')}, the slowest first. {slow}."
        + (f" Thresholds of the profile: {profile}." if profile else ""),
        _axis([(scale.place(tick), svg.ms_shown(tick)) for tick in ticks], *flags, height_em=2.4 if flags else 1.4),
        tuple(rows),
    )


def _answers(number: int, each: AnswerTimes, scale: svg.Scale, back: Sequence[Markup]) -> SmallMultiple:
    parts = list(back)
    if each.times:
        parts.append(_bar(scale, each.times, f"range {each.health.value}"))
    parts += [
        svg.mark(_SHAPES[probe], scale.place(ms), _MIDDLE, kind="point", tip=f"{probe}: {measured(ms)}", size_em=0.7)
        for probe, ms in each.answers
    ]
    if each.silent_ms is not None:
        tip = f"no answer in {milliseconds(each.silent_ms)}"
        parts.append(svg.mark("cross", scale.place(each.silent_ms), _MIDDLE, kind="critical", tip=tip))
    name, words = visible(each.member, 80), _times(each)
    told = "; ".join([f"{probe} {measured(ms)}" for probe, ms in each.answers] or [words])
    return SmallMultiple(name, words, svg.drawing(f"latency-{number}", f"{name}: {words}", told, _BAR, *parts))


def _quicker(found: Sequence[AnswerTimes], scale: svg.Scale, back: Sequence[Markup]) -> SmallMultiple:
    times = [ms for each in found for ms in each.times]
    words = f"{measured(min(times))} to {measured(max(times))}" if times else "no answer"
    name = f"{count(len(found), 'more member')}, all quicker"
    parts = [*back, *([_bar(scale, times, "range many")] if times else [])]
    told = "The fastest and the slowest of them."
    return SmallMultiple(name, words, svg.drawing("latency-rest", f"{name}: {words}", told, _BAR, *parts))


def _bar(scale: svg.Scale, times: Sequence[float], kind: str) -> Markup:
    low, high = scale.place(min(times)), scale.place(max(times))
    return svg.bar(low, _MIDDLE - 0.22, max(high - low, 0.4), 0.44, kind=kind)


def _times(each: AnswerTimes) -> str:
    silent = milliseconds(each.silent_ms)
    if not each.times:
        return f"no answer in {silent}"
    low, high = measured(min(each.times)), measured(max(each.times))
    told = low if low == high else f"{low} to {high}"
    return f"{told}, then none in {silent}" if silent else told


def _background(scale: svg.Scale, ticks: Sequence[float], limits: Limits) -> list[Markup]:
    parts = [svg.line(0, _MIDDLE, 100, _MIDDLE, kind="track")]
    parts += [svg.line(scale.place(tick), 0.1, scale.place(tick), _BAR - 0.1, kind="grid") for tick in ticks]
    return parts + [
        svg.line(scale.place(ms), 0, scale.place(ms), _BAR, kind=f"limit limit-{number}")
        for number, (_, ms) in enumerate(limits)
    ]


# --- requests of a log over time -------------------------------------------------------------------

_COLUMNS = 120
_HEIGHT = 3.0  # em, of one row
_OUTCOMES = (  # label, counts of a bucket, and the kind whose colour it has
    ("passed", ("passed",), "ok"),
    ("modified", ("modified",), "unknown"),
    ("blocked", ("blocked",), "info"),
    ("failed, passed unscanned", ("unscanned",), "critical"),
    ("failed, refused", ("refused_500", "refused_413"), "warning"),
    ("outcome unknown", ("unknown",), "disabled"),
    ("ICAP disabled", ("disabled",), "disabled"),
)
_KINDS = {label: kind for label, _, kind in _OUTCOMES}


def time_line(timeline: Sequence[Bucket]) -> Chart | None:
    """A row of columns for each outcome; None without a line to draw.

    Each row is scaled to its own highest column and says how high that is, so that one failure
    beside a thousand requests is seen.
    """
    counts = over_time(timeline, _COLUMNS, [(label, counted) for label, counted, _ in _OUTCOMES])
    if counts is None:
        return None
    rows = tuple(_outcome(number, counts, name, row) for number, (name, row) in enumerate(counts.rows))
    end = (counts.end - counts.start).total_seconds() / (counts.step_s * len(counts.rows[0][1])) * 100
    labels = [
        (0.0, f"{counts.start:%Y-%m-%d %H:%M}"),
        (max(min(end, 100.0), 93.0), f"{counts.end:%Y-%m-%d %H:%M} UTC"),
    ]
    told = "; ".join(f"{row.name}: {row.value}" for row in rows)
    return Chart("Requests over time, by outcome", f"{counts.caption}. {told}.", _axis(labels), rows)


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
    drawing = svg.drawing(f"time-{number}", f"{name}: {told}", counts.caption, _HEIGHT + 0.1, *parts, kind="timeline")
    return SmallMultiple(name, told, drawing)


# --- members side by side --------------------------------------------------------------------------

_MARKED = 60  # members with a mark of their own in a row; beyond, only those that stand apart
_VALUE_SHAPES = ("ring", "diamond", "square", "triangle", "cross")
_ROW = 1.4  # em
_VALUES = 6  # of a fact


def members_by_value(number: int, difference: DifferenceBlock, comparison: Comparison) -> Markup:
    """A mark for each member in the pool's order; in a large pool the track stands for the most frequent value."""
    members = comparison.order
    places = {name: (place + 0.5) / len(members) * 100 for place, name in enumerate(members)}
    told = "; ".join(f"{each.value} at {names(each.members, 3)}" for each in difference.values[:_VALUES])
    return svg.drawing(
        f"side-{number}",
        f"{difference.label}: {apart(difference)}",
        told,
        _ROW,
        svg.line(0, _ROW / 2, 100, _ROW / 2, kind="track"),
        *_marks(difference, places),
        kind="side-line",
    )


def apart(difference: DifferenceBlock) -> str:
    """How the members stand to each other, in a word or two."""
    return "odd one out" if difference.outlier else difference.apart


def shape(number: int) -> str:
    """The shape that stands for a value, that of most members first."""
    return _VALUE_SHAPES[min(number, len(_VALUE_SHAPES) - 1)]


def _marks(difference: DifferenceBlock, places: dict[str, float]) -> Iterator[Markup]:
    for number, each in enumerate(difference.values):
        if number == 0 and len(places) > _MARKED:
            continue
        kind, size = ("odd", 1.1) if each.odd else (f"camp-{min(number, 4)}", 0.8)
        for member in each.members[:_MARKED]:
            tip = f"{member}: {each.value}"
            yield svg.mark(shape(number), places[member], _ROW / 2, kind=kind, tip=tip, size_em=size)


# --- latency against the size of the body, and against parallel requests ---------------------------

_CURVE, _FOOT, _TOP = 11.0, 1.8, 0.8  # em
_LEFT, _RIGHT, _EDGE = 19.0, 95.0, 15.0  # percent


class Curve(Struct, frozen=True):
    """One member's drawing, the figures in it as a table, and whether a step failed."""

    member: str
    drawing: Markup
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    failed: bool


def size_curve(number: int, found: Measured[SizedUpload]) -> Curve:
    """Latency against body size."""
    uploads = [(upload.size, _ms(upload.answer_ms), upload) for upload in found.steps if upload.size is not None]
    across, marks = svg.sizes([size for size, _, _ in uploads], start=_LEFT, end=_RIGHT)
    up, ticks = _durations((ms for _, ms, _ in uploads), found.limits)
    parts = _frame(up, ticks, [(across.place(mark), svg.bytes_shown(mark)) for mark in marks], found.limits)
    points = [
        (across.place(size), _down(up, ms))
        for size, ms, upload in uploads
        if ms is not None and not upload_failed(upload.status)
    ]
    parts += _joined(points, "curve")
    for size, ms, upload in uploads:
        bad = upload_failed(upload.status)
        tip = f"{svg.bytes_shown(size)}: {_became(upload)}" + ("" if ms is None else f", {milliseconds(ms)}")
        down = _CURVE if ms is None else _down(up, ms)
        shape, kind = ("cross", "critical") if bad else ("dot", "point")
        parts.append(svg.mark(shape, across.place(size), down, kind=kind, tip=tip))
    failed = [
        f"{svg.bytes_shown(size)}: {_became(upload)}" for size, _, upload in uploads if upload_failed(upload.status)
    ]
    sizes = [svg.bytes_shown(size) for size, _, _ in uploads]
    described = f"{count(len(sizes), 'size')} from {sizes[0]} to {sizes[-1]}. " if sizes else ""
    described += f"Failed: {'; '.join(failed[:5])}." if failed else "None failed."
    rows = tuple(
        (svg.bytes_shown(size), milliseconds(ms) or "-", str(_or_dash(upload.icap_status)), _became(upload))
        for size, ms, upload in uploads
    )
    drawing = _drawn(f"ladder-{number}", f"Latency against body size, {found.member}", described, parts)
    return Curve(found.member, drawing, ("body", "time", "ICAP", "outcome"), rows, bool(failed))


def load_curve(number: int, found: Measured[LoadStep]) -> Curve:
    """Latency against parallel requests."""
    steps = [(step.concurrency, step) for step in found.steps if step.concurrency is not None]
    most = max((level for level, _ in steps), default=0)
    across, marks = svg.linear(most or 1, start=_LEFT, end=_RIGHT)
    up, ticks = _durations((ms for _, step in steps for ms in _percentiles(step)), found.limits)
    parts = _frame(up, ticks, [(across.place(mark), f"{mark:g}") for mark in marks], found.limits)
    for index, kind in ((0, "curve"), (1, "curve second")):
        times = [(across.place(level), _percentiles(step)[index]) for level, step in steps]
        parts += _joined([(place, _down(up, ms)) for place, ms in times if ms is not None], kind)
    for level, step in steps:
        parts += _load_marks(across.place(level), up, step, f"{level:g} in parallel")
    errors = sum(step.errors or 0 for _, step in steps)
    described = f"{count(len(steps), 'step')}, up to {most:g} in parallel; " + (
        f"{count(errors, 'error')}." if errors else "no errors."
    )
    rows = tuple(
        (
            f"{level:g}",
            f"{step.requests or 0:,}",
            f"{step.errors or 0:,}",
            *(milliseconds(ms) or "-" for ms in _percentiles(step)),
        )
        for level, step in steps
    )
    drawing = _drawn(f"load-{number}", f"Latency against parallel requests, {found.member}", described, parts)
    return Curve(found.member, drawing, ("parallel", "requests", "errors", "p50", "p95", "max"), rows, errors > 0)


def _load_marks(place: float, up: svg.Scale, step: LoadStep, where: str) -> list[Markup]:
    middle, high, most = _percentiles(step)
    parts = []
    if middle is not None and most is not None:
        parts.append(svg.line(place, _down(up, middle), place, _down(up, most), kind="whisker"))
    for value, shape, name in ((middle, "dot", "p50"), (high, "ring", "p95")):
        if value is not None:
            tip = f"{where}: {name} {milliseconds(value)}"
            parts.append(svg.mark(shape, place, _down(up, value), kind="point", tip=tip, size_em=0.7))
    if step.errors:
        tip = f"{where}: {count(step.errors, 'error')}"
        parts.append(svg.mark("cross", place, _CURVE - 0.5, kind="critical", tip=tip))
    return parts


def _joined(points: Sequence[tuple[float, float]], kind: str) -> list[Markup]:
    return [svg.line(*one, *two, kind=kind) for one, two in itertools.pairwise(points)]


def _frame(up: svg.Scale, ticks: Sequence[float], marks: Sequence[tuple[float, str]], limits: Limits) -> list[Markup]:
    parts = []
    for tick in ticks:
        down = _down(up, tick)
        parts += [svg.line(_EDGE, down, 100, down, kind="grid"), svg.text(svg.ms_shown(tick), 0, down + 0.3)]
    for number, (_, ms) in enumerate(limits):
        down = _down(up, ms)
        parts.append(svg.line(_EDGE, down, 100, down, kind=f"limit limit-{number}"))
    for place, label in marks:
        parts.append(svg.text(label, place, _CURVE + _FOOT - 0.3, anchor="end" if place > 90 else "middle"))
    return parts


def _drawn(name: str, title: str, described: str, parts: Sequence[Markup]) -> Markup:
    return svg.drawing(name, title, described, _CURVE + _FOOT, *parts, kind="curves")


def _durations(times: Iterable[float | None], limits: Limits) -> tuple[svg.Scale, list[float]]:
    return svg.durations([*(ms for ms in times if ms is not None), *(ms for _, ms in limits)])


def _down(up: svg.Scale, ms: float) -> float:
    """em from the top; the scale runs upwards."""
    return _CURVE - (up.place(ms) / 100) * (_CURVE - _TOP)


def _percentiles(step: LoadStep) -> tuple[float | None, float | None, float | None]:
    return _ms(step.p50_ms), _ms(step.p95_ms), _ms(step.max_ms)


def _ms(value: float | None) -> float | None:
    return None if value is None else max(value, 0.0)


def _became(upload: SizedUpload) -> str:
    became = f"{safe_text(upload.status)} {safe_text(upload.reason)}".strip()
    return became if upload_failed(upload.status) else safe_text(upload.verdict) or became


def _or_dash(value: int | None) -> int | str:
    return "-" if value is None else value
