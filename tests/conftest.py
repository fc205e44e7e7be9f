"""Rules for the whole suite: how tests are shared out, how far made-up examples go, and when a skip is a failure."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.examples import PROFILE, examples

_TESTS = Path(__file__).parent
_INTEROP = _TESTS / "interop"
NO_SKIPS = bool(os.environ.get("ICAPDIAG_NO_SKIPS"))
NO_EVIDENCE = "the evidence is not beside this checkout"  # the one reason to skip a test that always holds

# Signals that whoever started the tests ignores (nohup, a job in the background) are ignored by what they start, too.
for _signal, _default in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, _default)

# No example has a deadline: how long one takes depends on what else the machine does.
settings.register_profile(PROFILE, deadline=None, max_examples=examples(150))
settings.load_profile(PROFILE)

_ON_C_ICAP = tuple(f"tests/interop/test_{name}" for name in ("c_icap", "deep_c_icap", "healthy_c_icap", "html_report"))
# Started first, since their files take longest; within a folder by name.
_FIRST = ("interop", "probe", "cli", "e2e", "lab", "logs")


def _scope(nodeid: str) -> str:
    """Tests of one scope run on one worker: those of a file; all that share c-icap servers, and ClamAV's signature."""
    file = nodeid.partition("::")[0]
    return "c-icap" if file.startswith(_ON_C_ICAP) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    config.option.loadscopereorder = False  # our order is by time, not by the number of tests
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _scope
    return scheduler


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One file, or one test, is run without workers: they take longer to start. One more than cores, as servers are
    waited for much of the time.
    """
    if all(".py" in argument for argument in config.args):
        return 0
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """The key to pseudonyms is the user's: the tests have their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "realcases" not in config.option.markexpr:  # whoever does not name them does not mean them
        left_out = [item for item in items if item.get_closest_marker("realcases")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        if item.path.is_relative_to(_INTEROP):
            item.add_marker(pytest.mark.interop)
    items.sort(key=_rank)  # stable


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(_TESTS).parts[0]
    return _FIRST.index(folder) if folder in _FIRST else len(_FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.endswith(NO_EVIDENCE):
            report.outcome = "failed"
            report.longrepr = f"{reason}\nICAPDIAG_NO_SKIPS is set: no test may be skipped for this reason."
    return report
