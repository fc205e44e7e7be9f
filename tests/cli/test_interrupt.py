"""The second Ctrl-C: the program ends at once, from whatever depth of tasks it hits."""

from __future__ import annotations

from typing import NoReturn

import pytest
import trio

from icapdiag.cli.check.run import under_trio


async def interrupted(depth: int) -> NoReturn:
    if depth:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(interrupted, depth - 1)
    raise KeyboardInterrupt


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_an_interruption_is_no_group(depth: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        under_trio(interrupted, depth)


async def buggy() -> NoReturn:
    async with trio.open_nursery():
        raise ZeroDivisionError


def test_a_bug_keeps_its_trace() -> None:
    with pytest.raises(ExceptionGroup):
        under_trio(buggy)
