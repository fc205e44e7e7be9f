"""What is planned is what is sent, byte by byte, to a listener that records. `test_traffic` has the lab count it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import dns.message
import pytest
import trio
from msgspec.structs import replace

from icapdiag.facts.standard import EICAR_FORMS
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.pool import Member, Pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.base import Probe
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.plan import Plan, plan_pool
from tests.probe.fakes import member, pool_of
from tests.probe.resolvers import dns_server

SETTINGS = Settings(eicar=True, correlation_id="icapdiag-0123456789abcdef", timeout=2, connect_timeout=2, deadline=9)


class Recorder:
    """A server that takes what it gets, asks for the rest of every body, and counts."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests: list[bytes] = []

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        data = b""
        async for received in stream:
            data += received
            if data.startswith(b"OPTIONS") and data.endswith(b"\r\n\r\n"):
                await stream.send_all(
                    b'ICAP/1.0 200 OK\r\nISTag: "a"\r\nMethods: REQMOD\r\nEncapsulated: null-body=0\r\n\r\n'
                )
                break
            if not data.endswith(b"0\r\n\r\n") and not data.endswith(b"; ieof\r\n\r\n"):
                continue
            if b"\r\nPreview: " in data and data.count(b"0\r\n\r\n") == 1:
                await stream.send_all(b"ICAP/1.0 100 Continue\r\n\r\n")
                continue
            found = b'ICAP/1.0 200 OK\r\nISTag: "a"\r\nEncapsulated: res-hdr=0, null-body=26\r\n\r\n'
            blocked = found + b"HTTP/1.1 403 Forbidden\r\n\r\n"
            await stream.send_all(
                blocked if b"\r\nContent-Length: 68\r\n" in data else b'ICAP/1.0 204 No Content\r\nISTag: "a"\r\n\r\n'
            )
            break
        self.requests.append(data)
        await stream.aclose()


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[Recorder, int]]:
    recorder = Recorder()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, recorder.serve, 0, host="127.0.0.1"))
        yield recorder, listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("probes", [choose(PROBES), choose(PROBES, depth="quick"), choose(PROBES, only=["clean"])])
@pytest.mark.parametrize("preview", [None, 0, 16, 5000])
async def test_the_bytes_are_those_of_the_plan(probes: tuple[Probe, ...], preview: int | None) -> None:
    async with recording() as (recorder, port):
        pool = pool_of(
            member(port),
            change=lambda p: replace(p, enable_preview=preview is not None, preview_size=preview or 0),
        )
        plan = plan_pool(pool, SETTINGS, probes)
        await probe_pool(pool, SETTINGS, probes=probes)

    sums = plan.totals
    assert (sums.connections, sums.requests) == (recorder.connections, len(recorder.requests))
    planned = [found for step in plan.members[0].steps for found in step.planned if not found.condition]
    messages = [message for found in planned for message in found.messages]
    for message, sent in zip(messages, recorder.requests, strict=True):
        assert sent.decode("latin-1").startswith(message.text)
        assert (message.size or 0) + message.rest == len(sent)


def plan_of(*members: Member, settings: Settings = SETTINGS) -> Plan:
    return plan_pool(pool_of(*members), settings, PROBES)


def test_samples_are_told_by_their_digest() -> None:
    steps = {step.probe: step for step in plan_of(member(1344)).members[0].steps}
    for name, body in (("clean", CLEAN), ("eicar", eicar())):
        ((planned,), text) = steps[name].planned, repr(steps[name])
        (message,) = planned.messages
        assert (len(body), hashlib.sha256(body).hexdigest()) == (message.body_size, message.body_sha256)
        assert body.decode() not in text
        assert message.text.endswith(f"Content-Length: {len(body)}\r\n\r\n")


def test_what_is_not_sent_is_in_no_sum() -> None:
    plan = plan_of(member(1344, enabled=False), settings=replace(SETTINGS, eicar=False))
    assert (0, 0, 0, 0) == (plan.totals.members, plan.totals.connections, plan.totals.requests, plan.totals.bytes)

    steps = plan_of(member(1344), settings=replace(SETTINGS, eicar=False)).members[0].steps
    forms = dict.fromkeys((*EICAR_FORMS, "eicar-again"), "not-asked")
    assert {"dns": "literal-address", "tls": "plain", "eicar": "not-asked", **forms, "repeat": "not-asked"} == {
        step.probe: step.skipped for step in steps if step.skipped
    }


def test_a_name_may_have_several_addresses_and_the_plan_counts_them() -> None:
    name = member(1344, host="icap.example.test")
    one, three = (plan_of(name, settings=replace(SETTINGS, max_addresses=most)).totals for most in (1, 3))
    assert (one.connections, one.requests, one.bytes) == (three.connections, three.requests, three.bytes)
    assert [3 * one.connections_at_most, 3 * one.requests_at_most, 3 * one.bytes_at_most] == [
        three.connections_at_most,
        three.requests_at_most,
        three.bytes_at_most,
    ]


async def test_names_stay_names_and_their_queries_are_planned() -> None:
    asked: list[bytes] = []

    def answer(query: dns.message.Message) -> dns.message.Message:
        asked.append(query.to_wire())
        return dns.message.make_response(query)

    async with dns_server(answer) as port:
        settings = replace(SETTINGS, resolvers=("127.0.0.1",), resolver_port=port)
        pool: Pool = pool_of(member(1344, host="icap.example.test"))
        plan = plan_pool(pool, settings, PROBES)
        assert [] == asked
        await probe_pool(pool, settings, probes=PROBES)

    step = plan.members[0].steps[0]
    (server, *_) = step.planned
    assert ("dns", "127.0.0.1") == (step.probe, server.to)
    assert Counter(len(query) for query in asked) == Counter(message.size for message in server.messages)
    assert "icap.example.test:1344" == plan.members[0].steps[1].planned[0].to
    assert "icap://icap.example.test:1344/avscan" in plan.members[0].steps[3].planned[0].messages[0].text
