"""What the probes of name, connection and TLS find out, and what every exchange on a connection is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from icapdiag.facts.answer import ServiceURI
from icapdiag.facts.sheet import (
    Address,
    HostName,
    Interface,
    Moment,
    Ordinal,
    Record,
    SampleDigest,
    Sheet,
    Text,
    Whole,
    WireText,
    Word,
    about,
)

CLOCKS = ("kernel", "application")


class Endpoint(Record):
    """The server that a probe connected to."""

    host: Annotated[HostName | None, about("host", "the member's host as configured: an address or a name")] = None
    port: Annotated[int | None, about("port", "the member's TCP port", zero="0")] = None
    tls: Annotated[bool | None, about("by TLS", "the member is reached by ICAPS, ICAP inside TLS")] = None
    address: Annotated[Address | None, about("address", "the IP address that was dialled")] = None


class Sightings(Record):
    """How often a capture has what the sheet says."""

    count: Annotated[
        Ordinal | None, about("count", "of a capture: connections, or requests, that went so", "requests", changes=True)
    ] = None
    first_seen: Annotated[Moment | None, about("first seen", "the first of them", "ISO 8601", changes=True)] = None
    last_seen: Annotated[Moment | None, about("last seen", "the last of them", "ISO 8601", changes=True)] = None


class ProbeSheet(Sheet):
    """Facts of every probe of a member."""

    endpoint: Endpoint = msgspec.field(default_factory=Endpoint)
    sightings: Sightings = msgspec.field(default_factory=Sightings)


class DNSRecord(Record):
    """One record of an answer."""

    nulls = frozenset({"ttl_s"})
    type: Annotated[Word | None, about("type", "A or AAAA")] = None
    address: Annotated[Address | None, about("address", "the IP address")] = None
    ttl_s: Annotated[int | None, about("TTL", "how long it may be cached", "s")] = None
    resolver: Annotated[Address | None, about("resolver", "the DNS server that returned it")] = None


class DNS(ProbeSheet):
    """dns: the answers of each resolver for the member's name."""

    moved = "rcode error"
    resolvers: Annotated[
        tuple[Address, ...] | None, about("resolvers", "DNS servers that were queried", changes=True)
    ] = None
    records: Annotated[
        tuple[DNSRecord, ...] | None, about("records", "the first 100, each: type, address, ttl_s, resolver")
    ] = None
    answers_differ: Annotated[bool | None, about("answers differ", "two resolvers returned different addresses")] = None
    rcode: Annotated[Text | None, about("response code", "the DNS response code, such as NXDOMAIN or SERVFAIL")] = None
    addresses: Annotated[
        tuple[Address, ...] | None, about("addresses", "the first 100 that the resolvers returned")
    ] = None
    addresses_found: Annotated[int | None, about("addresses found", "how many the resolvers returned")] = None
    addresses_tested: Annotated[int | None, about("addresses tested", "how many were probed")] = None
    addresses_not_tested: Annotated[
        tuple[Address, ...] | None, about("addresses not tested", "the first 100 that --max-addresses left out")
    ] = None
    hosts_file_only: Annotated[
        bool | None, about("hosts file only", "the name is in this host's hosts file and not in DNS")
    ] = None
    slowest_ms: Annotated[
        float | None, about("slowest answer", "of a DNS server, measured by this program", "ms", changes=True)
    ] = None
    silent_resolvers: Annotated[
        tuple[Address, ...] | None, about("DNS servers that did not answer", "those that did not answer in time")
    ] = None
    answering_resolvers: Annotated[
        tuple[Address, ...] | None,
        about("DNS servers silent for this name", "those of them that answered a query for localhost"),
    ] = None
    closed_resolvers: Annotated[
        tuple[Address, ...] | None,
        about("DNS servers unreachable", "those of them whose port is closed, or whose host is unreachable"),
    ] = None
    failing_resolvers: Annotated[
        tuple[Address, ...] | None,
        about("DNS servers that failed", "those that answered with a failure, such as SERVFAIL or REFUSED"),
    ] = None
    aaaa_unanswered_by: Annotated[
        tuple[Address, ...] | None,
        about("AAAA unanswered by", "those that answered the query for A in time, but not the one for AAAA"),
    ] = None


