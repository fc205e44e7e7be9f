"""What is reported as a server's latency beside its own timestamps; it is another process, and all ask at once."""

from __future__ import annotations

import shutil
import sys

import pytest

from icapdiag.probe.connection.stream import kernel_stamps
from tests.bench.bench_latency import Compared, compared

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the servers stamp by Linux's means"),
    pytest.mark.realtime,
]
stamped = pytest.mark.skipif(not kernel_stamps(), reason="this kernel gives no arrival times")
MEMBERS = 100


def vouched_for(found: list[Compared]) -> list[Compared]:
    assert 2 * MEMBERS == len(found)
    return [each for each in found if not each.uncertain]


@stamped
@pytest.mark.parametrize(
    ("delay_ms", "pace", "tls"),
    [(0.0, 0.0, False), (20.0, 0.0, False), (20.0, 0.0005, False), (0.0, 0.0, True), (20.0, 0.0, True)],
)
def test_figures_are_the_servers_or_are_marked(*, delay_ms: float, pace: float, tls: bool) -> None:
    need = "openssl" if tls else "cc"
    if shutil.which(need) is None:
        pytest.skip(f"takes {need}")
    found = compared(MEMBERS, delay_ms, pace, tls=tls, kernel=True)
    sure = vouched_for(found)

    assert [] == [each for each in sure if each.wrong]
    if delay_ms:
        assert len(sure) > len(found) / 2
        assert 20.0 <= min(each.reported for each in sure)


@pytest.mark.skipif(shutil.which("cc") is None, reason="takes cc")
def test_without_the_kernels_times_a_busy_loop_vouches_for_little() -> None:
    """No bound: a process that is not let run can't tell. Before the polls were watched it was one in ten."""
    found = compared(MEMBERS, 0.0, 0.0, tls=False, kernel=False)

    assert {"application"} == {each.clock for each in found}
    assert sum(each.wrong for each in vouched_for(found)) <= len(found) / 50
