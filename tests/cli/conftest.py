"""A log of twenty entries, which the tests of ``explain`` read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.logs import lines, twenty


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "log.json"
    file.write_text(lines(twenty()))
    return file
