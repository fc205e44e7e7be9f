"""SVG built of elements: every text and attribute is escaped here, and nowhere else.

A drawing has no ``viewBox``: across it is measured in percent of the page's width, down in ``em``. So it fills a
phone and a wall, and its text keeps the size of the page's text.
"""

from __future__ import annotations

from markupsafe import Markup, escape

from icapdiag.text import visible

_LABEL = 60  # characters of a name in a drawing


def element(tag: str, *children: str, **attributes: str | float) -> Markup:
    """``<tag …>children</tag>``. A child that is no `Markup` is text; a trailing ``_`` of a name is dropped.

    Numbers are written with at most two decimals.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _value(value))
        for name, value in attributes.items()
        if value != ""
    )
    inside = Markup("").join(child if isinstance(child, Markup) else safe(child) for child in children)
    return Markup("<{}{}>{}</{}>").format(tag, written, inside, tag)


def drawing(name: str, title: str, description: str, height_em: float, *content: Markup, kind: str = "") -> Markup:
    """A whole drawing with its words for those who can't see it. ``name`` must be unique on the page."""
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


def text(
    words: str, across: float, down_em: float, *, kind: str = "", anchor: str = "start", limit: int = _LABEL
) -> Markup:
    """``words`` with their baseline at ``down_em``; ``anchor`` is start, middle or end."""
    shown = visible(words, limit)
    return element(
        "text", shown, x=percent(across), y=em(down_em), class_=kind, text_anchor="" if anchor == "start" else anchor
    )


def line(x1: float, y1_em: float, x2: float, y2_em: float, *, kind: str) -> Markup:
    return element("line", x1=percent(x1), y1=em(y1_em), x2=percent(x2), y2=em(y2_em), class_=kind)


def bar(x: float, y_em: float, width: float, height_em: float, *, kind: str, tip: str = "") -> Markup:
    """A filled box; ``tip`` is what a mouse over it tells."""
    return element(
        "rect",
        *([element("title", tip)] if tip else []),
        x=percent(x),
        y=em(y_em),
        width=percent(width),
        height=em(height_em),
        class_=kind,
    )


def mark(shape: str, across: float, middle_em: float, *, kind: str, tip: str = "", size_em: float = 0.8) -> Markup:
    """One of the page's shapes (`templates/shapes.svg`), its middle at the given place."""
    return element(
        "svg",
        element(
            "use",
            *([element("title", tip)] if tip else []),
            href=f"#s-{shape}",
            x=em(-size_em / 2),
            y=em(-size_em / 2),
            width=em(size_em),
            height=em(size_em),
        ),
        x=percent(across),
        y=em(middle_em),
        class_=f"mark {kind}".strip(),
        overflow="visible",
    )


def percent(value: float) -> str:
    return f"{_number(value)}%"


def em(value: float) -> str:
    return f"{_number(value)}em"


def safe(words: str) -> Markup:
    """Text of any origin, escaped for HTML, with nothing in it that hides or reorders text."""
    return escape(visible(words, None))


def _value(value: str | float) -> str | Markup:
    return safe(value) if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
