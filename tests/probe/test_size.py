"""The size probe over real connections, to the lab and to servers of a few lines."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

from icapdiag.facts import to_plain
from icapdiag.lab import serve_lab
from icapdiag.lab.request_faults import LIMIT
from icapdiag.model import Observation
from icapdiag.pool import loads_pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.base import Context, ok
from icapdiag.probe.probes import size
from icapdiag.probe.probes.size import send_upload
from icapdiag.probe.probes.size_search import Upload
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.plan import plan_pool
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of, sheet

MIB = 1024 * 1024
CONTINUE = b"ICAP/1.0 100 Continue\r\n\r\n"
ONLY = choose(PROBES, only=["size", "eicar"])


async def sizes_of(*names: str, **changes: object) -> dict[str, Observation]:
    """What the size probe has to say of these members of the lab."""
    settings = replace(Settings(eicar=True, timeout=5), **changes)
    async with serve_lab(names) as lab:
        results = await probe_pool(loads_pool(lab.pool_yaml.encode(), Path("lab")), settings, probes=ONLY)
    return {o.member: o for o in results.observations if o.probe == "size"}


@asynccontextmanager
async def served(
    handler: Callable[[trio.SocketStream], Awaitable[None]], *, room: int | None = None
) -> AsyncIterator[Context]:
    """A context for a server that does this with each connection; ``room``: its receive buffer, in bytes."""
    sock = trio.socket.socket()
    if room is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    await sock.bind(("127.0.0.1", 0))
    sock.listen(8)
    port = sock.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, handler, [trio.SocketListener(sock)]))
        yield Context(pool=pool_of(member(port)), member=member(port), address="127.0.0.1",
                      settings=Settings(timeout=0.3, connect_timeout=1))  # fmt: skip
        nursery.cancel_scope.cancel()


async def test_limits_of_the_lab_are_found_to_the_size() -> None:
    found = await sizes_of(
        "size-limit-pass", "size-limit-unread", "size-limit-error", "size-limit-block", "size-limit-drop"
    )

    pairs = {
        "size-limit-pass": ("eicar_found_size", "eicar_passed_size"),
        "size-limit-unread": ("size_read", "size_unread"),
        "size-limit-error": ("size_passed", "size_failed"),
        "size-limit-block": ("size_passed", "size_failed"),
        "size-limit-drop": ("size_passed", "size_failed"),
    }
    for name, (below, above) in pairs.items():
        facts = facts_of(found[name])
        low, high = facts[below], facts[above]
        assert isinstance(low, int)
        assert isinstance(high, int)
        assert low <= LIMIT < high <= low * 1.04, name
    failures = {name: facts_of(o).get("size_failure") for name, o in found.items()}
    assert ["status", "refused", "dropped"] == [failures[f"size-limit-{kind}"] for kind in ("error", "block", "drop")]
    assert 413 == facts_of(found["size-limit-error"])["size_failure_status"]


async def test_every_size_has_its_time_and_the_clock_it_is_by() -> None:
    (observation,) = (await sizes_of("healthy")).values()
    uploads = facts_of(observation)["sizes_tried"]

    assert isinstance(uploads, list)
    assert [0, 1, 1024, 1400, 4096, 65536, 524288] == [upload["size"] for upload in uploads]
    assert {("ok", 204, "allowed", None, True)} == {
        (upload["status"], upload["icap_status"], upload["verdict"], upload["reason"], upload["read"])
        for upload in uploads
    }
    assert all(upload["answer_ms"] > 0 and upload["answer_clock"] in {"kernel", "application"} for upload in uploads)


async def test_eicar_is_sent_only_when_it_may() -> None:
    async with serve_lab(["healthy"]) as lab:
        pool = loads_pool(lab.pool_yaml.encode(), Path("lab"))
        results = await probe_pool(pool, Settings(), probes=choose(PROBES, only=["size"]))
        plan = plan_pool(pool, Settings(), choose(PROBES, only=["size"]))
    facts = facts_of(next(o for o in results.observations if o.probe == "size"))

    assert not {"eicar_sizes_tried", "eicar_form", "eicar_found_size"} & facts.keys()
    assert not any("EICAR" in p.condition for step in plan.members[0].steps for p in step.planned)


@pytest.mark.parametrize(("buffer_kb", "max_size", "expected"), [(512, 8 * MIB, 512 * 1024), (51_200, 3000, 3000)])
async def test_nothing_is_longer_than_buffer_size_and_max_size(buffer_kb: int, max_size: int, expected: int) -> None:
    pool = pool_of(member(1), change=lambda profile: replace(profile, buffer_size=buffer_kb))
    context = Context(pool=pool, member=member(1), settings=Settings(max_size=max_size, eicar=True))

    assert expected == size.most(context)
    sizes = [m.body_size or 0 for p in size.PROBE.plan(context) for m in p.messages]
    assert max(expected, 4096) == max(sizes)
    assert expected == max(
        m.body_size or 0 for p in size.PROBE.plan(context) if "EICAR" not in p.condition for m in p.messages
    )


async def test_the_deadline_ends_it_and_says_so() -> None:
    async def slow(stream: trio.SocketStream) -> None:
        await stream.receive_some(64 * 1024)
        await trio.sleep(0.1)
        await stream.send_all(b'ICAP/1.0 204 No Content\r\nISTag: "t"\r\n\r\n')

    async with served(slow) as context:
        context.due = trio.current_time() + 0.25
        context.outcomes["clean"] = ok(sheet("clean", verdict="allowed")), 1.0
        outcome = await size.PROBE.run(context)

    ladder = facts_of(outcome)["sizes_tried"]
    assert isinstance(ladder, list)
    assert (Status.OK, "deadline", True) == (outcome.status, facts_of(outcome)["stopped"], 0 < len(ladder) < 3)
    assert "size_failed" not in facts_of(outcome)


async def test_a_server_that_stops_reading_is_silent_and_nothing_was_lost() -> None:
    async def stalls(stream: trio.SocketStream) -> None:
        await stream.receive_some(100)
        await stream.send_all(CONTINUE)
        await trio.sleep(20)

    async with served(stalls, room=4096) as context:
        upload = await send_upload(context, "clean", 400_000)

    assert (Status.FAILED, Reason.TIMEOUT, "silent", False) == (upload.status, upload.reason, upload.lost, upload.read)
    assert ("silent", None) == (upload.ending("allowed"), upload.icap_status)


@pytest.mark.realtime
async def test_a_server_that_reads_slowly_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "_SLOWEST", 100 * MIB)

    async def sips(stream: trio.SocketStream) -> None:
        await stream.send_all(CONTINUE)
        data = await stream.receive_some(16 * 1024)
        while data:
            await trio.sleep(0.005)
            data = await stream.receive_some(16 * 1024)

    async with served(sips, room=4096) as context:
        context.settings = replace(context.settings, timeout=0.8)
        upload = await send_upload(context, "clean", 12 * MIB)

    assert (Status.FAILED, "slow") == (upload.status, upload.lost)
    assert upload.held_back is not None
    assert 50 <= upload.held_back <= 100
    assert upload.rate is not None
    assert 100_000 < upload.rate < 12 * MIB / 0.8


async def test_a_connection_that_is_refused_is_dropped() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        context = Context(pool=pool_of(member(port)), member=member(port), address="127.0.0.1", settings=Settings())
        upload = await send_upload(context, "clean", 10)

    assert (Status.FAILED, Reason.REFUSED, "dropped") == (upload.status, upload.reason, upload.ending("allowed"))


async def test_time_that_is_short_is_no_failure_of_the_server() -> None:
    async def waits(_: trio.SocketStream) -> None:
        await trio.sleep(20)

    async with served(waits) as context:
        context.due = trio.current_time() + 0.1
        upload = await send_upload(context, "clean", 10)

    assert upload.out_of_time


def test_the_record_has_what_charts_read() -> None:
    upload = Upload(sample="clean", size=5, status=Status.OK, icap_status=204, verdict="allowed", answer_ms=1.5,
                answer_clock="application", uncertain=True, read=True)  # fmt: skip

    assert {
        "size": 5,
        "status": "ok",
        "icap_status": 204,
        "answer_ms": 1.5,
        "answer_clock": "application",
        "verdict": "allowed",
        "reason": None,
        "read": True,
        "uncertain": True,
    } == to_plain(upload.record())


def test_the_ladder_has_time_of_its_own_which_is_bounded() -> None:
    usual = size.PROBE.more_time(Settings())

    assert 60 < usual < 120
    assert size.PROBE.more_time(Settings(timeout=1, max_size=MIB)) < 11
