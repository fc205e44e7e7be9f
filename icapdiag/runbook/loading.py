"""The runbooks of a run: ours as they were released, those of a site checked first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from icapdiag.mistakes import Located, in_file_order
from icapdiag.runbook.document import RunbookError
from icapdiag.runbook.library import Library, read_library


def load_runbooks(extra: Sequence[Path] = ()) -> Library:
    """Our runbooks, and those of the folders (or files) ``extra``, the last of one id winning.

    Site runbooks are linted too, as a rule that never matches is worse than none; ours were before release.
    Raises `RunbookError` with every problem of every file.
    """
    errors: list[Located] = []
    library = read_library(extra, errors, sound=True)
    if extra:
        from icapdiag.runbook.lint import lint  # noqa: PLC0415 - most runs have no use for it

        errors += lint(library, built_in=False)
    if errors:
        raise RunbookError(in_file_order(errors))
    return library
