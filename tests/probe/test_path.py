"""path: when it looks again, and which answers it takes for lost ones."""

from __future__ import annotations

import pytest

from icapdiag.facts.connection import TCP, Path, Transfer
from icapdiag.facts.standard import Options, Sample
from icapdiag.probe.base import Context, Settings, ok
from icapdiag.probe.probes import path
from icapdiag.probe.probes.path import Answered
from tests.probe.fakes import member, pool_of


def context_of(*, options_ms: float, scan_ms: float, rtt_ms: float = 0.1, met: Path | None = None) -> Context:
    one = member(1344)
    context = Context(pool=pool_of(one), member=one, settings=Settings(), path=met or Path(connections=2))
    context.outcomes["tcp"] = ok(TCP(rtt_ms=rtt_ms)), rtt_ms
    context.outcomes["options"] = ok(Options(transfer=Transfer(answer_ms=options_ms))), options_ms
    context.outcomes["clean"] = ok(Sample(transfer=Transfer(answer_ms=scan_ms))), scan_ms
    return context


@pytest.mark.parametrize(
    ("times", "needed"),
    [
        pytest.param((0.3, 0.5, 0.1), False, id="fast"),
        pytest.param((0.3, 900.0, 0.1), False, id="a scan that takes its time"),
        pytest.param((320.0, 330.0, 160.0), False, id="a long way"),
        pytest.param((450.0, 440.0, 0.1), False, id="a slow server"),
        pytest.param((120.0, 0.5, 0.1), False, id="OPTIONS a little slower"),
        pytest.param((204.0, 0.5, 0.1), True, id="OPTIONS as late as a packet that is sent again"),
        pytest.param((1204.0, 80.0, 40.0), True, id="the same after a second, on a long way"),
    ],
)
def test_what_time_alone_makes_it_look_again(times: tuple[float, float, float], needed: bool) -> None:
    options_ms, scan_ms, rtt_ms = times

    assert needed is not path.PROBE.unneeded(context_of(options_ms=options_ms, scan_ms=scan_ms, rtt_ms=rtt_ms))


@pytest.mark.parametrize("met", [Path(segments_lost=1), Path(out_of_order=1), Path(sent_twice=1)])
def test_what_the_kernel_counted_makes_it_look_again(met: Path) -> None:
    assert not path.PROBE.unneeded(context_of(options_ms=0.3, scan_ms=0.5, met=met))


@pytest.mark.parametrize(
    ("late", "rtt_ms", "lost"),
    [
        pytest.param([Answered(205.0, gap=True)], 0.1, 1, id="behind a gap"),
        pytest.param([Answered(205.0, twice=True), Answered(420.0, twice=True)], 0.1, 2, id="ours arrived twice"),
        pytest.param([Answered(102.0, gap=True)], 50.0, 1, id="asked for by what came behind it"),
        pytest.param([Answered(0.3, gap=True)] * 5, 0.1, 0, id="reordering"),
        pytest.param([Answered(60.0, gap=True)] * 5, 50.0, 0, id="reordering on a long way"),
        pytest.param([Answered(205.0)], 0.1, 0, id="late without a gap"),
        pytest.param([], 0.1, 0, id="none"),
    ],
)
def test_which_answers_were_lost(late: list[Answered], rtt_ms: float, lost: int) -> None:
    assert lost == path.answers_lost([Answered(rtt_ms)] * 6 + late, rtt_ms)


def test_a_slow_server_and_reordering_is_no_loss() -> None:
    assert 0 == path.answers_lost([Answered(420.0, gap=True)] * 12, 0.1)
    assert 0 == path.answers_lost([], 0.1)


@pytest.mark.parametrize(
    ("times", "late"),
    [
        ([0.3] * 8 + [203.0, 204.0, 1008.0], 3),
        ([40.3] * 8 + [243.0, 264.0, 641.0], 3),
        ([0.3] * 8 + [203.0, 204.0, 120.0], 0),
        ([0.3] * 8 + [203.0, 340.0, 470.0], 0),
        ([5.0, 9.0, 18.0, 11.0], 0),
        ([420.0] * 12, 0),
        ([], 0),
    ],
)
def test_answers_that_are_late_by_the_steps_of_a_kernels_clock(times: list[float], late: int) -> None:
    assert late == path.answers_late([Answered(each) for each in times])
