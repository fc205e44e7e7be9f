"""dns: what each configured resolver says about the member's name."""

from __future__ import annotations

import ipaddress
import socket

import trio

from icapdiag.facts.connection import DNS, DNSRecord
from icapdiag.probe.base import Context, Failure, Outcome, Probe, Settings, failed, ok
from icapdiag.probe.messages import Message, Planned
from icapdiag.vocabulary import Reason, Status

_TYPES = ("A", "AAAA")
_KEPT = 100  # addresses and records in the facts: an answer may hold 4,000


async def _run(context: Context) -> Outcome:
    if is_ruled_out(context):
        return _ruled_out(context, DNS(addresses=(context.member.host,)))
    servers = _servers(context.settings)
    records: list[DNSRecord] = []
    problems: list[tuple[Reason, str]] = []
    system: list[str] = []
    async with trio.open_nursery() as nursery:
        if not context.settings.resolvers:  # else they alone count, and nobody else is asked
            nursery.start_soon(_ask_system, context, system)
        for server in servers:
            for kind in _TYPES:
                nursery.start_soon(_ask, context, server, kind, records, problems)
    # The hosts file counts only where DNS knows nothing: a Service Engine doesn't have this host's file.
    known = dict.fromkeys(record.address for record in records if record.address)
    found = tuple(sorted(known or system, key=_order))
    problem = problems[0][1] if problems else None
    facts = DNS(
        resolvers=tuple(servers),
        records=tuple(sorted(records, key=str)[:_KEPT]),
        answers_differ=len({frozenset(r.address for r in records if r.resolver == server) for server in servers}) > 1,
        rcode=problem,
        error=problem,
        addresses=found[:_KEPT],
        hosts_file_only=bool(system and not known),
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


def _servers(settings: Settings) -> list[str]:
    """The DNS servers to ask: those of the settings, else those that this host is configured for."""
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
    servers = (Planned(to=server, messages=queries) for server in _servers(context.settings))
    own = () if context.settings.resolvers else (Planned(to="this host's own resolver", messages=(system,)),)
    return (*servers, *own)


async def _ask(
    context: Context, server: str, kind: str, records: list[DNSRecord], problems: list[tuple[Reason, str]]
) -> None:
    """Ask one resolver for one type. Whatever it answers is recorded, never raised."""
    from dns import asyncresolver, exception, resolver  # noqa: PLC0415

    asking = asyncresolver.Resolver(configure=False)
    address, port = split_resolver(server)
    asking.nameservers = [address]
    asking.port = port or context.settings.resolver_port
    asking.lifetime = context.time_for(context.settings.dns_timeout)
    said = ""
    try:
        answer = await asking.resolve(context.member.host, kind, raise_on_no_answer=True)
    except resolver.NXDOMAIN:
        said = "NXDOMAIN"
        problems.append((Reason.NXDOMAIN, said))
    except resolver.NoAnswer:
        said = "NODATA"  # the name exists without this type
    except exception.Timeout:
        said = f"{server} did not answer"
        problems.append((Reason.DNS_TIMEOUT, said))
    except (resolver.NoNameservers, exception.DNSException, OSError) as exc:
        said = str(exc)[:200]
        problems.append((Reason.DNS_FAILURE, said))
    else:
        ttl = answer.rrset.ttl if answer.rrset is not None else None
        for record in answer:
            address = str(record)
            said += f" {address}"
            records.append(DNSRecord(type=kind, address=address, ttl_s=ttl, resolver=server))
    if context.recorder is not None:
        context.recorder.event(f"DNS server {server} on {kind} {context.member.host}: {said.strip()}")


async def _ask_system(context: Context, found: list[str]) -> None:
    """What the system's own resolver (hosts file, nsswitch) makes of the name; nothing if it fails."""
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
    """``address``, ``address:port`` or ``[address]:port``, taken apart. Raises ValueError for anything else."""
    if is_literal(text):
        return text, None
    address, colon, port = text.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    elif ":" in address:
        address = ""
    if not (colon and is_literal(address) and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} is no DNS server: give ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT")
    return address, int(port)


def _wanted(context: Context, address: str) -> bool:
    return context.settings.family in {None, _order(address)[0]}


def is_ruled_out(context: Context) -> bool:
    """Whether the member is given by an address of the IP version that is not wanted."""
    return is_literal(context.member.host) and not _wanted(context, context.member.host)


def _ruled_out(context: Context, facts: DNS) -> Outcome:
    """No address of the version that was asked for: our own doing, and no word on the member."""
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
    sends="A and AAAA queries for the member's name, to each DNS server; nothing for an address",
    plan=_plan,
    depth="quick",
    carries=True,
    skip=_skip,
)
