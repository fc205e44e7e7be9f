"""Whose time is in a figure: the server's, or our own event loop's."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

import pytest
import trio

from icapdiag.facts import to_plain
from icapdiag.facts.connection import Transfer
from icapdiag.lab.certificates import write_ca_and_contexts
from icapdiag.pool import TLS
from icapdiag.probe.base import Settings
from icapdiag.probe.connection.loop import LoopDelay, Occupation, Polls, occupation
from icapdiag.probe.connection.stream import Handover, TimestampedStream, kernel_stamps, transport_of, want_stamps
from icapdiag.probe.connection.tcp import connect
from icapdiag.probe.connection.timing import Stopwatch, watched_loop
from icapdiag.probe.running.runner import probe_pool
from tests.probe.fakes import ScriptedStream, member, pool_of

stamped = pytest.mark.skipif(not kernel_stamps(), reason="this kernel gives no arrival times")
SETTINGS = Settings(connect_timeout=30, timeout=30, deadline=99)
SENT_NS = 1_800_000_000 * 10**9  # of the wall clock, when the request goes out


@pytest.fixture
def stamping() -> Iterator[None]:
    """The kernel's stamping, switched on: it takes a moment after the first socket that asks for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        want_stamps(sock)
        for _ in range(1_000_000):
            sock.sendto(b"x", sock.getsockname())
            if any(kind == 35 for _, kind, _ in sock.recvmsg(1, 100)[1]):
                break
        yield


@asynccontextmanager
async def answering(data: bytes, *, after: float = 0.0) -> AsyncIterator[TimestampedStream]:
    """A connection whose peer sends this once something has come, ``after`` seconds later."""

    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await trio.sleep(after)
        await stream.send_all(data)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        stream = await connect("127.0.0.1", listeners[0].socket.getsockname()[1], SETTINGS)
        async with stream:
            yield stream
        nursery.cancel_scope.cancel()


class ScriptedTransport(TimestampedStream):
    """What the kernel says of a request and its answer; nothing is sent."""

    def __init__(self) -> None:
        self.arrived_ns = self.arrived_after = self.handed_over = None


def figures(
    monkeypatch: pytest.MonkeyPatch, *, handed_over: tuple[float, float], arrived: float | None, seen: float
) -> Transfer:
    """The facts of one answer. All times in seconds after the request was about to be sent.

    ``handed_over``: right before and right after the kernel took it; ``arrived``: when the kernel took in the
    answer, None if it does not say; ``seen``: when the program came to read it.
    """

    async def run() -> Transfer:
        start = trio.current_time()
        monkeypatch.setattr(time, "time_ns", lambda: SENT_NS + round((trio.current_time() - start) * 1e9))
        watch, transport = Stopwatch(), ScriptedTransport()
        watch.sending(transport)
        begin, end = handed_over
        transport.handed_over = Handover(SENT_NS + round(begin * 1e9), SENT_NS + round(end * 1e9), start + begin)
        transport.arrived_ns = None if arrived is None else SENT_NS + round(arrived * 1e9)
        clock.jump(seen)
        watch.received(transport)
        return watch.facts()

    clock = trio.testing.MockClock()
    return trio.run(run, clock=clock)


def test_our_own_delay_is_not_in_the_kernels_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop is busy with others before it hands the request over, and again when the answer is there."""
    facts = figures(monkeypatch, handed_over=(0.2, 0.2), arrived=0.22, seen=0.42)

    assert Transfer(answer_clock="kernel", answer_ms=20.0, answer_application_ms=420.0) == facts


@pytest.mark.parametrize("arrived", [-3600.0, 3600.0, 0.0999, 0.4201])
def test_a_stamp_from_before_the_request_or_from_the_future_is_no_stamp(
    arrived: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = figures(monkeypatch, handed_over=(0.1, 0.1), arrived=arrived, seen=0.42)

    assert ("application", 320.0, True) == (facts.answer_clock, facts.answer_ms, facts.answer_uncertain)


@pytest.mark.parametrize("arrived", [0.1, 0.42])
def test_a_stamp_of_the_very_moment_is_one(arrived: float, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "kernel" == figures(monkeypatch, handed_over=(0.1, 0.1), arrived=arrived, seen=0.42).answer_clock


@pytest.mark.parametrize(("took_ms", "expected"), [(0.9, None), (1.1, True), (30.0, True)])
def test_a_request_that_took_long_to_hand_over_makes_the_figure_uncertain(
    took_ms: float, expected: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somewhere in between the kernel sent it: nobody knows when."""
    facts = figures(monkeypatch, handed_over=(0.0, took_ms / 1000), arrived=0.02, seen=0.02)

    assert ("kernel", 20.0, expected) == (facts.answer_clock, facts.answer_ms, facts.answer_uncertain)


