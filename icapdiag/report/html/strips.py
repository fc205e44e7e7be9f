"""A strip: words on a line of their own, which wrap where they must, and a drawing below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from icapdiag.report.html import svg

_NARROW = 4  # labels that a phone has room for


@dataclass(frozen=True, slots=True)
class Strip:
    """``name`` and ``value`` are safe to show."""

    name: str
    value: str
    drawing: Markup


@dataclass(frozen=True, slots=True)
class Chart:
    """Strips on one common axis, and what they come to in words."""

    title: str
    description: str
    axis: Markup
    strips: tuple[Strip, ...]


def axis(labels: Sequence[tuple[float, str]], *more: Markup, height_em: float = 1.4) -> Markup:
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
