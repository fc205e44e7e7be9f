"""Load the runbooks, or say everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from icapdiag.runbook.errors import Located, RunbookError, in_file_order
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
