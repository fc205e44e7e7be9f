"""What a scanner's own log says, or that of a proxy that uses one: its messages by kind, its requests by outcome."""

from __future__ import annotations

from typing import Annotated

from icapdiag.facts.answer import VERDICTS, ServiceURI
from icapdiag.facts.sheet import (
    Address,
    FileName,
    MemberName,
    Moment,
    Ordinal,
    RunbookID,
    Sheet,
    Text,
    Whole,
    Word,
    about,
)

SCANNER = "scanner"  # source of these observations
MESSAGES, REQUESTS = "messages", "requests"  # their "probes"
C_ICAP, SQUID = "c-icap", "squid"
PROGRAMS = (C_ICAP, SQUID)
NO_ENGINE, ENGINE_MISSING, SCAN_FAILED = "no-engine", "engine-missing-at-start", "scan-failed"
EVENTS = (
    NO_ENGINE, ENGINE_MISSING, SCAN_FAILED, "decode-failed-passed", "too-large-passed", "too-large-refused",
    "squidclamav-too-large",
    "signatures-not-loaded", "virus-found", "threads-busy", "queue-full", "no-descriptors", "no-memory", "disk-full",
    "no-temporary-file", "no-template", "cannot-listen", "bad-certificate", "bad-configuration", "denied", "bad-chunks",
    "crashed", "service-down", "service-suspended", "options-invalid", "method-missing", "clock-skewed",
    "connections-exceeded", "connections-zero", "unknown-host",
)  # fmt: skip
STATES = ("down", "susp", "!opt", "!valid", "stale", "detached")

CONTAINERS = ("c-icap-server-log", "c-icap-access-log", "squid-cache-log", "squid-icap-log")  # of what was read

Program = Annotated[Word | None, about("program", "whose log it is", values=PROGRAMS)]
Log = Annotated[
    FileName | None, about("log", "the file that it is from, without what rotation and compression add to its name")
]
FirstSeen = Annotated[Moment | None, about("first seen", "the first of them", "ISO 8601", changes=True)]
LastSeen = Annotated[Moment | None, about("last seen", "the last of them", "ISO 8601", changes=True)]
Assumed = Annotated[bool | None, about("time zone assumed", "its times name no zone and were read as UTC")]


class ScannerEvent(Sheet):
    """Messages of one kind in the log of a scanner, or of a proxy that uses one."""

    program: Program = None
    log: Log = None
    event: Annotated[Word | None, about("event", "what its messages say", values=EVENTS)] = None
    messages: Annotated[Ordinal | None, about("messages", "how many of them there are", changes=True)] = None
    concerned_count: Annotated[
        Whole | None, about("requests concerned", "how many requests it is about", "requests", changes=True)
    ] = None
    refused_count: Annotated[
        Whole | None, about("requests refused", "how many of these got an ICAP error", "requests", changes=True)
    ] = None
    passed_count: Annotated[
        Whole | None, about("requests passed", "how many of these passed unscanned", "requests", changes=True)
    ] = None
    essential: Annotated[
        bool | None, about("essential", "Squid refuses requests while the service is down (bypass=off)")
    ] = None
    state: Annotated[
        tuple[Word, ...] | None,
        about("state", "of the service as Squid has it: susp is suspended, !opt has no OPTIONS answer", values=STATES),
    ] = None
    service_uri: ServiceURI = None
    engine_address: Annotated[Text | None, about("engine at", "where clamd was looked for")] = None
    engine_reached: Annotated[bool | None, about("engine reached", "false: no connection to clamd")] = None
    threads_free: Annotated[Whole | None, about("threads free", "the fewest that were counted")] = None
    threads_used: Annotated[Whole | None, about("threads used", "the most that were counted")] = None
    object_size_max: Annotated[Whole | None, about("largest object", "the size of the largest of them", "bytes")] = None
    object_size_limit: Annotated[Whole | None, about("size limit", "what the service scans at most", "bytes")] = None
    threats: Annotated[tuple[Text, ...] | None, about("threats", "names of threats that the server found")] = None
    peers: Annotated[tuple[Address, ...] | None, about("peers", "addresses that they name, a few")] = None
    detail: Annotated[Text | None, about("detail", "what the first message names as the reason")] = None
    first_seen: FirstSeen = None
    last_seen: LastSeen = None
    ended_at: Annotated[
        Moment | None,
        about("ended", "when the log says that it is over: an engine is there, the service is up", "ISO 8601",
              changes=True),
    ] = None  # fmt: skip
    zone_assumed: Assumed = None
    example: Annotated[Text | None, about("message", "the first of the messages")] = None


class ScannerRequests(Sheet):
    """Requests of an access log of c-icap, or of an ICAP log of Squid, with the same outcome."""

    nulls = frozenset({"icap_status"})

    program: Program = None
    log: Log = None
    icap_method: Annotated[Word | None, about("icap_method", "OPTIONS, REQMOD or RESPMOD")] = None
    service_uri: ServiceURI = None
    icap_status: Annotated[int | None, about("ICAP status", "the status code of the ICAP response")] = None
    outcome: Annotated[
        Word | None, about("outcome", "as Squid has it, such as ICAP_ECHO, ICAP_SAT and ICAP_ERR_OTHER")
    ] = None
    bypassed: Annotated[bool | None, about("bypassed", "passed on without an ICAP response: unscanned")] = None
    verdict: Annotated[Word | None, about("verdict", "what the server decided about the body", values=VERDICTS)] = None
    threats: Annotated[tuple[Text, ...] | None, about("threats", "names of threats that the server found")] = None
    count: Annotated[Ordinal | None, about("count", "how many in the group", "requests", changes=True)] = None
    first_seen: FirstSeen = None
    last_seen: LastSeen = None
    zone_assumed: Assumed = None
    peers: Annotated[tuple[Address, ...] | None, about("peers", "who sent them, the most frequent first, a few")] = None
    latency_p50_ms: Annotated[
        int | None, about("latency p50", "half of the requests spent no longer than this in ICAP", "ms", changes=True)
    ] = None
    latency_p95_ms: Annotated[int | None, about("latency p95", "the same of 95 in 100", "ms", changes=True)] = None
    latency_max_ms: Annotated[int | None, about("latency max", "the longest time in ICAP", "ms", changes=True)] = None


class ReportedEvent(ScannerEvent):
    """The same as a report has it, with the findings that explain it."""

    required = frozenset({"program", "event", "messages", "findings"})
    member: Annotated[MemberName | None, about("member", "the ICAP server that the messages name")] = None
    findings: Annotated[tuple[RunbookID, ...], about("findings", "ids of the findings that explain it")] = ()


class ReportedRequests(ScannerRequests):
    """The same as a report has it, with the findings that explain them."""

    required = frozenset({"program", "count", "findings"})
    member: Annotated[MemberName | None, about("member", "the ICAP server that they went to")] = None
    by_peer: Annotated[dict[Address, int] | None, about("by peer", "by who sent them", "requests", changes=True)] = None
    findings: Annotated[tuple[RunbookID, ...], about("findings", "ids of the findings that explain them")] = ()
