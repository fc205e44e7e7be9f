"""Hold runbooks against their own examples, and against each other's."""

from __future__ import annotations

from dataclasses import dataclass

from icapdiag.mistakes import Located
from icapdiag.model import Facts
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.library import Library
from icapdiag.runbook.match import explaining
from icapdiag.runbook.why import why_not


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two runbooks that explain the same example, neither superseding the other."""

    first: str  # the runbook whose example it is
    second: str
    where: str  # "examples[0]"
    example: Facts


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
    for index, record in enumerate(runbook.counterexamples):
        if runbook.applies(record):
            selection = next(selection for selection in runbook.match if selection.holds(record))
            failures.append(runbook.located(f"counterexamples[{index}]", f"matches by {selection.where}"))
    return failures


def overlaps(library: Library) -> tuple[Overlap, ...]:
    """Pairs of runbooks that would both be reported for an example of the first.

    Not always wrong (two things may be amiss at once), but worth a person's look.
    """
    return tuple(
        Overlap(runbook.id, other.id, f"examples[{index}]", record)
        for runbook in library.runbooks
        for index, record in enumerate(runbook.examples)
        for reported in [explaining(library, record)]
        if runbook in reported
        for other in reported
        if other is not runbook
    )
