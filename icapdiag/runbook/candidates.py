"""Which runbooks are worth a look at all: a large pool gives ten thousands of records that are much alike."""

from __future__ import annotations

from collections.abc import Iterable

from icapdiag.model import Facts, JSONValue
from icapdiag.runbook.document import Runbook

# Fields that have few values, and that most runbooks ask for.
_SORTED_BY = ("source", "probe", "status", "reason", "icap_status", "verdict", "fact", "kind")
_REMEMBERED = 1000  # combinations of those; servers choose some of the values


class CandidateIndex:
    """Finds the runbooks that apply, sorting out most of them once for all records that are alike in a few fields."""

    def __init__(self, runbooks: Iterable[Runbook]) -> None:
        self._runbooks = tuple(runbooks)
        self._possible: dict[tuple[JSONValue, ...], tuple[Runbook, ...]] = {}

    def applying(self, record: Facts) -> tuple[Runbook, ...]:
        """The runbooks that apply to this flat record, in their order."""
        return tuple(runbook for runbook in self._candidates(record) if runbook.applies(record))

    def _candidates(self, record: Facts) -> tuple[Runbook, ...]:
        values = tuple(record.get(name) for name in _SORTED_BY)
        # True and 1.0 are equal to 1 as keys, and not alike to conditions; a list is no key.
        if not all(value is None or isinstance(value, str) or type(value) is int for value in values):
            return self._runbooks
        found = self._possible.get(values)
        if found is None:
            alike = dict(zip(_SORTED_BY, values, strict=True))
            found = tuple(runbook for runbook in self._runbooks if _may_apply(runbook, alike))
            if len(self._possible) < _REMEMBERED:
                self._possible[values] = found
        return found


def _may_apply(runbook: Runbook, alike: Facts) -> bool:
    """Whether records with these values can be what the runbook is for, whatever else is in them."""
    if alike["source"] not in runbook.source:
        return False
    return any(
        all(c.holds(alike) for c in selection.conditions if c.field in _SORTED_BY and not c.fieldref)
        for selection in runbook.match
    )
