"""Whether a rule can match at all: a record is made up that meets its conditions, from their values and the types.

What no record can meet would be a runbook that never speaks. Regular expressions are not turned round: what they
look at is taken as met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from types import MappingProxyType

from icapdiag.facts.fields import BOOLEAN, INTEGER, NUMBER, field_named
from icapdiag.icap.header_table import HEADERS
from icapdiag.model import Facts, JSONValue
from icapdiag.runbook.conditions import Condition, Scalar, Selection
from icapdiag.runbook.document import Runbook

_STATUS = "icap_status"
_COMES_WITH = MappingProxyType({header.fact: header.statuses for header in HEADERS if header.statuses})
_MOST = 200  # records that are tried for one selection
_UNTRIED = ("re", "cidr")


def unsatisfiable(runbook: Runbook) -> Iterator[tuple[str, str]]:
    """Each selection of ``match`` that no record can meet, or that ``unless`` always takes back: where, and why."""
    for selection in runbook.match:
        fields: dict[str, list[Condition]] = {}
        for condition in selection.conditions:
            fields.setdefault(condition.field, []).append(condition)
        if any(fact in fields for fact in _COMES_WITH):
            fields.setdefault(_STATUS, [])
        values: dict[str, Sequence[JSONValue]] = {}
        for name, conditions in fields.items():
            values[name] = [each for each in _candidates(name, conditions) if _meets(conditions, name, each)]
            if not values[name]:
                yield f"{selection.where}.{conditions[0].key}", "no value meets all the conditions on this field"
        for fact, statuses in _COMES_WITH.items():
            if fact in fields:
                left = [status for status in values[_STATUS] if status in statuses]
                if not left:
                    known = " or ".join(map(str, statuses))
                    yield f"{selection.where}.{fact}", f"this header comes with ICAP {known} only, which is ruled out"
                values[_STATUS] = left
        if all(values.values()) and not any(_left(runbook, record) for record in _records(runbook, values)):
            yield selection.where, "'unless' takes back whatever matches it"


def _left(runbook: Runbook, record: Facts) -> bool:
    return not any(veto.holds(record) for veto in runbook.unless if not _is_open(veto))


def _is_open(selection: Selection) -> bool:
    """Whether a made-up record says nothing about it."""
    return any(condition.operator in _UNTRIED or condition.fieldref for condition in selection.conditions)


def _records(runbook: Runbook, values: dict[str, Sequence[JSONValue]]) -> Iterator[Facts]:
    for number, chosen in enumerate(product(*values.values())):
        if number == _MOST:
            return
        yield {"source": runbook.source[0], **dict(zip(values, chosen, strict=True))}


def _meets(conditions: Sequence[Condition], name: str, value: JSONValue) -> bool:
    record = {name: value}
    return all(each.holds(record) for each in conditions if each.operator not in _UNTRIED and not each.fieldref)


def _candidates(name: str, conditions: Sequence[Condition]) -> list[JSONValue]:
    """Values worth a try: those of the conditions and their neighbours, the field's words, one of its type."""
    found: list[JSONValue] = [each for condition in conditions for each in _near(condition)]
    field = field_named(name)
    if field is not None:
        found += field.values
        found += [True, False] if field.type == BOOLEAN else [0, 1, 200, 500] if field.type in {INTEGER, NUMBER} else []
    whole = [value for condition in conditions if condition.all for value in condition.values]
    return [*found, *([whole] if whole else []), " ".join(map(str, whole)), "x", 1, None]


def _near(condition: Condition) -> Iterator[Scalar]:
    for value in condition.values:
        yield value
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield from (value - 1, value + 1)