@stamped
@pytest.mark.realtime
async def test_a_real_kernel_stamps_an_answer_that_the_loop_was_too_busy_to_read(stamping: None) -> None:
    async with answering(b"hello", after=0.02) as stream:
        watch = Stopwatch()
        watch.sending(stream)
        time.sleep(0.2)  # noqa: ASYNC251 - the loop is busy with others, while TLS waits for its turn
        await stream.send_all(b"x")
        with trio.fail_after(5):
            await trio.lowlevel.wait_readable(stream.socket)
        time.sleep(0.2)  # noqa: ASYNC251 - this is the loop being busy
        assert b"hello" == await stream.receive_some(100)
        watch.received(stream)
        facts = watch.facts()

    assert "kernel" == facts.answer_clock
    assert isinstance(facts.answer_ms, float)
    assert isinstance(facts.answer_application_ms, float)
    assert 20 <= facts.answer_ms < 150
    assert facts.answer_application_ms >= 400


@pytest.mark.parametrize(
    ("polls", "earliest"),
    [
        ([(0.0, 1.0)], 1.0),  # it waited: what it was told of had just come
        ([(0.0, 1.0), (1.3, 1.3)], 1.0),  # it did not: that may have come while the loop was busy
        ([(0.0, 1.0), (1.3, 1.3), (1.5, 1.5)], 1.3),
        ([(0.0, 1.0), (1.3, 1.3), (1.5, 1.9)], 1.9),
    ],
)
def test_what_a_poll_did_not_wait_for_may_have_been_there_since_the_last(
    polls: list[tuple[float, float]], earliest: float
) -> None:
    async def run() -> float:
        watch = Polls()
        now = 0.0
        for asked, told in polls:
            clock.jump(asked - now)
            watch.before_io_wait(0.0)
            clock.jump(told - asked)
            watch.after_io_wait(0.0)
            now = told
        return watch.earliest - start

    clock = trio.testing.MockClock()
    start = clock.current_time()
    assert pytest.approx(earliest) == trio.run(run, clock=clock)


async def test_the_first_bytes_are_the_ones_that_count() -> None:
    async with answering(b"hello") as stream:
        moments = [stream.handed_over]
        start = time.time_ns()
        for text in (b"x", b"y"):
            await stream.send_all(text)
            moments.append(stream.handed_over)
        stream.handed_over = None
        await stream.send_all(b"z")
        moments.append(stream.handed_over)

    before, first, second, anew = moments
    assert before is None
    assert first is not None
    assert start <= first.begin_ns <= first.end_ns <= time.time_ns()
    assert second == first
    assert anew is not None
    assert first.end_ns <= anew.begin_ns


async def test_more_than_the_kernel_takes_at_once_is_sent_whole() -> None:
    size = 8 * 1024 * 1024
    got = 0

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal got
        await trio.sleep(0.05)
        async for data in stream:
            got += len(data)
        await stream.send_all(b"done")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        stream = await connect("127.0.0.1", listeners[0].socket.getsockname()[1], SETTINGS)
        async with stream:
            await stream.send_all(bytearray(size))
            await stream.send_eof()
            assert b"done" == await stream.receive_some()
        nursery.cancel_scope.cancel()

    assert size == got


async def test_closing_ends_who_waits_on_the_stream() -> None:
    async with answering(b"") as stream, trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await stream.receive_some()

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()
        for use in (stream.send_all(b"x"), stream.send_eof(), stream.wait_send_all_might_not_block()):
            with pytest.raises(trio.ClosedResourceError):
                await use


async def test_the_stream_reads_to_the_end_and_tells_a_reset() -> None:
    async with answering(b"hello") as stream:
        await stream.send_all(b"x")
        assert b"hello" == await stream.receive_some()
        assert b"" == await stream.receive_some()
        await stream.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()