class TCP(ProbeSheet):
    """tcp: the connection, as the kernel reports it."""

    moved = "address error"
    family: Annotated[Word | None, about("address family", "ipv4 or ipv6", values=("ipv4", "ipv6"))] = None
    local_address: Annotated[Address | None, about("source address", "our address on the connection", changes=True)] = (
        None
    )
    rtt_ms: Annotated[
        float | None, about("round trip", "of the handshake, as measured by the kernel", "ms", changes=True)
    ] = None
    retransmits: Annotated[int | None, about("retransmissions", "of segments of the handshake", changes=True)] = None
    route_mtu: Annotated[int | None, about("path MTU", "the largest packet, as far as the kernel knows", "bytes")] = (
        None
    )
    interface: Annotated[Interface | None, about("interface", "the interface of this host that has our address")] = None
    route_interface: Annotated[
        Interface | None, about("route's interface", "the interface of the kernel's route to the address")
    ] = None
    route_gateway: Annotated[Address | None, about("gateway", "of that route; absent if there is none")] = None


class Path(ProbeSheet):
    """path: packet loss according to the kernel, over all connections to an address."""

    connections: Annotated[int | None, about("connections", "how many were opened to it", changes=True)] = None
    connections_lossy: Annotated[
        int | None, about("connections with loss", "those on which a segment of ours was retransmitted", changes=True)
    ] = None
    syn_retries: Annotated[
        int | None,
        about("SYNs retransmitted", "repeated attempts to connect: the SYN before got no answer", changes=True),
    ] = None
    segments_sent: Annotated[int | None, about("segments sent", "by this host, in all", changes=True)] = None
    segments_lost: Annotated[
        int | None,
        about(
            "segments retransmitted",
            "segments of ours that were retransmitted, including SYNs, without those that arrived twice",
            changes=True,
        ),
    ] = None
    loss_percent: Annotated[float | None, about("loss", "their share of segments_sent", "%", changes=True)] = None
    sent_twice: Annotated[
        int | None,
        about(
            "segments that arrived twice",
            "segments of ours that were retransmitted although they had arrived: the acknowledgement was lost, or late",
            changes=True,
        ),
    ] = None
    answers_lost: Annotated[
        int | None,
        about(
            "answers retransmitted",
            "answers that came later than the others, with a sign that the peer retransmitted a packet: a gap before"
            " what it sent next, or a segment of ours that it received twice",
            changes=True,
        ),
    ] = None
    answers_late: Annotated[
        int | None,
        about(
            "answers late",
            "answers that came 0.2, 0.6 or 1 s after the others, and none in between: typical of a retransmission"
            " timeout",
            changes=True,
        ),
    ] = None
    out_of_order: Annotated[
        int | None,
        about(
            "segments out of order",
            "segments of the peer's that arrived after a gap: an earlier one was lost, or late",
            changes=True,
        ),
    ] = None


class NoAnswer(Record):
    """What the kernel knows of a peer that did not answer in time."""

    request_acknowledged: Annotated[
        bool | None,
        about(
            "request acknowledged",
            "there was no answer in time, although the peer's kernel acknowledged every byte sent",
        ),
    ] = None
    close_reaction: Annotated[
        Word | None,
        about(
            "reaction to close",
            "there was no answer in time: the peer's reaction when this program closed its half of the connection; none"
            " is typical of a connection that no process has accepted from the kernel's queue",
            values=("none", "closed", "reset", "answered"),
        ),
    ] = None
    answer_lost: Annotated[
        bool | None,
        about(
            "answer lost",
            "the peer sent an answer that did not arrive: later data did, and the kernel waits for the missing part",
        ),
    ] = None


class ProfileInForce(Record):
    """The ICAP profile's settings and the limits of this run, next to the results that they led to."""

    service_uri: ServiceURI = None
    profile_vendor: Annotated[Word | None, about("profile's vendor", "such as ICAP_VENDOR_OPSWAT")] = None
    profile_preview_size: Annotated[
        int | None,
        about("profile's preview_size", "preview_size of the ICAP profile; absent if previews are off", "bytes"),
    ] = None
    profile_allow_204: Annotated[bool | None, about("profile's allow_204", "allow_204 of the ICAP profile")] = None
    profile_response_timeout: Annotated[
        int | None, about("profile's response_timeout", "response_timeout of the ICAP profile", "ms")
    ] = None
    profile_slow_response_warning_threshold: Annotated[
        int | None, about("profile's slow threshold", "slow_response_warning_threshold of the profile", "ms")
    ] = None
    timeout_ms: Annotated[int | None, about("timeout", "how long this program waits for an answer", "ms")] = None
    warn_ms: Annotated[
        int | None,
        about("slow above", "an answer is slow after this: --warn, else slow_response_warning_threshold", "ms"),
    ] = None
    crit_ms: Annotated[int | None, about("too slow above", "--crit, else the profile's response_timeout", "ms")] = None


