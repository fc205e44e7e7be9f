"""A simulated Controller whose virtual services have 2,000 entries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controller.pulls import TRUTH
from tests.controller.simulated.controller import Controller


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with Controller.serving(tmp_path, TRUTH) as found:
        yield found
