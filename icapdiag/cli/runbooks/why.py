"""``icapdiag runbooks why`` in text: what a runbook looked at, and what it saw there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from icapdiag.runbook import Library
from icapdiag.runbook.conditions import shown
from icapdiag.runbook.match import needs_explanation
from icapdiag.runbook.saved import SavedRecord
from icapdiag.runbook.why import Explanation, SelectionResult, why
from icapdiag.text import visible

_LINE = 400  # characters of one condition with what it saw


def draw(library: Library, records: Sequence[SavedRecord], runbook_id: str | None) -> str:
    """Each record with the runbooks that explain it and their conditions, or the nearest and why they do not.

    Of several records those that no runbook applies to, and none has to, are only counted. Lines are safe
    for a terminal: names and values are a server's or a log's text.
    """
    blocks = [_record(library, saved, runbook_id, alone=len(records) == 1) for saved in records]
    drawn = ["\n".join(lines) + "\n" for lines in blocks if lines]
    quiet = len(blocks) - len(drawn)
    if quiet:
        drawn.append(f"No runbook applies to {quiet} more record{'s' if quiet > 1 else ''}, and none needs to.\n")
    return "\n".join(drawn)


def _record(library: Library, saved: SavedRecord, runbook_id: str | None, *, alone: bool) -> list[str]:
    explanations = why(library, saved.record, runbook_id, siblings=saved.siblings, profile=saved.profile)
    applying = [one for one in explanations if one.applies]
    lines = [line for one in applying for line in _applying(one)]
    if runbook_id is not None:
        lines += [line for one in explanations if not one.applies for line in _not_applying(one)]
    elif not applying and (alone or needs_explanation(saved.record)):
        lines.append("  no runbook applies; the nearest:" if explanations else "  no runbook is close")
        lines += [line for one in explanations for line in _not_applying(one)]
    return [visible(saved.name), *lines] if lines else []


def _applying(one: Explanation) -> Iterator[str]:
    state = "reported" if one.reported else f"superseded by {', '.join(one.superseded_by)}"
    yield f"  {one.runbook.id}: {state}"
    yield from _conditions(one.nearest)
    for each in one.causes:
        facts = f"   ({'; '.join(fact.saw for fact in each.facts)})" if each.facts else ""
        yield visible(f"    {each.status}: {each.cause.id}: {each.cause.title}{facts}", _LINE)


def _not_applying(one: Explanation) -> Iterator[str]:
    veto = one.vetoed_by
    yield f"  {one.runbook.id}: does not apply"
    if not one.source_fits:
        yield f"    - it is about observations of {' and '.join(one.runbook.source)}"
    yield from _conditions(one.nearest)
    if veto is not None:
        yield f"    - {veto.where} excludes it:"
        yield from (visible(f"      {outcome.saw}", _LINE) for outcome in veto.results)


def _conditions(group: SelectionResult) -> Iterator[str]:
    """Each condition up to the first that failed, with what it saw."""
    for outcome in group.results:
        if outcome.matched:
            seen = "absent" if not outcome.present else shown(outcome.seen)
            reference = "".join(f", {name} is {shown(value)}" for name, value in outcome.reference.items())
            yield visible(f"    + {group.where}.{outcome.condition}   (it is {seen}{reference})", _LINE)
        else:
            yield visible(f"    - {group.where}.{outcome.condition}, but {outcome.saw}", _LINE)
            return
