"""SVG elements, and scales from values to places on a drawing.

Every text and attribute is escaped here, and nowhere else.

A drawing has no ``viewBox``: widths are in percent of the page's width, heights in ``em``. So it fits phones and wall
displays, and its text has the size of the page's text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from icapdiag.text import visible

_LABEL = 60  # characters of a name in a drawing
_FLOOR = 0.1  # ms, bytes, requests: less is drawn as this on a logarithmic scale
_DURATIONS = (0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0, 60_000.0, 600_000.0, 3_600_000.0)  # ms: what people think in

# --- elements --------------------------------------------------------------------------------------


def element(tag: str, *children: str, **attributes: str | float) -> Markup:
    """``<tag …>children</tag>``. A child that is no `Markup` is text; a trailing ``_`` of a name is dropped.

    Numbers are written with at most two decimals.
    """
    shown = {name: safe(value) if isinstance(value, str) else _number(value) for name, value in attributes.items()}
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), value) for name, value in shown.items() if value
    )
    inside = Markup("").join(child if isinstance(child, Markup) else safe(child) for child in children)
    return Markup("<{}{}>{}</{}>").format(tag, written, inside, tag)


def drawing(name: str, title: str, description: str, height_em: float, *content: Markup, kind: str = "") -> Markup:
    """A complete drawing with a text alternative. ``name`` must be unique on the page."""
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-desc"),
        *content,
        class_=f"drawing {kind}".strip(),
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
        width="100%",
        height=em(height_em),
    )


def text(words: str, across: float, down_em: float, *, kind: str = "", anchor: str = "start") -> Markup:
    """``words`` with their baseline at ``down_em``; ``anchor`` is start, middle or end."""
    shown, anchor = visible(words, _LABEL), "" if anchor == "start" else anchor
    return element("text", shown, x=percent(across), y=em(down_em), class_=kind, text_anchor=anchor)


def line(x1: float, y1_em: float, x2: float, y2_em: float, *, kind: str) -> Markup:
    return element("line", x1=percent(x1), y1=em(y1_em), x2=percent(x2), y2=em(y2_em), class_=kind)


def bar(x: float, y_em: float, width: float, height_em: float, *, kind: str, tip: str = "") -> Markup:
    """A filled box; ``tip``: its tooltip."""
    place = {"x": percent(x), "y": em(y_em), "width": percent(width), "height": em(height_em)}
    return element("rect", *_titles(tip), **place, class_=kind)


def mark(shape: str, across: float, middle_em: float, *, kind: str, tip: str = "", size_em: float = 0.8) -> Markup:
    """One of the page's shapes (`templates/shapes.svg`), its middle at the given place."""
    corner, size = em(-size_em / 2), em(size_em)
    use = element("use", *_titles(tip), href=f"#s-{shape}", x=corner, y=corner, width=size, height=size)
    return element("svg", use, x=percent(across), y=em(middle_em), class_=f"mark {kind}", overflow="visible")


def _titles(tip: str) -> list[Markup]:
    return [element("title", tip)] if tip else []


def percent(value: float) -> str:
    return f"{_number(value)}%"


def em(value: float) -> str:
    return f"{_number(value)}em"


def safe(words: str) -> Markup:
    """Text of any origin, escaped for HTML, without characters that hide or reorder text."""
    return escape(visible(words, None))


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


# --- scales ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    """``low`` is at ``start`` percent, ``high`` at ``end``; values beyond are drawn at the edge."""

    low: float
    high: float
    logarithmic: bool = True
    start: float = 0.0
    end: float = 100.0

    def place(self, value: float) -> float:
        """Percent. NaN is drawn at the low edge."""
        bounded = min(max(value, self.low), self.high)
        if self.high <= self.low or math.isnan(value):
            return self.start
        if self.logarithmic:
            share = math.log(bounded / self.low) / math.log(self.high / self.low)
        else:
            share = (bounded - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def durations(values: Iterable[float]) -> tuple[Scale, list[float]]:
    """A logarithmic scale for milliseconds that holds all of ``values``, and its ticks."""
    found = [max(value, _FLOOR) for value in values if math.isfinite(value)] or [1.0]
    low = max((tick for tick in _DURATIONS if tick <= min(found)), default=_DURATIONS[0])
    high = min((tick for tick in _DURATIONS if tick >= max(found)), default=max(found))
    if high <= low:
        high = low * 10
    ticks = [tick for tick in _DURATIONS if low <= tick <= high]
    return Scale(low, high), ticks


def linear(top: float, *, start: float = 0.0, end: float = 100.0) -> tuple[Scale, list[float]]:
    """A scale from 0 to a round number at or above ``top``, and at most four ticks above 0."""
    top = top if math.isfinite(top) and top > 0 else 1.0
    step = 10.0 ** math.floor(math.log10(top / 4))
    step = next(step * factor for factor in (1, 2, 5, 10, 20) if step * factor * 4 >= top)
    count = math.ceil(top / step - 1e-9)
    return Scale(0.0, step * count, logarithmic=False, start=start, end=end), [step * n for n in range(count + 1)]


def sizes(values: Iterable[float], *, start: float = 0.0, end: float = 100.0) -> tuple[Scale, list[float]]:
    """A logarithmic scale for bytes from 1 on, each tick 1,024 times the one before."""
    high = max([1024.0, *(value for value in values if math.isfinite(value))])
    ticks = [1024.0**power for power in range(7) if 1024.0**power <= high]
    return Scale(1.0, high, start=start, end=end), ticks


def bytes_shown(value: float) -> str:
    """``0 B``, ``1400 B``, ``64 KiB``, ``8 MiB``."""
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if value >= size:
            return f"{value / size:.4g} {unit}" if value % size == 0 or value >= 10 * size else f"{value:.0f} B"
    return f"{value:.0f} B"


def ms_shown(value: float) -> str:
    """A tick of `durations`: ``0.1 ms``, ``10 ms``, ``1 s``, ``1 min``."""
    if value >= 60_000 and value % 60_000 == 0:
        return f"{value / 60_000:g} min"
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"
