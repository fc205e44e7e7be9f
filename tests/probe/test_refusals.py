"""What is looked for after a refusal: another service, another form of the request, another method."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from icapdiag.icap.message import Request
from icapdiag.icap.product import KNOWN_PATHS
from icapdiag.icap.request import encode_response, options_request, with_fields
from icapdiag.lab import FAULTS, serve_lab
from icapdiag.lab.connection import Connection, Counters
from icapdiag.lab.scanner import path_of
from icapdiag.model import Observation
from icapdiag.pool import Pool, loads_pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.plan import plan_pool
from icapdiag.runbook import load_runbooks, match
from icapdiag.vocabulary import Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of

SETTINGS = Settings(timeout=1, connect_timeout=1, deadline=5)
FOLLOWING = ("variants", "services", "respmod")
NEW = ("other-path", "response-path", "respmod-only", "refuses-preview", "refuses-allow", "needs-user-agent",
       "needs-content-length", "options-without-encapsulated")  # fmt: skip


def by_probe(observations: tuple[Observation, ...]) -> dict[str, Observation]:
    return {observation.probe: observation for observation in observations}


async def met(name: str, change: Callable[[Pool], Pool] = lambda pool: pool) -> tuple[dict[str, Observation], Counters]:
    """What the lab's member of this name showed, and what it saw."""
    async with serve_lab([name]) as lab:
        pool = change(loads_pool(lab.pool_yaml.encode(), Path("lab")))
        results = await probe_pool(pool, SETTINGS)
    return by_probe(results.observations), lab.counters[name]


SILENCE = 0
Answer = Callable[[Request, int], tuple[int, str, Mapping[str, str], bool]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[Pool, Counters]]:
    """A server that gives these answers: status, reason, headers, and whether it then closes without a word."""
    counters = Counters()

    async def serve(stream: trio.SocketStream) -> None:
        connection = Connection(stream, counters)
        code = 200
        with counters.connection():
            while (request := await connection.request()) is not None:
                code, reason, headers, closes = answer(request, counters.requests)
                if code == SILENCE:
                    break
                await connection.send(encode_response(code, reason, (("ISTag", '"a"'), *headers.items())))
                if closes or "close" in (request.headers.get("Connection") or ""):
                    break
            if code == SILENCE:
                await connection.discard()
        await connection.finish()

    async with trio.open_nursery() as nursery:
        listeners: list[Any] = await nursery.start(trio.serve_tcp, serve, 0)
        yield pool_of(member(listeners[0].socket.getsockname()[1])), counters
        nursery.cancel_scope.cancel()


def knows(path: str, *, closes: bool = False) -> Answer:
    def answer(request: Request, number: int) -> tuple[int, str, Mapping[str, str], bool]:
        if request.method == "OPTIONS" and request.uri.endswith(path):
            return 200, "OK", {"Methods": "REQMOD", "Encapsulated": "null-body=0"}, closes
        return 404, "Not found", {}, closes

    return answer


async def test_another_path_is_found_and_told_with_the_finding() -> None:
    seen, _ = await met("other-path")
    found = match(load_runbooks(), seen.values()).findings

    services: Any = facts_of(seen["services"])
    assert ("service", ["/virus_scan"]) == (services["missing"], services["candidates"])
    assert {"service_uri": "/virus_scan", "icap_status": 200, "methods": ["REQMOD"], "service": "icapdiag lab"} in (
        services["services"]
    )
    assert [("service-not-found", ["clean", "services"])] == [
        (finding.id, [one.probe for one in finding.evidence]) for finding in found if not finding.because_of
    ]


async def test_one_connection_is_enough_where_it_is_kept() -> None:
    async with serving(knows("/squidclamav")) as (pool, counters):
        results = await probe_pool(pool, SETTINGS, probes=choose(PROBES, only=["services"], skip=["clean"]))

    assert ["/squidclamav"] == facts_of(by_probe(results.observations)["services"])["candidates"]
    assert (2, len(KNOWN_PATHS)) == (counters.connections, counters.requests)  # with that of options


async def test_a_connection_that_goes_without_a_word_is_opened_again() -> None:
    async with serving(knows("/echo", closes=True)) as (pool, counters):
        probes = choose(PROBES, only=["services"], skip=["clean"])
        results = await probe_pool(pool, SETTINGS, probes=probes)
        most = plan_pool(pool, SETTINGS, probes).totals.connections_at_most

    assert ["/echo"] == facts_of(by_probe(results.observations)["services"])["unscanning"]
    assert counters.connections <= most


