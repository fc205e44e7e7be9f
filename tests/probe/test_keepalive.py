"""Two uploads on one connection: what a server may make of them, and what is said about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from icapdiag.facts.fields import fields
from icapdiag.icap.samples import eicar
from icapdiag.lab import serve_lab
from icapdiag.model import Facts
from icapdiag.pool import loads_pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.base import Context, Probe, ok
from icapdiag.probe.probes import keepalive
from icapdiag.probe.running.catalogue import choose
from icapdiag.vocabulary import Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of, sheet
from tests.probe.test_runner import DNS
from tests.runbook.test_fields import fits

ALLOWED = b'ICAP/1.0 204 No Content\r\nISTag: "a"\r\n\r\n'
Serve = Callable[[trio.SocketStream], Awaitable[None]]


def script(answers: Sequence[bytes], *, then: float | None = 0.0) -> Serve:
    """Answers one request after the other, then closes after so many seconds, or never."""

    async def serve(stream: trio.SocketStream) -> None:
        seen = b""
        for answer in answers:
            while not seen.endswith((b"\r\n0\r\n\r\n", b"; ieof\r\n\r\n")):
                data = await stream.receive_some()
                if not data:
                    return
                seen += data
            seen = b""
            await stream.send_all(answer)
        await trio.sleep(60 if then is None else then)
        await stream.send_eof()

    return serve


async def probed(serve: Serve, *, virus: bool = False, timeout: float = 1.0, idle: float = 0.0) -> Any:  # noqa: ASYNC109
    """The facts of keepalive against the server, beside a clean probe that was let pass."""

    async def clean(_: Context) -> Any:
        return ok(sheet("clean", verdict="allowed"))

    alone = Probe(name="clean", run=clean, needs=("dns",))
    settings = Settings(eicar=virus, timeout=timeout, idle=idle)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        target = member(listeners[0].socket.getsockname()[1])
        results = await probe_pool(pool_of(target), settings, probes=(DNS, alone, keepalive.PROBE))
        nursery.cancel_scope.cancel()
    found = results.observations[-1]
    assert ("keepalive", Status.OK) == (found.probe, found.status)
    documented(facts_of(found))
    return facts_of(found)


def documented(facts: Facts) -> None:
    """Each fact is one that a runbook may look at."""
    strange = [
        name for name, value in facts.items() if name not in fields() or "keepalive" not in fields()[name].probes
    ]
    assert [] == strange
    assert [] == [name for name, value in facts.items() if value is not None and not fits(value, fields()[name])]
    assert facts["reuse"] in fields()["reuse"].values


@pytest.mark.parametrize(
    ("answers", "then", "reuse", "signs"),
    [
        ([ALLOWED, ALLOWED], 0.0, "honoured", []),
        ([ALLOWED, ALLOWED], None, "honoured", []),
        ([ALLOWED], 0.0, "closed", []),
        ([ALLOWED], 0.35, "closed", []),
        ([ALLOWED], None, "unanswered", []),
        ([ALLOWED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")], 0.0, "announced-close", []),
        ([ALLOWED + b"<html>blocked</html>", ALLOWED], None, "desynchronised", ["bytes-left-over"]),
        ([ALLOWED + b"\r\n", ALLOWED], None, "honoured", []),
        ([ALLOWED, b"HTTP/1.1 400 Bad Request\r\n\r\n"], None, "desynchronised", ["unreadable"]),
        ([ALLOWED, b"0\r\n\r\n" + ALLOWED], None, "desynchronised", ["unreadable"]),
    ],
)
async def test_what_becomes_of_the_second_request(
    answers: list[bytes], then: float | None, reuse: str, signs: list[str]
) -> None:
    facts = await probed(script(answers, then=then), timeout=0.5)

    assert (reuse, signs, 204) == (facts["reuse"], facts["desync_signs"], facts["first_status"])


async def test_what_was_left_over_is_kept() -> None:
    facts = await probed(script([ALLOWED + b"left", ALLOWED]))

    assert (4, "left") == (facts["extra_bytes"], facts["extra_excerpt"])


@pytest.mark.parametrize(("closes", "idle"), [(0.4, 1.5), (None, 0.4)])
async def test_the_idle_close_is_timed_when_asked_for(closes: float | None, idle: float) -> None:
    facts = await probed(script([ALLOWED, ALLOWED], then=closes), idle=idle)

    assert facts["idle_closed"] is (closes is not None)
    assert pytest.approx(closes or idle, abs=0.25) == facts["idle_close_s" if closes else "idle_waited_s"]


@pytest.mark.parametrize(
    ("virus", "sign"), [(True, "verdict-of-first"), (False, "body-of-first")], ids=["eicar", "harmless"]
)
async def test_an_answer_of_the_request_before_is_known_with_and_without_eicar(virus: bool, sign: str) -> None:
    async with serve_lab(["keepalive-desync", "healthy"]) as lab:
        pool = loads_pool(lab.pool_yaml.encode(), Path("lab"))
        results = await probe_pool(pool, Settings(eicar=virus), probes=choose(PROBES, only=["keepalive"]))

    wrong, right = (next(facts_of(o) for o in each.observations if o.probe == "keepalive") for each in results.members)
    assert ("desynchronised", [sign]) == (wrong["reuse"], wrong["desync_signs"])
    assert ("honoured", []) == (right["reuse"], right["desync_signs"])
    assert ("blocked" if virus else "allowed", "allowed") == (right["first_verdict"], right["second_verdict"])


async def test_eicar_is_sent_only_when_asked_for() -> None:
    seen: list[bytes] = []

    async def listening(stream: trio.SocketStream) -> None:
        async for data in stream:
            seen.append(bytes(data))
            await stream.send_all(ALLOWED)

    facts = await probed(listening)
    assert ("clean-clean", False) == (facts["pair"], eicar() in b"".join(seen))
    facts = await probed(listening, virus=True)
    assert ("eicar-clean", True) == (facts["pair"], eicar() in b"".join(seen))
