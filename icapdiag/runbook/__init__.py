"""What is known about failures: runbooks, and the matching of observations to them."""

from __future__ import annotations

from icapdiag.mistakes import Located
from icapdiag.runbook.document import Runbook, RunbookError
from icapdiag.runbook.library import Library, UnknownRunbook, builtin_directory
from icapdiag.runbook.loading import load_runbooks
from icapdiag.runbook.match import Matched, explaining, match

__all__ = [
    "Library",
    "Located",
    "Matched",
    "Runbook",
    "RunbookError",
    "UnknownRunbook",
    "builtin_directory",
    "explaining",
    "load_runbooks",
    "match",
]
