"""What tests of sending share."""

from __future__ import annotations

import pytest

from tests.report.attach.sending import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
