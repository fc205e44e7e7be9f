"""EICAR that passes is sent twice more: whether it was looked at, and when, is what tells its causes apart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio

from icapdiag.icap.message import Request
from icapdiag.icap.request import encode_response
from icapdiag.lab.connection import Connection
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.plan import plan_pool
from icapdiag.runbook import load_runbooks, match
from tests.facts import facts_of
from tests.probe.test_settling import CLEAN, causes, options, serving

SETTINGS = Settings(eicar=True, timeout=1, connect_timeout=1, deadline=5)
VIRUS_SCAN = {"Service": "C-ICAP/0.5.10 server - Antivirus service", "ISTag": '"CI0001-9OPRPm4oRCAVcJKwg9DiggAA"'}
PASSED, UNSEEN, BLOCKED = "passed", "passed-unseen", "blocked"
BLOCK = encode_response(
    200, "OK", (("ISTag", '"a"'), ("X-Infection-Found", "Type=0; Resolution=2; Threat=EICAR;")),
    http_response=b"HTTP/1.1 403 Forbidden\r\n\r\n", body=b"no",
)  # fmt: skip
Answer = Callable[[Connection, Request], Awaitable[bytes]]


async def looks_at_all_and_misses_it(connection: Connection, request: Request) -> bytes:
    if request.preview is not None and not request.ieof:
        await connection.rest()
    return CLEAN


async def judges_by_the_preview(_: Connection, request: Request) -> bytes:
    return CLEAN if request.preview is not None or b"EICAR" not in request.body else BLOCK


async def scans_no_such_type(_: Connection, __: Request) -> bytes:
    return CLEAN


async def blocks(connection: Connection, request: Request) -> bytes:
    return BLOCK if b"EICAR" in request.body else await looks_at_all_and_misses_it(connection, request)


@pytest.mark.parametrize(
    ("answer", "whole", "behind", "offers", "expected"),
    [
        (looks_at_all_and_misses_it, PASSED, PASSED, VIRUS_SCAN, ("pass-on-error", "possible")),
        (scans_no_such_type, PASSED, UNSEEN, VIRUS_SCAN, ("file-types", "likely")),
        (scans_no_such_type, PASSED, UNSEEN, {"Service": "Sophos ICAP"}, ("wrong-service", "possible")),
        (judges_by_the_preview, BLOCKED, UNSEEN, {"Preview": "1024"}, ("preview", "proven")),
        (judges_by_the_preview, BLOCKED, UNSEEN, {"Preview": "0"}, ("preview", "proven")),
    ],
)
async def test_what_it_tells_apart(
    answer: Answer, whole: str, behind: str, offers: dict[str, str], expected: tuple[str, str]
) -> None:
    async def serve(connection: Connection) -> None:
        if (request := await connection.request()) is not None:
            await connection.send(
                options(**offers) if request.method == "OPTIONS" else await answer(connection, request)
            )
            await connection.finish()

    async with serving(serve) as (pool, counters):
        most = plan_pool(pool, SETTINGS, choose(PROBES)).totals
        results = await probe_pool(pool, SETTINGS, probes=choose(PROBES))

    (again,) = [each for each in results.observations if each.probe == "eicar-again"]
    facts = facts_of(again)
    assert (whole, behind) == (facts["eicar_whole"], facts["eicar_beyond_preview"])
    assert expected == next(iter(causes(match(load_runbooks(), results.observations), "eicar-not-detected").items()))
    assert counters.connections <= most.connections_at_most


async def test_nothing_more_is_sent_where_it_was_blocked() -> None:
    async def serve(connection: Connection) -> None:
        if (request := await connection.request()) is not None:
            await connection.send(options() if request.method == "OPTIONS" else await blocks(connection, request))
            await connection.finish()

    async with serving(serve) as (pool, counters):
        with trio.fail_after(10):
            results = await probe_pool(pool, SETTINGS, probes=choose(PROBES))

    assert ["not-needed"] == [each.reason for each in results.observations if each.probe == "eicar-again"]
    assert 4 == counters.connections  # OPTIONS, a clean body, EICAR, EICAR in a form
