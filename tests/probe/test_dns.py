"""The step dns against resolvers on loopback."""

from __future__ import annotations

from functools import partial

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
import trio
from msgspec.structs import replace

from icapdiag.model import Observation
from icapdiag.probe.base import Settings
from icapdiag.probe.probes import dns as dns_probe
from icapdiag.probe.running.catalogue import PROBES, choose
from icapdiag.probe.running.runner import probe_pool
from icapdiag.report.document.evidence import describe
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of
from tests.probe.resolvers import LOCALHOST, Answer, dns_server, late_dns_server, rcode, records


async def test_a_resolver_that_takes_longer_than_one_try_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_probe, "_AGAIN", 0.05)
    async with late_dns_server(records(A=("127.0.0.8",)), 0.3) as port:
        found = await resolve(port)

    assert (Status.OK, ["127.0.0.8"]) == (found.status, facts_of(found)["addresses"])
    assert 300 <= float(str(facts_of(found)["slowest_ms"]))
    assert not {"silent_resolvers", "aaaa_unanswered_by", "rcode"} & facts_of(found).keys()


async def test_a_query_that_got_lost_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_probe, "_AGAIN", 0.05)
    heard: list[dns.message.Message] = []

    def second_time(query: dns.message.Message) -> dns.message.Message | None:
        if query.question[0].name == LOCALHOST:
            return None
        heard.append(query)
        return None if len(heard) <= 2 else records(A=("127.0.0.8",))(query)

    async with dns_server(second_time) as port:
        found = await resolve(port)

    assert (Status.OK, ["127.0.0.8"]) == (found.status, facts_of(found)["addresses"])
    assert 4 == len(heard)


async def test_of_a_silent_resolver_it_is_found_out_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_probe, "_AGAIN", 0.05)

    def only_localhost(query: dns.message.Message) -> dns.message.Message | None:
        return records(A=("127.0.0.1",))(query) if query.question[0].name == LOCALHOST else None

    async with dns_server(only_localhost) as port, dns_server(lambda _: None, "127.0.0.2", port):
        resolvers = ("127.0.0.1", "127.0.0.2", "127.0.0.3")  # nothing is at the last one
        facts = facts_of(await resolve(port, *resolvers, patience=1.0))

    assert list(resolvers) == facts["silent_resolvers"]
    assert (["127.0.0.1"], ["127.0.0.3"]) == (facts["answering_resolvers"], facts["closed_resolvers"])


async def test_resolvers_without_an_answer_do_not_differ_from_the_others() -> None:
    async with (
        dns_server(records(A=("127.0.0.8",))) as port,
        dns_server(rcode(dns.rcode.SERVFAIL), "127.0.0.2", port),
    ):
        facts = facts_of(await resolve(port, "127.0.0.1", "127.0.0.2"))

    assert (False, ["127.0.0.2"]) == (facts["answers_differ"], facts["failing_resolvers"])


@pytest.mark.parametrize("patience", [0.2, 0.4])
async def test_a_resolver_that_drops_aaaa(patience: float) -> None:
    def only_a(query: dns.message.Message) -> dns.message.Message | None:
        is_a = query.question[0].rdtype == dns.rdatatype.A
        return records(A=("127.0.0.8",))(query) if is_a else None

    async with dns_server(only_a) as port:
        found = await resolve(port, patience=patience)

    assert (Status.OK, ["127.0.0.8"]) == (found.status, facts_of(found)["addresses"])
    assert (["127.0.0.1"], None) == tuple(map(facts_of(found).get, ("aaaa_unanswered_by", "silent_resolvers")))
    assert "no answer for AAAA from 127.0.0.1" == describe(found)


async def test_one_resolver_of_two_is_silent() -> None:
    async with (
        dns_server(records(A=("127.0.0.8",))) as port,
        dns_server(lambda _: None, "127.0.0.2", port),
    ):
        found = await resolve(port, "127.0.0.1", "127.0.0.2", patience=0.5)

    assert (Status.OK, ["127.0.0.8"]) == (found.status, facts_of(found)["addresses"])
    assert (["127.0.0.2"], None) == tuple(map(facts_of(found).get, ("silent_resolvers", "aaaa_unanswered_by")))


