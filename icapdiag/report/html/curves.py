"""Measurements in steps: latency against the size of the body, and latency against parallel requests."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from markupsafe import Markup
from msgspec import Struct

from icapdiag.facts.deep import LoadStep, SizedUpload
from icapdiag.report.document.blocks import Limits, LoadCurve, SizeCurve
from icapdiag.report.document.measured import upload_failed
from icapdiag.report.document.words import count, milliseconds, safe_text
from icapdiag.report.html import svg

_HEIGHT, _FOOT, _TOP = 11.0, 1.8, 0.8  # em
_LEFT, _RIGHT, _EDGE = 19.0, 95.0, 15.0  # percent


class Curve(Struct, frozen=True):
    """One member's drawing, the figures in it as a table, and whether a step failed."""

    member: str
    drawing: Markup
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    failed: bool


def size_curve(number: int, found: SizeCurve) -> Curve:
    """Latency against body size."""
    uploads = [(upload.size, _ms(upload.answer_ms), upload) for upload in found.uploads if upload.size is not None]
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
        tip = f"{svg.bytes_shown(size)}: {_outcome(upload)}" + ("" if ms is None else f", {milliseconds(ms)}")
        down = _HEIGHT if ms is None else _down(up, ms)
        shape, kind = ("cross", "critical") if bad else ("dot", "point")
        parts.append(svg.mark(shape, across.place(size), down, kind=kind, tip=tip))
    failed = [
        f"{svg.bytes_shown(size)}: {_outcome(upload)}" for size, _, upload in uploads if upload_failed(upload.status)
    ]
    sizes = [svg.bytes_shown(size) for size, _, _ in uploads]
    described = f"{count(len(sizes), 'size')} from {sizes[0]} to {sizes[-1]}. " if sizes else ""
    described += f"Failed: {'; '.join(failed[:5])}." if failed else "None failed."
    rows = tuple(
        (svg.bytes_shown(size), milliseconds(ms) or "-", str(_or_dash(upload.icap_status)), _outcome(upload))
        for size, ms, upload in uploads
    )
    drawing = _drawn(f"ladder-{number}", f"Latency against body size, {found.member}", described, parts)
    return Curve(found.member, drawing, ("body", "time", "ICAP", "outcome"), rows, bool(failed))


def load_curve(number: int, found: LoadCurve) -> Curve:
    """Latency against parallel requests."""
    steps = [(step.concurrency, step) for step in found.steps if step.concurrency is not None]
    most = max((level for level, _ in steps), default=0)
    across, marks = svg.linear(most or 1, start=_LEFT, end=_RIGHT)
    up, ticks = _durations((ms for _, step in steps for ms in _times(step)), found.limits)
    parts = _frame(up, ticks, [(across.place(mark), f"{mark:g}") for mark in marks], found.limits)
    for index, kind in ((0, "curve"), (1, "curve second")):
        times = [(across.place(level), _times(step)[index]) for level, step in steps]
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
            *(milliseconds(ms) or "-" for ms in _times(step)),
        )
        for level, step in steps
    )
    drawing = _drawn(f"load-{number}", f"Latency against parallel requests, {found.member}", described, parts)
    return Curve(found.member, drawing, ("parallel", "requests", "errors", "p50", "p95", "max"), rows, errors > 0)


def _load_marks(place: float, up: svg.Scale, step: LoadStep, where: str) -> list[Markup]:
    middle, high, most = _times(step)
    parts = []
    if middle is not None and most is not None:
        parts.append(svg.line(place, _down(up, middle), place, _down(up, most), kind="whisker"))
    for value, shape, name in ((middle, "dot", "p50"), (high, "ring", "p95")):
        if value is not None:
            tip = f"{where}: {name} {milliseconds(value)}"
            parts.append(svg.mark(shape, place, _down(up, value), kind="point", tip=tip, size_em=0.7))
    if step.errors:
        tip = f"{where}: {count(step.errors, 'error')}"
        parts.append(svg.mark("cross", place, _HEIGHT - 0.5, kind="critical", tip=tip))
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
        parts.append(svg.text(label, place, _HEIGHT + _FOOT - 0.3, anchor="end" if place > 90 else "middle"))
    return parts


def _drawn(name: str, title: str, described: str, parts: Sequence[Markup]) -> Markup:
    return svg.drawing(name, title, described, _HEIGHT + _FOOT, *parts, kind="curves")


def _durations(times: Iterable[float | None], limits: Limits) -> tuple[svg.Scale, list[float]]:
    return svg.durations([*(ms for ms in times if ms is not None), *(ms for _, ms in limits)])


def _down(up: svg.Scale, ms: float) -> float:
    """em from the top; the scale runs upwards."""
    return _HEIGHT - (up.place(ms) / 100) * (_HEIGHT - _TOP)


def _times(step: LoadStep) -> tuple[float | None, float | None, float | None]:
    return _ms(step.p50_ms), _ms(step.p95_ms), _ms(step.max_ms)


def _ms(value: float | None) -> float | None:
    return None if value is None else max(value, 0.0)


def _outcome(upload: SizedUpload) -> str:
    became = f"{safe_text(upload.status)} {safe_text(upload.reason)}".strip()
    return became if upload_failed(upload.status) else safe_text(upload.verdict) or became


def _or_dash(value: int | None) -> int | str:
    return "-" if value is None else value
