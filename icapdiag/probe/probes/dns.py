"""dns: asks each configured resolver for the member's name."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING

import trio
from msgspec import Struct, field

from icapdiag.facts.connection import DNS, DNSRecord
from icapdiag.probe.base import Context, Failure, Outcome, Probe, Settings, failed, ok
from icapdiag.probe.messages import Message, Planned
from icapdiag.vocabulary import Reason, Status

if TYPE_CHECKING:
    from dns import asyncresolver, exception, resolver

_TYPES = ("A", "AAAA")
_KEPT = 100  # addresses and records in the facts: an answer may hold 4,000
_AGAIN = 2.0  # seconds after which a query is sent again


class _Query(Struct):
    """One query to one resolver, and its answer: ``took`` seconds, None without an answer."""

    server: str
    kind: str
    records: list[DNSRecord] = field(default_factory=list)
    problem: tuple[Reason, str] | None = None
    rcode: str | None = None
    took: float | None = None
    standing: str | None = None  # of a server that was silent for a while: answers, closed

    @property
    def failed(self) -> bool:
        """Whether the server answered with a failure or refusal."""
        return self.problem is not None and self.problem[0] is Reason.DNS_FAILURE


async def _run(context: Context) -> Outcome:
    if is_ruled_out(context):
        return _ruled_out(context, DNS(addresses=(context.member.host,)))
    servers = _servers(context.settings)
    queries = [_Query(server, kind) for server in servers for kind in _TYPES]
    system: list[str] = []
    with trio.move_on_after(context.time_for(context.settings.dns_timeout)):
        async with trio.open_nursery() as nursery:
            if not context.settings.resolvers:  # else they alone count, and nobody else is asked
                nursery.start_soon(_ask_system, context, system)
            for query in queries:
                nursery.start_soon(_ask, context, query)
    records = [record for query in queries for record in query.records]
    silent = [query for query in queries if query.took is None]
    problems = [query.problem for query in queries if query.problem]
    problems += [(Reason.DNS_TIMEOUT, f"{query.server} did not answer") for query in silent]
    # The hosts file counts only where DNS knows nothing: a Service Engine doesn't have this host's file.
    known = dict.fromkeys(record.address for record in records if record.address)
    found = tuple(sorted(known or system, key=_order))
    problem = problems[0][1] if problems else None
    facts = DNS(
        resolvers=tuple(servers),
        records=tuple(sorted(records, key=str)[:_KEPT]),
        answers_differ=_answers_differ(queries),
        rcode=next((query.rcode for query in queries if query.rcode), None),
        error=problem,
        addresses=found[:_KEPT],
        hosts_file_only=bool(system and not known),
        slowest_ms=max((round(query.took * 1000, 3) for query in queries if query.took is not None), default=None),
        silent_resolvers=tuple(query.server for query in silent if query.kind == "A") or None,
        answering_resolvers=_standing(silent, "answers"),
        closed_resolvers=_standing(silent, "closed"),
        failing_resolvers=tuple(dict.fromkeys(query.server for query in queries if query.failed)) or None,
        aaaa_unanswered_by=tuple(server for server in servers if _drops_aaaa(server, silent)) or None,
    )
    if found:
        wanted = tuple(address for address in found if _wanted(context, address))
        if not wanted:
            return _ruled_out(context, facts)
        most = context.settings.max_addresses
        context.addresses, left_out = wanted[:most], wanted[most:]
        context.untested = len(left_out)
        facts.addresses_found, facts.addresses_tested = len(found), len(context.addresses)
        facts.addresses_not_tested = left_out[:_KEPT] or None
        return ok(facts)
    met = {reason for reason, _ in problems}
    told = (reason for reason in (Reason.DNS_TIMEOUT, Reason.DNS_FAILURE, Reason.NXDOMAIN) if reason in met)
    return failed(Failure(next(told, Reason.NO_ADDRESS)), facts)


def _answers_differ(queries: list[_Query]) -> bool:
    """Whether two servers returned different addresses; servers that failed or did not answer are ignored."""
    unsure = {query.server for query in queries if query.took is None or query.failed}
    addresses: dict[str, set[str | None]] = {}
    for query in queries:
        if query.server not in unsure:
            addresses.setdefault(query.server, set()).update(record.address for record in query.records)
    return len({frozenset(each) for each in addresses.values()}) > 1


def _standing(silent: list[_Query], standing: str) -> tuple[str, ...] | None:
    """The servers that never answered for the name, by their known state."""
    return tuple(query.server for query in silent if query.standing == standing) or None


def _drops_aaaa(server: str, silent: list[_Query]) -> bool:
    return [query.kind for query in silent if query.server == server] == ["AAAA"]


def _servers(settings: Settings) -> list[str]:
    """The DNS servers to query: those of the settings, otherwise those configured on this host."""
    from dns import resolver  # noqa: PLC0415 - 80 ms that a pool of addresses need not pay

    if settings.resolvers:
        return list(settings.resolvers)
    try:
        return [str(server) for server in resolver.Resolver().nameservers]
    except resolver.NoResolverConfiguration:
        return []


def _plan(context: Context) -> tuple[Planned, ...]:
    from dns import message  # noqa: PLC0415

    host = context.member.host
    queries = tuple(
        Message(kind="dns", what=f"query {kind} {host}", size=len(message.make_query(f"{host}.", kind).to_wire()))
        for kind in _TYPES
    )
    system = Message(kind="dns", what=f"getaddrinfo {host}", size=None)
    there = Message(kind="dns", what="query A localhost", size=len(message.make_query("localhost.", "A").to_wire()))
    servers = (
        planned
        for server in _servers(context.settings)
        for planned in (
            Planned(to=server, messages=queries),
            Planned(to=server, messages=(there,), condition=f"if it is silent for {_AGAIN:g} s"),
        )
    )
    own = () if context.settings.resolvers else (Planned(to="this host's own resolver", messages=(system,)),)
    return (*servers, *own)


async def _ask(context: Context, query: _Query) -> None:
    """Query one resolver for one type. Every answer is recorded and never raised; without one nothing is recorded."""
    from dns import asyncresolver, exception, resolver  # noqa: PLC0415

    asking = asyncresolver.Resolver(configure=False)
    address, port = split_resolver(query.server)
    asking.nameservers = [address]
    asking.port = port or context.settings.resolver_port
    asking.lifetime = asking.timeout = context.time_for(context.settings.dns_timeout)
    started = trio.current_time()
    said = ""
    try:
        answer = await _resolve(asking, context.member.host, query)
    except resolver.NXDOMAIN:
        said = query.rcode = "NXDOMAIN"
        query.problem = (Reason.NXDOMAIN, said)
    except resolver.NoAnswer:
        said = "NODATA"  # the name exists without this type
    except exception.Timeout:
        said = "no answer"
    except (resolver.NoNameservers, exception.DNSException, OSError) as exc:
        query.rcode = _rcode_of(exc)
        said = f"{query.server} answered {query.rcode}" if query.rcode else str(exc)[:200]
        query.problem = (Reason.DNS_FAILURE, said)
    else:
        ttl = answer.rrset.ttl if answer.rrset is not None else None
        query.records = [
            DNSRecord(type=query.kind, address=str(record), ttl_s=ttl, resolver=query.server) for record in answer
        ]
        said = " ".join(record.address or "" for record in query.records)
    query.took = None if said == "no answer" else trio.current_time() - started
    if context.recorder is not None:
        context.recorder.event(f"DNS server {query.server} on {query.kind} {context.member.host}: {said}")


def _rcode_of(error: exception.DNSException | OSError) -> str | None:
    """The response code of an answer that dnspython treats as an error."""
    from dns import rcode  # noqa: PLC0415

    attempts = () if isinstance(error, OSError) else error.kwargs.get("errors", ())
    answers = (answer for *_, answer in attempts if answer is not None)
    return next((rcode.to_text(answer.rcode()) for answer in answers), None)


async def _resolve(asking: asyncresolver.Resolver, host: str, query: _Query) -> resolver.Answer:
    """The first answer. The query is repeated after a while, as datagrams get lost; the first one stays valid.

    dnspython itself would discard the answer to it, so that a resolver slower than one attempt never counts. Raises
    like dnspython. If a server is silent until then, check whether it answers at all.
    """
    from dns import exception  # noqa: PLC0415

    answers: list[resolver.Answer | Exception] = []

    async def attempt() -> None:
        try:
            answers.append(await asking.resolve(host, query.kind))
        except (exception.DNSException, OSError) as exc:
            answers.append(exc)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt)
        await trio.sleep(_AGAIN)
        nursery.start_soon(attempt)
        if query.kind == "A":
            query.standing = await _ask_about_localhost(str(asking.nameservers[0]), asking.port)
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


async def _ask_about_localhost(address: str, port: int) -> str | None:
    """ "answers" for a name that every DNS server knows (RFC 6761, 6.3), or "closed"; otherwise None."""
    from dns import message  # noqa: PLC0415

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with trio.socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            await sock.connect((address, port))
            await sock.send(message.make_query("localhost.", "A").to_wire())
            await sock.recv(4096)
        except OSError:
            return "closed"
    return "answers"


async def _ask_system(context: Context, found: list[str]) -> None:
    """The result of the system's resolver (hosts file, nsswitch); empty if it fails."""
    with trio.move_on_after(context.time_for(context.settings.dns_timeout)):
        try:
            entries = await trio.socket.getaddrinfo(context.member.host, None, type=socket.SOCK_STREAM)
        except OSError:
            return
        found += dict.fromkeys(str(entry[4][0]) for entry in entries)


