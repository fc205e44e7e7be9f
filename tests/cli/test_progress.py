"""Progress of the probes: how far they are and how long the rest will take, and gone at the end."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from icapdiag.cli.check.run import draw
from icapdiag.cli.progress import ProbingProgress
from icapdiag.pool import Member

MEMBER = Member(host="10.0.0.5", port=1344, name="10.0.0.5:1344")


async def probed(progress: ProbingProgress, members: int, *, at_once: int, each: float) -> None:
    """As many members as that, so many at a time, each taking so many seconds."""
    limiter = trio.CapacityLimiter(at_once)

    async def one() -> None:
        async with limiter:
            progress.member_started(MEMBER)
            await trio.sleep(each)
            progress.member_finished(MEMBER)

    async with trio.open_nursery() as nursery:
        for _ in range(members):
            nursery.start_soon(one)


async def drawn(progress: ProbingProgress, members: int, *, at_once: int, each: float) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(draw, progress)
        await probed(progress, members, at_once=at_once, each=each)
        nursery.cancel_scope.cancel()


async def test_the_rest_is_guessed_from_what_is_done(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    await drawn(ProbingProgress(5000), 5000, at_once=1000, each=4.0)

    lines = capsys.readouterr().err.split("\r\x1b[K")
    said = {line.split(" in flight, ")[1]: line for line in lines if line}
    assert "0 of 5000 members done, 1000 in flight, 3.0 s" == said["3.0 s"]
    assert "1000 of 5000 members done, 1000 in flight, 4.2 s, about 17 s left" in said.values()
    assert "3000 of 5000 members done, 1000 in flight, 12.2 s, about 8 s left" in said.values()
    assert "4000 of 5000 members done, 1000 in flight, 16.2 s" == said["16.2 s"]
    assert "" == lines[-1]
    assert max(map(len, lines)) < 80


async def test_a_rate_that_takes_minutes_is_told_in_minutes(autojump_clock: trio.testing.MockClock) -> None:
    progress = ProbingProgress(5000)
    await probed(progress, 500, at_once=1, each=0.1)

    assert "500 of 5000 members done, 0 in flight, 50.0 s, about 7 min 30 s left" == progress.line(50.0)


@pytest.mark.parametrize(("done", "elapsed"), [(0, 60.0), (4, 60.0), (50, 2.0)])
async def test_too_little_to_go_by_is_no_guess(
    done: int, elapsed: float, autojump_clock: trio.testing.MockClock
) -> None:
    progress = ProbingProgress(100)
    await probed(progress, done, at_once=10, each=0.1)

    assert f"{done} of 100 members done, 0 in flight, {elapsed:.1f} s" == progress.line(elapsed)