@pytest.mark.parametrize("deadline", [0.2, 0.3])
async def test_a_deadline_that_ends_while_the_name_is_looked_up_is_the_resolvers(deadline: float) -> None:
    settings = Settings(resolvers=("127.0.0.1",), dns_timeout=5, deadline=deadline)
    async with dns_server(lambda _: None) as port:
        settings = replace(settings, resolver_port=port)
        target = pool_of(member(9, host="icap.example.test"))
        results = await probe_pool(target, settings, probes=choose(PROBES, only=["tcp"]))

    found = results.observations[0]
    assert ("dns", Status.FAILED, Reason.DNS_TIMEOUT) == (found.probe, found.status, found.reason)


async def resolve(port: int, *resolvers: str, patience: float = 30.0) -> Observation:
    """The outcome of dns; ``patience`` is for what is answered, however busy this machine is."""
    settings = Settings(
        resolvers=resolvers or ("127.0.0.1",), resolver_port=port, dns_timeout=patience, deadline=2 * patience
    )
    probes = choose(PROBES, only=["dns"])
    results = await probe_pool(pool_of(member(9, host="icap.example.test")), settings, probes=probes)
    return results.observations[0]


async def test_a_and_aaaa_with_ttl_and_resolver() -> None:
    async with dns_server(records(A=("127.0.0.9", "127.0.0.8"), AAAA=("::1",))) as port:
        found = await resolve(port)

    assert (Status.OK, None) == (found.status, found.reason)
    assert ["127.0.0.8", "127.0.0.9", "::1"] == facts_of(found)["addresses"]
    assert {"type": "A", "address": "127.0.0.8", "ttl_s": 300, "resolver": "127.0.0.1"} in facts_of(found)["records"]
    assert (False, False) == (facts_of(found)["answers_differ"], facts_of(found)["hosts_file_only"])


@pytest.mark.parametrize(
    ("answer", "reason", "code"),
    [
        (rcode(dns.rcode.NXDOMAIN), Reason.NXDOMAIN, "NXDOMAIN"),
        (rcode(dns.rcode.SERVFAIL), Reason.DNS_FAILURE, "SERVFAIL"),
        (rcode(dns.rcode.REFUSED), Reason.DNS_FAILURE, "REFUSED"),
        (records(), Reason.NO_ADDRESS, None),
        (lambda _: None, Reason.DNS_TIMEOUT, None),
    ],
)
async def test_names_that_do_not_resolve(answer: Answer, reason: Reason, code: str | None) -> None:
    """Causes depend on the response code: a server that did not answer gave none."""
    async with dns_server(answer) as port:
        found = await resolve(port, patience=0.5 if reason is Reason.DNS_TIMEOUT else 30.0)

    assert (Status.FAILED, reason, code) == (found.status, found.reason, facts_of(found).get("rcode"))


async def test_resolvers_that_disagree() -> None:
    async with (
        dns_server(records(A=("127.0.0.8",))) as port,
        dns_server(records(A=("127.0.0.9",)), "127.0.0.2", port),
    ):
        found = await resolve(port, "127.0.0.1", "127.0.0.2")

    assert (Status.OK, True) == (found.status, facts_of(found)["answers_differ"])
    assert ["127.0.0.8", "127.0.0.9"] == facts_of(found)["addresses"]


@pytest.mark.parametrize(("most", "tested", "left_out"), [(8, 8, 3992), (4, 4, 3996)])
async def test_a_name_with_thousands_of_addresses_is_tested_at_a_few(most: int, tested: int, left_out: int) -> None:
    many = tuple(f"127.2.{n // 250}.{n % 250 + 1}" for n in range(4000))
    connections = 0

    async def handle(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        await stream.aclose()

    async with trio.open_nursery() as nursery, dns_server(records(A=many), over_tcp=True) as port:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="0.0.0.0"))  # noqa: S104
        settings = Settings(resolvers=("127.0.0.1",), resolver_port=port, max_addresses=most)
        pool = pool_of(member(listeners[0].socket.getsockname()[1], host="icap.example.test"))
        results = await probe_pool(pool, settings, probes=choose(PROBES, only=["tcp"]))
        nursery.cancel_scope.cancel()

    dns_probe, *others = results.observations
    facts = facts_of(dns_probe)
    assert (Status.OK, 4000, tested) == (dns_probe.status, facts["addresses_found"], facts["addresses_tested"])
    assert (list(many[most : most + 100]), 100) == (facts["addresses_not_tested"], len(facts["records"]))
    assert connections == tested
    unknown = others[-1]
    assert ("tcp", Status.ERROR, Reason.ADDRESS_LIMIT) == (unknown.probe, unknown.status, unknown.reason)
    assert f"{left_out:,} of 4,000 addresses were not tested" == facts_of(unknown)["error"]