def _order(address: str) -> tuple[int, int]:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return parsed.version, int(parsed)


def is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def split_resolver(text: str) -> tuple[str, int | None]:
    """Split ``address``, ``address:port`` or ``[address]:port``. Raises ValueError for anything else."""
    if is_literal(text):
        return text, None
    address, colon, port = text.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    elif ":" in address:
        address = ""
    if not (colon and is_literal(address) and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is not a DNS server: give ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT")
    return address, int(port)


def _wanted(context: Context, address: str) -> bool:
    return context.settings.family in {None, _order(address)[0]}


def is_ruled_out(context: Context) -> bool:
    """Whether the member's address has the excluded IP version."""
    return is_literal(context.member.host) and not _wanted(context, context.member.host)


def _ruled_out(context: Context, facts: DNS) -> Outcome:
    """No address of the requested IP version: caused by an option, not by the member."""
    text = f"no IPv{context.settings.family} address, and no other wanted"
    return failed(Failure(Reason.CONFIGURATION, text, Status.ERROR), facts)


def _skip(context: Context) -> str | None:
    if is_literal(context.member.host) and _wanted(context, context.member.host):
        context.addresses = (context.member.host,)
        return "literal-address"
    return None


PROBE: Probe = Probe(
    name="dns",
    run=_run,
    sends="A and AAAA queries for the member's name, to each DNS server, and one for localhost where that is silent; "
    "nothing for an address",
    plan=_plan,
    depth="quick",
    carries=True,
    skip=_skip,
)
