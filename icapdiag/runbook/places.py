"""Where in an Avi configuration a finding was made: the fields that its conditions asked for, as they stand there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import asdict

from icapdiag.facts.config import ObjectSheet, Place, Setting
from icapdiag.model import Facts, Observation
from icapdiag.runbook.causes import is_proven, weigh
from icapdiag.runbook.document import Runbook

MOST = 1000  # of one finding
_SWITCHES = ("enabled", "enable", "enable_preview", "vendor")  # what is on, or chosen, is seldom what is wrong


def places(runbook: Runbook, met: Iterable[tuple[Observation, Facts]]) -> tuple[Place, ...]:
    """Each place once, in the order of what was met; none for what is not of a configuration."""
    found: dict[tuple[object, ...], Place] = {}
    for observation, record in met:
        if isinstance(observation.facts, ObjectSheet):
            for place in _places(observation.facts, _asked(runbook, record)):
                key = (place.file, place.line, place.column, place.field, place.subject, place.subject_name)
                found.setdefault(key, place)
        if len(found) >= MOST:
            break
    return tuple(found.values())[:MOST]


def _asked(runbook: Runbook, record: Facts) -> set[str]:
    """The facts that the conditions looked at: those of what matches, else those of the causes that it proves."""
    selections = [each for each in runbook.match if each.holds(record)]
    names = {condition.field for each in selections for condition in each.conditions}
    for weighed in weigh(runbook.causes, record):
        if is_proven([weighed]):
            names |= {result.field for result in weighed.facts}
    return names


def _places(sheet: ObjectSheet, asked: set[str]) -> Iterator[Place]:
    settings = [each for each in sheet.settings or () if each.fact in asked]
    settings = [each for each in settings if each.fact not in _SWITCHES] or settings
    if not settings:
        yield Place(
            object=sheet.object, object_name=sheet.object_name, file=sheet.file, line=sheet.line, column=sheet.column
        )
    for each in settings:
        yield _place(sheet, each)


def _place(sheet: ObjectSheet, setting: Setting) -> Place:
    values = asdict(setting)
    del values["fact"]
    if setting.object is None:  # it stands in the object itself
        values |= {"object": sheet.object, "object_name": sheet.object_name, "file": sheet.file}
    else:
        values |= {"subject": sheet.object, "subject_name": sheet.object_name}
    return Place(**values)
