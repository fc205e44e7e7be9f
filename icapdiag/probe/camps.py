"""Who agrees with whom: members sorted by what they have to say about one fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SAME = "same"
OUTLIER = "outlier"
TWO_CAMPS = "two-camps"
SEVERAL_CAMPS = "several-camps"
ALL_DIFFERENT = "all-different"
KINDS = (SAME, OUTLIER, TWO_CAMPS, SEVERAL_CAMPS, ALL_DIFFERENT)

Range = tuple[float, float]  # the lowest and the highest that a measured value may be


@dataclass(frozen=True, slots=True)
class Camp:
    """Members, by index, that say the same. ``value`` is text, whatever it was before."""

    value: str
    members: tuple[int, ...]


def camps_of(values: Mapping[int, str]) -> tuple[Camp, ...]:
    """The largest camp first, of equal ones that of the earlier member. Who is not in ``values`` is in none."""
    found: dict[str, list[int]] = {}
    for member in sorted(values):
        found.setdefault(values[member], []).append(member)
    camps = [Camp(value, tuple(members)) for value, members in found.items()]
    return tuple(sorted(camps, key=lambda camp: -len(camp.members)))


def kind_of(camps: Sequence[Camp]) -> str:
    """How the camps stand to each other, one of `KINDS`.

    There is an odd one out only against two or more that agree, and those must be at least half of all:
    three of eight that agree by chance are no majority.
    """
    if len(camps) < 2:
        return SAME
    largest, second = len(camps[0].members), len(camps[1].members)
    if largest == 1:
        return ALL_DIFFERENT
    if largest > second and 2 * largest >= sum(len(camp.members) for camp in camps):
        return OUTLIER
    return TWO_CAMPS if len(camps) == 2 else SEVERAL_CAMPS


def alike(measured: Mapping[int, float], *, factor: float, slack: float) -> dict[int, tuple[float, ...]]:
    """Measured values in classes: each member's class, as the values in it.

    From the smallest on, a value is of the same class up to ``factor`` times the smallest of the class, or
    ``slack`` above it: twice next to nothing is still next to nothing.
    """
    classes: list[list[int]] = []
    for member in sorted(measured, key=lambda each: measured[each]):
        lowest = measured[classes[-1][0]] if classes else 0.0
        if classes and measured[member] <= max(lowest * factor, lowest + slack):
            classes[-1].append(member)
        else:
            classes.append([member])
    return {member: tuple(measured[each] for each in group) for group in classes for member in group}


def overlapping(measured: Mapping[int, Range]) -> dict[int, tuple[Range, ...]]:
    """Uncertain values in classes: those of one class could all be the same."""
    classes: list[tuple[list[int], float]] = []
    for member in sorted(measured, key=lambda each: measured[each]):
        lowest, highest = measured[member]
        if classes and lowest <= classes[-1][1]:
            group, shared = classes.pop()
            classes.append(([*group, member], min(shared, highest)))
        else:
            classes.append(([member], highest))
    return {member: tuple(measured[each] for each in group) for group, _ in classes for member in group}
