"""What tests of runbooks share."""

from __future__ import annotations

import pytest

from icapdiag.runbook import Library, load_runbooks


@pytest.fixture(scope="module")
def library() -> Library:
    """The program's own runbooks."""
    return load_runbooks()
