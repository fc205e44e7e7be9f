"""How long the members took to answer: a range bar each, beside the thresholds of the ICAP profile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from icapdiag.report.html import svg
from icapdiag.report.html.scale import Scale, durations, ms_shown
from icapdiag.report.html.strips import Chart, Strip, axis
from icapdiag.report.sections.repeats import samples
from icapdiag.report.text.lines import count, milliseconds
from icapdiag.report.untyped import JSONValue, MemberReport, Observation
from icapdiag.text import visible
from icapdiag.vocabulary import Health, Status

_SHOWN = 24  # members with a bar of their own; beyond, the slowest
_ANSWERS = ("options", "clean", "eicar")
_SHAPES = {"options": "dot", "clean": "ring", "eicar": "diamond"}
_HEIGHT, _MIDDLE = 1.2, 0.6  # em, of one bar
THRESHOLDS = (  # fact, as the legend has it
    ("profile_slow_response_warning_threshold", "slow_response_warning_threshold"),
    ("profile_response_timeout", "response_timeout"),
)


@dataclass(frozen=True, slots=True)
class Span:
    """The answers of one member: each probe with its time in ms, and what was given up after how long."""

    name: str
    answers: tuple[tuple[str, float], ...]
    extremes: tuple[float, ...]  # ms, of repeated steps
    silent_ms: float | None  # waited so long for an answer that did not come
    health: Health

    @property
    def times(self) -> list[float]:
        return [*(ms for _, ms in self.answers), *self.extremes]

    @property
    def slowest(self) -> float:
        return max([*self.times, self.silent_ms or 0.0])


def latency_chart(members: Sequence[MemberReport]) -> Chart | None:
    """The bars, the slowest member first; None where no member gave an answer to measure."""
    spans = sorted((span for m in members if (span := _span(m)) is not None), key=lambda span: -span.slowest)
    if not any(span.times for span in spans):
        return None
    limits = thresholds(o for member in members for o in member.probes)
    scale, ticks = durations([ms for span in spans for ms in [*span.times, span.slowest]] + [ms for _, ms in limits])
    back = _background(scale, ticks, limits)
    shown, rest = (spans, []) if len(spans) <= _SHOWN else (spans[:_SHOWN], spans[_SHOWN:])
    strips = [_strip(number, span, scale, back) for number, span in enumerate(shown)]
    if rest:
        strips.append(_rest(rest, scale, back))
    flags = [
        svg.mark("flag", scale.place(ms), 1.9, kind=f"limit-{number}", tip=f"{name} {_shown(ms)}")
        for number, (name, ms) in enumerate(limits)
    ]
    return Chart(
        "Time to answer, by member",
        _described(spans, limits),
        axis([(scale.place(tick), ms_shown(tick)) for tick in ticks], *flags, height_em=1.4 if not flags else 2.4),
        tuple(strips),
    )


def thresholds(observations: Iterable[Observation]) -> list[tuple[str, float]]:
    """The profile's thresholds in ms, by Avi's names, the lower first."""
    found: dict[str, float] = {}
    for observation in observations:
        for fact, name in THRESHOLDS:
            value = _ms(observation.facts.get(fact))
            if value is not None and value > 0:
                found.setdefault(name, value)
        if len(found) == len(THRESHOLDS):
            break
    return sorted(found.items(), key=lambda item: item[1])


def answer_time(observation: Observation) -> float | None:
    """ms until the answer without our own delays, if there was an answer."""
    if observation.status is Status.FAILED and observation.reason == "timeout":
        return None
    value = _ms(observation.facts.get("answer_ms"))
    return observation.elapsed_ms if value is None and observation.status is Status.OK else value


def _span(member: MemberReport) -> Span | None:
    answers = tuple((o.probe, ms) for o in member.probes if o.probe in _ANSWERS and (ms := answer_time(o)) is not None)
    extremes = tuple(
        ms
        for o in member.probes
        for record in samples(o)
        if record.get("step") in _ANSWERS
        for name in ("min_ms", "max_ms")
        if (ms := _ms(record.get(name))) is not None
    )
    waited = [
        o.elapsed_ms
        for o in member.probes
        if o.status is Status.FAILED and o.reason == "timeout" and o.elapsed_ms is not None
    ]
    if not answers and not extremes and not waited:
        return None
    return Span(member.name, answers, extremes, max(waited, default=None), member.verdict)


def _strip(number: int, span: Span, scale: Scale, back: Sequence[Markup]) -> Strip:
    parts = list(back)
    if span.times:
        parts.append(_bar(scale, span.times, f"range {span.health.value}"))
    parts += [
        svg.mark(_SHAPES[probe], scale.place(ms), _MIDDLE, kind="point", tip=f"{probe}: {_shown(ms)}", size_em=0.7)
        for probe, ms in span.answers
    ]
    if span.silent_ms is not None:
        tip = f"no answer in {milliseconds(span.silent_ms)}"
        parts.append(svg.mark("cross", scale.place(span.silent_ms), _MIDDLE, kind="critical", tip=tip))
    name, words = visible(span.name, 80), _words(span)
    told = "; ".join([f"{probe} {_shown(ms)}" for probe, ms in span.answers] or [words])
    return Strip(name, words, svg.drawing(f"latency-{number}", f"{name}: {words}", told, _HEIGHT, *parts))


def _rest(spans: Sequence[Span], scale: Scale, back: Sequence[Markup]) -> Strip:
    times = [ms for span in spans for ms in span.times]
    words = f"{_shown(min(times))} to {_shown(max(times))}" if times else "no answer"
    name = f"{count(len(spans), 'more member')}, all quicker"
    parts = [*back, *([_bar(scale, times, "range many")] if times else [])]
    return Strip(
        name,
        words,
        svg.drawing("latency-rest", f"{name}: {words}", "The fastest and the slowest of them.", _HEIGHT, *parts),
    )


def _bar(scale: Scale, times: Sequence[float], kind: str) -> Markup:
    low, high = scale.place(min(times)), scale.place(max(times))
    return svg.bar(low, _MIDDLE - 0.22, max(high - low, 0.4), 0.44, kind=kind)


def _words(span: Span) -> str:
    if not span.times:
        return f"no answer in {milliseconds(span.silent_ms)}"
    low, high = _shown(min(span.times)), _shown(max(span.times))
    told = low if low == high else f"{low} to {high}"
    return f"{told}, then none in {milliseconds(span.silent_ms)}" if span.silent_ms is not None else told


def _background(scale: Scale, ticks: Sequence[float], limits: Sequence[tuple[str, float]]) -> list[Markup]:
    parts = [svg.line(0, _MIDDLE, 100, _MIDDLE, kind="track")]
    parts += [svg.line(scale.place(tick), 0.1, scale.place(tick), _HEIGHT - 0.1, kind="grid") for tick in ticks]
    return parts + [
        svg.line(scale.place(ms), 0, scale.place(ms), _HEIGHT, kind=f"limit limit-{number}")
        for number, (_, ms) in enumerate(limits)
    ]


def _described(spans: Sequence[Span], limits: Sequence[tuple[str, float]]) -> str:
    slow = "; ".join(f"{span.name}: {_words(span)}" for span in spans[:5])
    profile = ", ".join(f"{name} {_shown(ms)}" for name, ms in limits)
    return f"{count(len(spans), 'member')}, the slowest first. {slow}." + (
        f" Thresholds of the profile: {profile}." if profile else ""
    )


def _shown(ms: float) -> str:
    return "<0.1 ms" if ms < 0.05 else milliseconds(ms)


def _ms(value: JSONValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return max(float(value), 0.0)
