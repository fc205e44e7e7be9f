"""Measurements in steps: latency against the size of the body, and latency against parallel requests."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from icapdiag.report.html import svg
from icapdiag.report.html.latency import thresholds
from icapdiag.report.html.scale import Scale, bytes_shown, durations, linear, ms_shown, sizes
from icapdiag.report.text.lines import count, milliseconds, shown, whole
from icapdiag.report.untyped import Facts, JSONValue, MemberReport, Observation
from icapdiag.vocabulary import Status

_SHOWN = 12  # members with a drawing of their own, those where something failed first
_HEIGHT, _FOOT, _TOP = 11.0, 1.8, 0.8  # em
_LEFT, _RIGHT, _EDGE = 19.0, 95.0, 15.0  # percent
_STEPS = 40  # of one measurement


@dataclass(frozen=True, slots=True)
class Curve:
    """One member's drawing, the figures in it as a table, and whether a step failed."""

    member: str
    drawing: Markup
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    failed: bool


def ladder_curves(members: Sequence[MemberReport]) -> tuple[list[Curve], int]:
    """Latency against body size, of probe ``size``; and how many members are left out."""
    found = [(member, steps) for member in members for o in member.probes if (steps := _records(o, "size", "ladder"))]
    found.sort(key=lambda item: not any(_bad_rung(step) for step in item[1]))
    return [_ladder(number, *item) for number, item in enumerate(found[:_SHOWN])], max(len(found) - _SHOWN, 0)


def load_curves(members: Sequence[MemberReport]) -> tuple[list[Curve], int]:
    """Latency against parallel requests, of probe ``load``; and how many members are left out."""
    found = [(member, steps) for member in members for o in member.probes if (steps := _records(o, "load", "steps"))]
    found.sort(key=lambda item: not any(whole(step.get("errors")) for step in item[1]))
    return [_load(number, *item) for number, item in enumerate(found[:_SHOWN])], max(len(found) - _SHOWN, 0)


def _ladder(number: int, member: MemberReport, steps: Sequence[Facts]) -> Curve:
    rungs = [(size, _time(step), step) for step in steps if (size := _number(step.get("size"))) is not None]
    limits = thresholds(member.probes)
    across, marks = sizes([size for size, _, _ in rungs], start=_LEFT, end=_RIGHT)
    up, ticks = durations([*(ms for _, ms, _ in rungs if ms is not None), *(ms for _, ms in limits)])
    parts = _frame(up, ticks, [(across.place(mark), bytes_shown(mark)) for mark in marks], limits)
    points = [(across.place(size), _down(up, ms)) for size, ms, step in rungs if ms is not None and not _bad_rung(step)]
    parts += [svg.line(*one, *two, kind="curve") for one, two in itertools.pairwise(points)]
    for size, ms, step in rungs:
        bad = _bad_rung(step)
        place, down = across.place(size), _HEIGHT if ms is None else _down(up, ms)
        tip = f"{bytes_shown(size)}: {_outcome(step)}" + ("" if ms is None else f", {milliseconds(ms)}")
        parts.append(svg.mark("cross" if bad else "dot", place, down, kind="critical" if bad else "point", tip=tip))
    failed = [f"{bytes_shown(size)}: {_outcome(step)}" for size, _, step in rungs if _bad_rung(step)]
    described = (
        f"{count(len(rungs), 'size')} from {bytes_shown(rungs[0][0])} to {bytes_shown(rungs[-1][0])}. " if rungs else ""
    ) + (f"Failed: {'; '.join(failed[:5])}." if failed else "None failed.")
    rows = tuple(
        (bytes_shown(size), milliseconds(ms) or "-", _status(step), _outcome(step)) for size, ms, step in rungs
    )
    drawing = _drawn(f"ladder-{number}", f"Latency against body size, {member.name}", described, parts)
    return Curve(member.name, drawing, ("body", "time", "ICAP", "outcome"), rows, bool(failed))


