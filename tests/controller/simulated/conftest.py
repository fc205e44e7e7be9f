"""A simulated Controller, and a session with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controller.simulated.client import Client
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.inventory import Inventory
from tests.controller.simulated.truth import Truth

TRUTH = Truth(2000)


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with Controller.serving(tmp_path, TRUTH, inventory=Inventory(other_services=30)) as found:
        yield found


@pytest.fixture
def client(controller: Controller) -> Iterator[Client]:
    with Client(controller) as found:
        found.login()
        yield found
