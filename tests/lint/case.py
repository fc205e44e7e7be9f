"""What a mistake in a right configuration leads to."""

from __future__ import annotations

from typing import NamedTuple

from icapdiag.vocabulary import CauseStatus
from tests.lint.right import Mistake

PROVEN, LIKELY, POSSIBLE = CauseStatus.PROVEN, CauseStatus.LIKELY, CauseStatus.POSSIBLE


class Case(NamedTuple):
    """A mistake, the finding that it leads to, the cause that comes first, and the field that is named."""

    mistake: Mistake
    finding: str
    cause: str
    status: CauseStatus
    field: str
    value: str | None