@pytest.mark.parametrize(
    ("path", "service", "kind"),
    [
        ("/virus_scan", "C-ICAP/0.5.10 server - Antivirus service", "candidates"),
        ("/avscan", "", "candidates"),
        ("/reqmod", "Trellix Web Gateway", "candidates"),
        ("/req", "Kaspersky Scan Engine", "candidates"),
        ("/avscan", "C-ICAP/0.5.10 server - Echo demo service", "unscanning"),
        ("/srv_clamav", "C-ICAP/0.5.10 server - Url_Check demo service", "unscanning"),
        ("/echo", "", "unscanning"),
        ("/request", "e2guardian ICAP", "unproven"),
        ("/reqmod", "McAfee Web Gateway 11.2", "unproven"),
        ("/REQMOD", "", "unproven"),
    ],
)
async def test_a_path_that_takes_reqmod_counts_if_it_scans_by_its_name(path: str, service: str, kind: str) -> None:
    def answer(request: Request, number: int) -> tuple[int, str, Mapping[str, str], bool]:
        if request.method == "OPTIONS" and path_of(request.uri) == path:
            return 200, "OK", {"Methods": "REQMOD", "Encapsulated": "null-body=0", "Service": service}, False
        return 404, "Not found", {}, False

    async with serving(answer) as (served, _):
        pool = replace(served, profile=replace(served.profile, service_uri="/else"))
        results = await probe_pool(pool, SETTINGS, probes=choose(PROBES, only=["services"], skip=["clean"]))
    facts = facts_of(by_probe(results.observations)["services"])
    steps = [step for found in match(load_runbooks(), results.observations).findings for step in found.remedy]

    assert {kind: [path]} == {name: facts[name] for name in KINDS if facts[name]}
    assert [] == [step for step in steps if "echo" in step]


KINDS = ("candidates", "unproven", "unscanning")


@pytest.mark.parametrize(
    ("path", "verdict", "kind"),
    [
        ("/REQMOD", 403, "candidates"),
        ("/virus_scan", 204, "unscanning"),
        ("/REQMOD", 500, "unproven"),
        ("/echo", 403, "unscanning"),  # something on the way blocks it
    ],
)
async def test_what_a_path_does_with_eicar_counts_more_than_its_name(path: str, verdict: int, kind: str) -> None:
    def answer(request: Request, number: int) -> tuple[int, str, Mapping[str, str], bool]:
        if request.method == "OPTIONS" and path_of(request.uri) == path:
            return 200, "OK", {"Methods": "REQMOD", "Encapsulated": "null-body=0"}, False
        if request.method == "REQMOD":
            return verdict, "Said", {"X-Virus-ID": "EICAR"} if verdict == 403 else {}, True
        return 404, "Not found", {}, False

    settings = replace(SETTINGS, eicar=True)
    async with serving(answer) as (pool, counters):
        probes = choose(PROBES, only=["services"], skip=["clean"])
        most = plan_pool(pool, settings, probes).totals
        results = await probe_pool(pool, settings, probes=probes)
    facts = facts_of(by_probe(results.observations)["services"])

    assert {kind: [path]} == {name: facts[name] for name in KINDS if facts[name]}
    assert counters.connections <= most.connections_at_most
    assert counters.requests <= most.requests_at_most


async def test_a_path_in_other_letters_is_asked_for_first() -> None:
    def lower(pool: Pool) -> Pool:
        return replace(pool, profile=replace(pool.profile, service_uri="/omsscanreq-av"))

    seen, _ = await met("other-path", lower)
    answers: Any = facts_of(seen["services"])["services"]

    assert "/OMSScanReq-AV" == answers[0]["service_uri"]


