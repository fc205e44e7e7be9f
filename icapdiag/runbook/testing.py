"""Hold runbooks against their own examples, and against each other's."""

from __future__ import annotations

from dataclasses import dataclass

from icapdiag.model import Facts
from icapdiag.runbook.document import Runbook
from icapdiag.runbook.errors import Mark
from icapdiag.runbook.library import Library
from icapdiag.runbook.match import explaining
from icapdiag.runbook.why import why_not


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that does not match, or a counterexample that does.

    ``where`` is ``examples[0]``; ``message`` names the condition that decided and the value it saw.
    """

    runbook: str
    file: str
    mark: Mark
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.mark[0]}:{self.mark[1]}: {self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two runbooks that explain the same example, neither superseding the other."""

    first: str  # the runbook whose example it is
    second: str
    where: str  # "examples[0]"
    example: Facts


def run_examples(library: Library) -> tuple[Failure, ...]:
    """Every example that its runbook does not match and every counterexample that it does."""
    return tuple(failure for runbook in library.runbooks for failure in examples_of(runbook))


def examples_of(runbook: Runbook) -> list[Failure]:
    """The failures of one runbook."""
    failures: list[Failure] = []
    for index, record in enumerate(runbook.examples):
        reason = why_not(runbook, record)
        if reason is not None:
            failures.append(_failure(runbook, f"examples[{index}]", f"does not match: {reason}"))
    for index, record in enumerate(runbook.counterexamples):
        if runbook.applies(record):
            group = next(group for group in runbook.match if group.holds(record))
            failures.append(_failure(runbook, f"counterexamples[{index}]", f"matches by {group.where}"))
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


def _failure(runbook: Runbook, where: str, message: str) -> Failure:
    return Failure(runbook.id, runbook.path, runbook.mark(where), where, message)