class Transfer(Record):
    """Bytes and times of one request and its response, and the two clocks."""

    bytes_sent: Annotated[
        int | None, about("bytes sent", "on the connection for this request", "bytes", changes=True)
    ] = None
    bytes_received: Annotated[int | None, about("bytes received", "in response", "bytes", changes=True)] = None
    continued: Annotated[bool | None, about("continued", "the server sent 100 Continue for the rest")] = None
    first_byte_ms: Annotated[
        float | None, about("first byte", "from the request to the first byte of the response", "ms", changes=True)
    ] = None
    answer_application_ms: Annotated[
        float | None,
        about(
            "response time, own clock",
            "the same, measured by this program's own clock, which includes client-side delay",
            "ms",
            changes=True,
        ),
    ] = None
    answer_clock: Annotated[
        Word | None,
        about(
            "clock",
            "what answer_ms was measured with: the kernel's receive timestamp, or this program's own clock",
            values=CLOCKS,
            changes=True,
        ),
    ] = None
    answer_ms: Annotated[
        float | None,
        about(
            "response time",
            "from the request to the first bytes of the response, measured with answer_clock",
            "ms",
            changes=True,
        ),
    ] = None
    answer_uncertain: Annotated[
        bool | None,
        about(
            "uncertain",
            "answer_ms may include more than 5 % of client-side delay, or the clock was set meanwhile",
            changes=True,
        ),
    ] = None
    clock_offset_s: Annotated[
        float | None,
        about(
            "clock ahead by",
            "how far the server's clock is ahead of this host's, according to Date in the response",
            "s",
            changes=True,
        ),
    ] = None
    clock_uncertainty_s: Annotated[
        float | None, about("clock uncertainty", "how far clock_offset_s may be off, either way", "s", changes=True)
    ] = None
    clock_skew_s: Annotated[
        float | None,
        about(
            "clocks differ by",
            "the smallest difference that the uncertainty leaves, whichever clock is ahead",
            "s",
            changes=True,
        ),
    ] = None
    reset_after_answer: Annotated[
        bool | None, about("reset after the answer", "the server reset the connection after a complete answer")
    ] = None
    syn_retries: Annotated[
        int | None, about("SYNs retransmitted", "for this connection; absent if none", changes=True)
    ] = None
    segments_lost: Annotated[
        int | None,
        about(
            "segments retransmitted",
            "by this host on this connection, including the SYN, without those that arrived twice; absent if none",
            changes=True,
        ),
    ] = None


class TranscriptEntry(Record):
    """What one side sent on a connection until the other one spoke, or an event beside the bytes."""

    required = frozenset({"direction", "text"})
    direction: Annotated[Word, about("direction", "who sent it", values=("sent", "received", "event"), closed=True)] = (
        "event"
    )
    connection: Annotated[Whole | None, about("connection", "its number among those to the member; 0: of none")] = None
    at_ms: Annotated[float | None, about("at", "when it began, since the probe began", "ms", changes=True)] = None
    until_ms: Annotated[float | None, about("until", "when it ended", "ms", changes=True)] = None
    size: Annotated[Whole | None, about("size", "in all, including what is not kept", "bytes")] = None
    pieces: Annotated[Whole | None, about("pieces", "number of writes or reads", changes=True)] = None
    text: Annotated[
        WireText,
        about(
            "text",
            "the first bytes, decoded as ISO 8859-1; the EICAR test file is replaced by a mark. Of what was sent,"
            " without the body. Of an event, what happened",
        ),
    ] = ""
    body_size: Annotated[
        Whole | None, about("body", "length of the body that was sent, without the chunk headers", "bytes")
    ] = None
    body_sha256: Annotated[SampleDigest | None, about("body's SHA-256", "digest of it", "hex")] = None


SHEETS: Mapping[str, type[ProbeSheet]] = {
    "": ProbeSheet,
    "dns": DNS,
    "tcp": TCP,
}
