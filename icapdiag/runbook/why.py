"""Why a runbook explains a record, or what stood in the way; and whether each does so on its own examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from icapdiag.mistakes import Located
from icapdiag.model import Facts
from icapdiag.runbook.causes import Weighed, weigh
from icapdiag.runbook.conditions import ConditionResult, Selection, shown
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.library import Library
from icapdiag.runbook.match import explaining, hides_elsewhere, joined

NEAR_MISSES = 5
EXPECTED = "causes"  # in an example: the causes that it has by their names, each with its status


@dataclass(frozen=True, slots=True)
class SelectionResult:
    """One mapping of ``match`` or ``unless``, every condition tried."""

    where: str  # "match[0]"
    results: tuple[ConditionResult, ...]

    @property
    def matched(self) -> bool:
        """Whether all of its conditions hold."""
        return all(result.matched for result in self.results)

    @property
    def failed(self) -> ConditionResult | None:
        """The first condition that does not hold."""
        return next((result for result in self.results if not result.matched), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How one runbook stands to one record.

    It is reported if the source fits, some selection of ``match`` holds, none of ``unless`` does
    (``vetoed_by`` is the one that did) and no other runbook that applies supersedes it.
    """

    runbook: Runbook
    source_fits: bool
    match: tuple[SelectionResult, ...]
    unless: tuple[SelectionResult, ...]
    superseded_by: tuple[str, ...] = ()
    causes: tuple[Weighed, ...] = ()

    @property
    def vetoed_by(self) -> SelectionResult | None:
        """The selection of ``unless`` that holds."""
        return next((selection for selection in self.unless if selection.matched), None)

    @property
    def applies(self) -> bool:
        """Whether the runbook itself says that it explains the record."""
        return self.source_fits and any(selection.matched for selection in self.match) and self.vetoed_by is None

    @property
    def reported(self) -> bool:
        """Whether it becomes a finding: it applies, and nothing supersedes it."""
        return self.applies and not self.superseded_by

    @property
    def nearest(self) -> SelectionResult:
        """The selection that holds, else the one that came nearest."""
        return min(self.match, key=lambda selection: (not selection.matched, -_share(selection)))

    @property
    def failed(self) -> ConditionResult | None:
        """The first condition of the nearest selection that does not hold, with the value that it saw."""
        return self.nearest.failed


def why(
    library: Library,
    record: Facts,
    runbook_id: str | None = None,
    *,
    siblings: Sequence[Facts] = (),
    profile: Facts | None = None,
) -> tuple[Explanation, ...]:
    """Explain a flat record.

    With an id, that runbook alone (raises `UnknownRunbook`). Without, those that apply, those reported
    first, and then the few that came nearest: of the same source, with at least one condition met.
    ``siblings`` are the records of the same member by other probes, as in `explaining`; ``profile`` as in `match`.
    """
    record, *siblings = joined((record, *siblings), profile)
    if runbook_id is not None:
        return (_explain(library, library.by_id(runbook_id), record, siblings),)
    explanations = [_explain(library, runbook, record, siblings) for runbook in library.runbooks]
    applying = sorted((one for one in explanations if one.applies), key=lambda one: not one.reported)
    missed = [one for one in explanations if not one.applies and one.source_fits and _share(one.nearest)]
    missed.sort(key=lambda one: (-_share(one.nearest), one.runbook.id))
    return (*applying, *missed[:NEAR_MISSES])


def why_not(runbook: Runbook, record: Facts) -> str | None:
    """One line that says why a runbook does not apply; None if it does."""
    alone = _explain(None, runbook, record, ())
    if alone.applies:
        return None
    if not alone.source_fits:
        return f"source is {shown(record.get('source'))}, not {' or '.join(runbook.source)}"
    veto = alone.vetoed_by
    if alone.failed is None and veto is not None:
        return f"{veto.where} excludes it"
    failed = alone.failed
    return None if failed is None else f"{alone.nearest.where}.{failed.condition}, but {failed.saw}"


def run_examples(library: Library) -> tuple[Located, ...]:
    """Every example that its runbook does not match and every counterexample that it does."""
    return tuple(failure for runbook in library.runbooks for failure in examples_of(runbook))


def examples_of(runbook: Runbook) -> list[Located]:
    """The failures of one runbook: each names the condition that decided, and the value it saw."""
    failures: list[Located] = []
    for index, record in enumerate(runbook.examples):
        reason = why_not(runbook, record)
        if reason is not None:
            failures.append(runbook.located(f"examples[{index}]", f"does not match: {reason}"))
        failures += _causes_of(runbook, index, record)
    for index, record in enumerate(runbook.counterexamples):
        if runbook.applies(record):
            selection = next(selection for selection in runbook.match if selection.holds(record))
            failures.append(runbook.located(f"counterexamples[{index}]", f"matches by {selection.where}"))
    return failures


def _causes_of(runbook: Runbook, index: int, record: Facts) -> Iterator[Located]:
    """The causes whose status differs from the example."""
    expected = record.get(EXPECTED)
    if not isinstance(expected, Mapping):
        return
    for each in weigh(runbook.causes, record):
        wanted = expected.get(each.cause.id, each.status)
        if wanted != each.status:
            facts = (fact.saw for fact in each.facts)
            message = "; ".join((f"{each.cause.id} is {each.status}, not {shown(wanted)}", *facts))
            yield runbook.located(f"examples[{index}].{EXPECTED}.{each.cause.id}", message)


def overlaps(library: Library) -> Iterator[tuple[str, str, str]]:
    """Pairs of runbooks that would both be reported for an example of the first, and which: ``examples[0]``.

    Not always wrong (two things may be amiss at once), but worth a person's look.
    """
    for runbook in library.runbooks:
        for index, record in enumerate(runbook.examples):
            reported = explaining(library, record)
            if runbook in reported:
                yield from ((runbook.id, other.id, f"examples[{index}]") for other in reported if other is not runbook)


def _explain(library: Library | None, runbook: Runbook, record: Facts, siblings: Sequence[Facts]) -> Explanation:
    superseded_by: tuple[str, ...] = ()
    if library is not None and runbook.applies(record):
        superseded_by = tuple(
            other.id
            for other in library.runbooks
            if other is not runbook
            and runbook.id in library.supersedes(other.id)
            and (other.applies(record) or any(other.applies(one) and hides_elsewhere(other, one) for one in siblings))
        )
    return Explanation(
        runbook=runbook,
        source_fits=record.get("source") in runbook.source,
        match=tuple(_try(selection, record) for selection in runbook.match),
        unless=tuple(_try(selection, record) for selection in runbook.unless),
        superseded_by=superseded_by,
        causes=weigh(runbook.causes, record),
    )


def _try(selection: Selection, record: Facts) -> SelectionResult:
    return SelectionResult(selection.where, tuple(condition.explain(record) for condition in selection.conditions))


def _share(selection: SelectionResult) -> float:
    """The part of a selection's conditions that hold."""
    return sum(result.matched for result in selection.results) / len(selection.results)