def _load(number: int, member: MemberReport, steps: Sequence[Facts]) -> Curve:
    limits = thresholds(member.probes)
    levels = [(level, step) for step in steps if (level := _number(step.get("concurrency"))) is not None]
    across, marks = linear(max((level for level, _ in levels), default=1), start=_LEFT, end=_RIGHT)
    keys = ("p50_ms", "p95_ms", "max_ms")
    times = [[_number(step.get(key)) for key in keys] for _, step in levels]
    up, ticks = durations([*(ms for row in times for ms in row if ms is not None), *(ms for _, ms in limits)])
    parts = _frame(up, ticks, [(across.place(mark), f"{mark:g}") for mark in marks], limits)
    for index, kind in ((0, "curve"), (1, "curve second")):
        points = [
            (across.place(level), _down(up, ms))
            for (level, _), row in zip(levels, times, strict=True)
            if (ms := row[index]) is not None
        ]
        parts += [svg.line(*one, *two, kind=kind) for one, two in itertools.pairwise(points)]
    for (level, step), row in zip(levels, times, strict=True):
        parts += _load_marks(across.place(level), up, row, step, f"{level:g} in parallel")
    errors = sum(whole(step.get("errors")) for _, step in levels)
    described = (
        f"{count(len(levels), 'step')}, up to {max((level for level, _ in levels), default=0):g} in parallel; "
        + (f"{count(errors, 'error')}." if errors else "no errors.")
    )
    rows = tuple(
        (
            f"{level:g}",
            f"{whole(step.get('requests')):,}",
            f"{whole(step.get('errors')):,}",
            *(milliseconds(ms) or "-" for ms in row),
        )
        for (level, step), row in zip(levels, times, strict=True)
    )
    drawing = _drawn(f"load-{number}", f"Latency against parallel requests, {member.name}", described, parts)
    return Curve(member.name, drawing, ("parallel", "requests", "errors", "p50", "p95", "max"), rows, errors > 0)


def _load_marks(place: float, up: Scale, row: Sequence[float | None], step: Facts, where: str) -> list[Markup]:
    middle, high, most = row
    parts = []
    if middle is not None and most is not None:
        parts.append(svg.line(place, _down(up, middle), place, _down(up, most), kind="whisker"))
    for value, shape, name in ((middle, "dot", "p50"), (high, "ring", "p95")):
        if value is not None:
            tip = f"{where}: {name} {milliseconds(value)}"
            parts.append(svg.mark(shape, place, _down(up, value), kind="point", tip=tip, size_em=0.7))
    if errors := whole(step.get("errors")):
        tip = f"{where}: {count(errors, 'error')}"
        parts.append(svg.mark("cross", place, _HEIGHT - 0.5, kind="critical", tip=tip))
    return parts


def _frame(
    up: Scale, ticks: Sequence[float], marks: Sequence[tuple[float, str]], limits: Sequence[tuple[str, float]]
) -> list[Markup]:
    parts = []
    for tick in ticks:
        down = _down(up, tick)
        parts += [svg.line(_EDGE, down, 100, down, kind="grid"), svg.text(ms_shown(tick), 0, down + 0.3)]
    for number, (_, ms) in enumerate(limits):
        down = _down(up, ms)
        parts.append(svg.line(_EDGE, down, 100, down, kind=f"limit limit-{number}"))
    for place, label in marks:
        parts.append(svg.text(label, place, _HEIGHT + _FOOT - 0.3, anchor="end" if place > 90 else "middle"))
    return parts


def _drawn(name: str, title: str, described: str, parts: Sequence[Markup]) -> Markup:
    return svg.drawing(name, title, described, _HEIGHT + _FOOT, *parts, kind="curves")


def _down(up: Scale, ms: float) -> float:
    """em from the top; the scale runs upwards."""
    return _HEIGHT - (up.place(ms) / 100) * (_HEIGHT - _TOP)


def _records(observation: Observation, probe: str, fact: str) -> list[Facts]:
    found = observation.facts.get(fact) if observation.probe == probe else None
    records = [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []
    return records[:_STEPS]


def _bad_rung(step: Facts) -> bool:
    return step.get("status") in (Status.FAILED.value, Status.ERROR.value)


def _outcome(step: Facts) -> str:
    verdict, reason = shown(step.get("verdict")), shown(step.get("reason"))
    status = shown(step.get("status"))
    return f"{status} {reason}".strip() if _bad_rung(step) else verdict or f"{status} {reason}".strip()


def _status(step: Facts) -> str:
    status = step.get("icap_status")
    return str(status) if isinstance(status, int) and not isinstance(status, bool) else "-"


def _time(step: Facts) -> float | None:
    return _number(step.get("answer_ms"))


def _number(value: JSONValue) -> float | None:
    return max(float(value), 0.0) if isinstance(value, int | float) and not isinstance(value, bool) else None
