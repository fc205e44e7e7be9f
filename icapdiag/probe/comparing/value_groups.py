"""Groups members by their value of one fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from icapdiag.facts.pool import DIFFERENCES

SAME = "same"
OUTLIER, TWO_GROUPS, SEVERAL_GROUPS, ALL_DIFFERENT, SAME_SERVER = DIFFERENCES

Range = tuple[float, float]  # the lowest and the highest that a measured value may be


class ValueGroup(Struct, frozen=True):
    """Members, by index, with the same value. ``value`` is always text."""

    value: str
    members: tuple[int, ...]


def value_groups(values: Mapping[int, str]) -> tuple[ValueGroup, ...]:
    """The largest group first, among equal ones that of the earlier member. Members not in ``values`` are in none."""
    found: dict[str, list[int]] = {}
    for member in sorted(values):
        found.setdefault(values[member], []).append(member)
    groups = [ValueGroup(value, tuple(members)) for value, members in found.items()]
    return tuple(sorted(groups, key=lambda group: -len(group.members)))


def kind_of(groups: Sequence[ValueGroup]) -> str:
    """How the values are distributed: `SAME` or one of `DIFFERENCES`, which are defined here.

    There is an outlier only if two or more members agree and are at least half of all:
    three of eight that agree by chance are not a majority.
    """
    if len(groups) < 2:
        return SAME
    largest, second = len(groups[0].members), len(groups[1].members)
    if largest == 1:
        return ALL_DIFFERENT
    if largest > second and 2 * largest >= sum(len(group.members) for group in groups):
        return OUTLIER
    return TWO_GROUPS if len(groups) == 2 else SEVERAL_GROUPS


def alike(measured: Mapping[int, float], *, factor: float, slack: float) -> list[list[int]]:
    """Members in classes by a measured value, each class from its smallest value upwards.

    A value is of the same class up to ``factor`` times the smallest of the class, or ``slack`` above it:
    twice next to nothing is still next to nothing.
    """
    classes: list[list[int]] = []
    for member in sorted(measured, key=lambda each: measured[each]):
        lowest = measured[classes[-1][0]] if classes else 0.0
        if classes and measured[member] <= max(lowest * factor, lowest + slack):
            classes[-1].append(member)
        else:
            classes.append([member])
    return classes


def overlapping(measured: Mapping[int, Range]) -> list[list[int]]:
    """Members in classes by an uncertain value: all members of a class could have the same value."""
    classes: list[list[int]] = []
    shared = 0.0  # the highest value that all of the last class could have
    for member in sorted(measured, key=lambda each: measured[each]):
        lowest, highest = measured[member]
        if classes and lowest <= shared:
            classes[-1].append(member)
            shared = min(shared, highest)
        else:
            classes.append([member])
            shared = highest
    return classes