def waited(delay: float, *, watched: bool = True) -> Transfer:
    """The facts of an answer after 100 ms in a loop that is ``delay`` seconds late."""

    async def run() -> Transfer:
        async with watched_loop() if watched else nullcontext():
            await trio.sleep(0.02)
            watch = Stopwatch()
            watch.sending(ScriptedStream([]))
            await trio.sleep(0.1)
            clock.jump(delay)
            watch.received(ScriptedStream([]))
            return watch.facts()

    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(run, clock=clock)


@pytest.mark.parametrize(("delay", "expected"), [(0.0, None), (0.004, None), (0.05, True), (3.0, True)])
def test_without_a_kernel_clock_a_sentinel_says_when_the_loop_was_late(delay: float, expected: bool | None) -> None:
    facts = waited(delay)

    assert "application" == facts.answer_clock
    assert pytest.approx((0.1 + delay) * 1000) == facts.answer_ms
    assert expected == facts.answer_uncertain


def test_what_nobody_watched_is_not_vouched_for() -> None:
    assert waited(0.0, watched=False).answer_uncertain is True


def test_a_delay_from_before_the_request_does_not_count(autojump_clock: trio.testing.MockClock) -> None:
    delay = LoopDelay()
    delay._late.extend([(10.0, 5.0), (20.0, 0.001)])

    async def since(moment: float) -> float:
        return delay.since(moment)

    assert 0.001 == trio.run(since, 15.0, clock=trio.testing.MockClock())


def test_a_100_continue_is_not_the_answer() -> None:
    async def run() -> Transfer:
        watch = Stopwatch()
        watch.sending(ScriptedStream([]))
        await trio.sleep(0.1)
        watch.received(ScriptedStream([]))
        watch.continued()
        assert Transfer() == watch.facts()
        await trio.sleep(0.2)
        watch.received(ScriptedStream([]))
        await trio.sleep(0.4)
        watch.received(ScriptedStream([]))
        return watch.facts()

    facts = trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert pytest.approx(300) == facts.answer_ms


@stamped
async def test_under_tls_the_stamp_is_that_of_the_stream_beneath(tmp_path: Path, stamping: None) -> None:
    ca_file, contexts = write_ca_and_contexts(tmp_path, "127.0.0.1")

    async def serve(stream: trio.SocketStream) -> None:
        wrapped = trio.SSLStream(stream, contexts["healthy"], server_side=True)
        data = b""
        while not data.endswith((b"null-body=0\r\n\r\n", b"ieof\r\n\r\n")):
            data += await wrapped.receive_some(4096)
        await wrapped.send_all(b'ICAP/1.0 204 No Content\r\nISTag: "a"\r\n\r\n')

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        tls = TLS(ca_file=ca_file)
        results = await probe_pool(pool_of(member(listeners[0].socket.getsockname()[1], tls=tls)), SETTINGS)
        nursery.cancel_scope.cancel()

    facts = {o.probe: to_plain(o.facts) for o in results.observations}
    assert ["kernel", "kernel"] == [facts[probe]["answer_clock"] for probe in ("options", "clean")]
    for probe in ("options", "clean"):
        kernel, ours = facts[probe]["answer_ms"], facts[probe]["answer_application_ms"]
        assert isinstance(kernel, float)
        assert isinstance(ours, float)
        assert 0 <= kernel <= ours + 1


def test_other_streams_have_no_stamp() -> None:
    assert transport_of(ScriptedStream([])) is None
    assert kernel_stamps() == (sys.platform == "linux")


def test_how_busy_the_event_loop_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 4.0, 5.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    watched = Occupation()
    watched.before_io_wait(9.0)
    watched.after_io_wait(9.0)

    assert 1 - 3 / 5 == watched.share


async def test_the_event_loop_is_watched_inside_the_block_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def now() -> float:
        looks.append(float(len(looks)))
        return looks[-1]

    monkeypatch.setattr(time, "perf_counter", now)
    with occupation() as watched:
        await trio.sleep(0.001)
        assert 0 < watched.share < 1
    seen = len(looks)
    await trio.sleep(0.001)

    assert seen == len(looks)
