"""Members side by side: for each fact that differs a mark for each member, and the odd one out named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from icapdiag.report.html import svg
from icapdiag.report.sections.comparison import Row, differing_rows
from icapdiag.report.text.lines import names, texts
from icapdiag.report.untyped import Facts

_SHOWN = 30  # facts
_MARKS = 60  # members with a mark of their own in a strip; beyond, only those that stand apart
_SHAPES = ("ring", "diamond", "square", "triangle", "cross")
_HEIGHT = 1.4  # em
_CAMPS = 6  # values of a fact
_NAMES = 5  # members of a camp


@dataclass(frozen=True, slots=True)
class Camp:
    """One value and who has it; ``odd`` if they are not of the majority."""

    value: str
    members: tuple[str, ...]
    more: int  # members beyond
    shape: str
    odd: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One fact that differs: a mark for each member, and the camps, the largest first."""

    label: str
    apart: str  # "odd one out", "two camps", …
    drawing: Markup
    camps: tuple[Camp, ...]
    more: int  # values beyond


_APART = {
    "outlier": "odd one out",
    "two-camps": "two camps",
    "several-camps": "no majority",
    "all-different": "each its own",
}


def sides(comparison: Sequence[Facts], order: Sequence[str]) -> tuple[list[Side], int]:
    """What differs, and how many facts are left out; ``order`` are the members in the pool's order."""
    rows = differing_rows(comparison)
    named = dict.fromkeys(name for facts in comparison for camp in _camps(facts) for name in texts(camp.get("members")))
    place = {name: number for number, name in enumerate(order)}
    # An address of a member that has several is NAME at ADDRESS.
    everyone = sorted(named, key=lambda name: place.get(name, place.get(name.split(" at ")[0], len(place))))
    return [_side(number, row, everyone) for number, row in enumerate(rows[:_SHOWN])], max(len(rows) - _SHOWN, 0)


def _side(number: int, row: Row, everyone: Sequence[str]) -> Side:
    camps = tuple(
        Camp(value, members[:_NAMES], max(len(members) - _NAMES, 0), _shape(place), row.kind == "outlier" and place > 0)
        for place, (value, members) in enumerate(row.camps[:_CAMPS])
    )
    told = "; ".join(f"{value} at {names(members, 3)}" for value, members in row.camps[:_CAMPS])
    apart = _APART.get(row.kind, "")
    drawing = svg.drawing(
        f"side-{number}", f"{row.label}: {apart}", told, _HEIGHT, *_marks(row, everyone), kind="side-line"
    )
    return Side(row.label, apart, drawing, camps, max(len(row.camps) - _CAMPS, 0))


def _marks(row: Row, everyone: Sequence[str]) -> Iterator[Markup]:
    """A mark for each member in the pool's order; in a large pool the track stands for the largest camp."""
    places = {name: (number + 0.5) / len(everyone) * 100 for number, name in enumerate(everyone)}
    yield svg.line(0, _HEIGHT / 2, 100, _HEIGHT / 2, kind="track")
    for number, (value, members) in enumerate(row.camps):
        if number == 0 and len(everyone) > _MARKS:
            continue
        odd = row.kind == "outlier" and number > 0
        kind, size = ("odd", 1.1) if odd else (f"camp-{min(number, 4)}", 0.8)
        for member in members[:_MARKS]:
            tip = f"{member}: {value}"
            yield svg.mark(_shape(number), places[member], _HEIGHT / 2, kind=kind, tip=tip, size_em=size)


def _shape(number: int) -> str:
    return _SHAPES[min(number, len(_SHAPES) - 1)]


def _camps(facts: Facts) -> list[Facts]:
    found = facts.get("camps")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list | tuple) else []