async def test_a_server_that_stops_answering_is_left_in_time(autojump_clock: trio.testing.MockClock) -> None:
    async with serving(lambda _, number: (404 if number < 3 else SILENCE, "Not found", {}, False)) as (pool, _):
        started = trio.current_time()
        results = await probe_pool(pool, SETTINGS, probes=choose(PROBES, only=["services"], skip=["clean"]))
    facts: Any = facts_of(by_probe(results.observations)["services"])

    assert "deadline" == facts["stopped"]
    assert [] == facts["candidates"]
    assert [404, None] == [each["icap_status"] for each in facts["services"][:2]]
    assert trio.current_time() - started < 8


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("refuses-preview", "no-preview"),
        ("refuses-allow", "no-allow"),
        ("needs-user-agent", "user-agent"),
        ("needs-content-length", "content-length"),
        ("options-without-encapsulated", "no-encapsulated"),
    ],
)
async def test_the_one_change_that_fixes_it_is_named(name: str, fix: str) -> None:
    seen, _ = await met(name)
    variants: Any = facts_of(seen["variants"])

    assert fix == variants["fixed_by"]
    assert (fix, "unchanged") == (variants["accepted"][0], variants["rejected"][-1])
    assert variants["refused_status"] == variants["variants"][-1]["icap_status"]


async def test_a_host_without_its_port_is_tried() -> None:
    def answer(request: Request, number: int) -> tuple[int, str, Mapping[str, str], bool]:
        if ":" in (request.headers.get("Host") or ":"):
            return 400, "Bad request", {}, True
        return 204, "No content", {}, True

    async with serving(answer) as (pool, _):
        results = await probe_pool(pool, SETTINGS)

    assert "host-without-port" == facts_of(by_probe(results.observations)["variants"])["fixed_by"]


async def test_what_comes_and_goes_has_no_fix() -> None:
    """The fourth request is taken whatever it is, and all after it."""

    def answer(request: Request, number: int) -> tuple[int, str, Mapping[str, str], bool]:
        return (400, "Bad request", {}, True) if number < 4 else (204, "No content", {}, True)

    async with serving(answer) as (pool, _):
        results = await probe_pool(pool, SETTINGS, probes=choose(PROBES, only=["variants"]))
    variants: Any = facts_of(by_probe(results.observations)["variants"])

    assert "fixed_by" not in variants
    assert [400, 204, 204] == [each["icap_status"] for each in variants["variants"] if each["method"] == "REQMOD"]


async def test_a_server_that_is_busy_is_left_alone() -> None:
    def answer(request: Request, number: int) -> tuple[int, str, Mapping[str, str], bool]:
        return (400, "Bad request", {}, True) if number < 3 else (503, "Overloaded", {}, True)

    async with serving(answer) as (pool, _):
        results = await probe_pool(pool, SETTINGS, probes=choose(PROBES, only=["variants"]))
    variants: Any = facts_of(by_probe(results.observations)["variants"])

    assert ("busy", 1) == (variants["stopped"], len(variants["variants"]))


async def test_respmod_is_told_from_reqmod() -> None:
    seen, _ = await met("respmod-only")

    assert {"refused_status": 405, "respmod_status": 204, "respmod_served": True, "respmod_verdict": "allowed"} == {
        name: value for name, value in facts_of(seen["respmod"]).items() if name in {"refused_status"} | RESPMOD
    }
    assert Status.SKIPPED is seen["variants"].status  # the service said that it has no REQMOD


RESPMOD = {"respmod_status", "respmod_served", "respmod_verdict"}


@pytest.mark.parametrize("name", ["healthy", "offers-respmod", "403", "503", "refused", "clean-blocked"])
async def test_nothing_is_sent_where_nothing_is_to_be_found_out(name: str) -> None:
    seen, counters = await met(name)

    assert {Status.SKIPPED} == {seen[probe].status for probe in FOLLOWING}
    assert {"not-needed"} == {seen[probe].reason for probe in FOLLOWING}
    assert counters.connections <= 3


@pytest.mark.parametrize("name", NEW)
async def test_no_more_is_sent_than_was_planned(name: str) -> None:
    async with serve_lab([name]) as lab:
        pool = loads_pool(lab.pool_yaml.encode(), Path("lab"))
        most = plan_pool(pool, SETTINGS, PROBES).totals
        await probe_pool(pool, SETTINGS)
    seen = lab.counters[name]

    assert seen.connections <= most.connections_at_most
    assert seen.requests <= most.requests_at_most
    assert FAULTS[name].finding


def test_a_field_is_added_replaced_or_left_out() -> None:
    request = options_request("10.0.0.5", 1344, "/avscan")

    assert (
        b"OPTIONS icap://10.0.0.5:1344/avscan ICAP/1.0\r\nHost: 10.0.0.5\r\nX-A: b\r\n\r\n"
        == with_fields(request, [("Host", "10.0.0.5"), ("X-A", "b")], without="encapsulated").first
    )
    assert request == with_fields(request)
