"""Rules for the whole suite: on a machine that must have the real servers, a skipped interop test is a failure."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

_INTEROP = Path(__file__).parent / "interop"
INTEROP_IS_REQUIRED = bool(os.environ.get("ICAPDIAG_REQUIRE_INTEROP"))


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """The key to pseudonyms is the user's: the tests have their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_INTEROP):
            item.add_marker(pytest.mark.interop)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if INTEROP_IS_REQUIRED and report.skipped and item.get_closest_marker("interop"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{reason}\nICAPDIAG_REQUIRE_INTEROP is set: an interop test must not be skipped."
    return report
