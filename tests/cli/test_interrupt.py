"""What a signal does: the first one asks for an end, the second Ctrl-C ends the program from whatever it hits."""

from __future__ import annotations

import signal
from typing import NoReturn

import pytest
import trio

from icapdiag.cli.check.run import under_trio
from icapdiag.cli.signals import signals, stopping, uninterrupted


async def interrupted(depth: int) -> NoReturn:
    if depth:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(interrupted, depth - 1)
    raise KeyboardInterrupt


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_an_interruption_is_no_group(depth: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        under_trio(interrupted, depth)


async def hit() -> NoReturn:
    """As if a signal came while trio's own code runs."""
    trio.lowlevel.current_trio_token().run_sync_soon(signal.default_int_handler, signal.SIGINT, None)
    await trio.sleep_forever()
    raise AssertionError


def test_an_interruption_of_trio_itself_is_no_mistake() -> None:
    with pytest.raises(KeyboardInterrupt):
        under_trio(hit)


@pytest.mark.parametrize("number", signals())
def test_the_first_signal_asks_and_the_next_insists(number: signal.Signals) -> None:
    woken: list[bool] = []
    with stopping() as stop:
        stop.wake = lambda: woken.append(stop())
        assert not stop()
        signal.raise_signal(number)
        assert [True] == woken
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_what_is_written_is_not_cut_in_two() -> None:
    with stopping() as stop:
        with uninterrupted():
            signal.raise_signal(signal.SIGHUP)
            assert not stop()
        assert stop()


def test_under_nohup_a_lost_terminal_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping() as stop:
            signal.raise_signal(signal.SIGHUP)
        assert not stop()
    finally:
        signal.signal(signal.SIGHUP, before)


async def buggy() -> NoReturn:
    async with trio.open_nursery():
        raise ZeroDivisionError


def test_a_bug_keeps_its_trace() -> None:
    with pytest.raises(ExceptionGroup):
        under_trio(buggy)
