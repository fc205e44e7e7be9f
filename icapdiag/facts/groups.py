"""Facts of groups of requests in a log, and of answers that were pasted."""

from __future__ import annotations

from typing import Annotated

import msgspec

from icapdiag.facts.answer import Answer, ServiceURI
from icapdiag.facts.sheet import (
    Address,
    HostName,
    MemberName,
    Moment,
    Ordinal,
    Person,
    PoolName,
    RequestID,
    RunbookID,
    ServiceEngine,
    Sheet,
    Text,
    VirtualService,
    Whole,
    Word,
    about,
)

ACTIONS = ("ICAP_DISABLED", "ICAP_PASSED", "ICAP_MODIFIED", "ICAP_BLOCKED", "ICAP_FAILED")
BODIES = ("yes", "no", "unknown")
OUTCOMES = ("unscanned", "refused-500", "refused-413", "blocked", "passed", "modified", "disabled", "unknown")


class RequestGroup(Sheet):
    """Requests of a log with the same outcome."""

    nulls = frozenset(
        {"significance", "icap_status", "http_status", "icap_method", "method", "complete_body_sent", "vendor",
         "opswat_reason", "service_uri", "first_seen", "last_seen", "response_code", "latency_p50_ms",
         "latency_p95_ms", "latency_p99_ms", "latency_max_ms", "request_length_max", "modified_content_length_max",
         "nsx_score_max", "preview_sent"}
    )  # fmt: skip
    moved = "significance icap_status http_status; icap_method method complete_body_sent; pools threats"
    icap_action: Annotated[Word | None, about("action", "icap_log.action: what Avi did", values=ACTIONS)] = None
    client_outcome: Annotated[
        Word | None,
        about(
            "client got",
            "what the client got: unscanned, passed without a scan (fail open, or an upload with ICAP disabled);"
            " refused-500 and refused-413, rejected by fail closed; disabled, not meant to be scanned",
            values=OUTCOMES,
        ),
    ] = None
    adf_codes: Annotated[
        tuple[Word, ...] | None,
        about(
            "ADF codes",
            "codes of significant_log that concern ICAP or the server side, such as ADF_ICAP_TIMEDOUT",
        ),
    ] = None
    unknown_codes: Annotated[
        tuple[Word, ...] | None, about("unknown ADF codes", "codes about ICAP that are unknown to this program")
    ] = None
    significance: Annotated[Text | None, about("significance", "why the entry is significant to Avi")] = None
    icap_method: Annotated[Word | None, about("icap_method", "as Avi writes it, such as ICAP_METHOD_REQMOD")] = None
    vendor: Annotated[Word | None, about("vendor", "of the profile, such as ICAP_VENDOR_OPSWAT")] = None
    opswat_reason: Annotated[Text | None, about("OPSWAT", "MetaDefender's reason (reason, opswat_log.reason)")] = None
    service_uri: ServiceURI = None
    icap_tls: Annotated[bool | None, about("ICAP over TLS", "the ICAP URI begins with icaps")] = None
    request_body: Annotated[Word | None, about("body", "the requests with ICAP disabled had a body", values=BODIES)] = (
        None
    )
    answered_by: Annotated[
        Word | None,
        about(
            "answered by",
            "what answered requests with ICAP disabled, before the application: waf; rule, the WAF or a policy rule;"
            " avi, the Service Engine itself, as the log has the application's status of others",
            values=("waf", "rule", "avi"),
        ),
    ] = None
    answer: Answer = msgspec.field(default_factory=Answer)
    count: Annotated[Ordinal | None, about("count", "requests in the group", "requests", changes=True)] = None
    first_seen: Annotated[Moment | None, about("first seen", "time of the first one", "ISO 8601", changes=True)] = None
    last_seen: Annotated[Moment | None, about("last seen", "time of the last one", "ISO 8601", changes=True)] = None
    members: Annotated[
        tuple[MemberName, ...] | None, about("members", "the ICAP servers that received them, host:port, busiest first")
    ] = None
    pools: Annotated[
        tuple[PoolName, ...] | None,
        about("pools", "names of the pool groups (Avi logs the group, not the pool), busiest first"),
    ] = None
    response_code: Annotated[int | None, about("response code", "the HTTP status that the client got")] = None
    latency_p50_ms: Annotated[
        int | None, about("latency p50", "median of the time spent in ICAP", "ms", changes=True)
    ] = None
    latency_p95_ms: Annotated[
        int | None, about("latency p95", "95th percentile of the time spent in ICAP", "ms", changes=True)
    ] = None
    latency_p99_ms: Annotated[
        int | None, about("latency p99", "99th percentile of the time spent in ICAP", "ms", changes=True)
    ] = None
    latency_max_ms: Annotated[int | None, about("latency max", "the longest time in ICAP", "ms", changes=True)] = None
    request_length_max: Annotated[int | None, about("largest request", "the largest request_length", "bytes")] = None
    modified_content_length_max: Annotated[
        int | None, about("largest modified", "the largest content that an ICAP server returned", "bytes")
    ] = None
    nsx_score_max: Annotated[
        int | None, about("NSX score", "the highest score from NSX Defender (nsx_defender_log.score)", "0 to 100")
    ] = None
    preview_sent: Annotated[
        int | None, about("preview sent", "the header Preview that the Service Engine sent", "bytes")
    ] = None
    request_ids: Annotated[
        tuple[RequestID, ...] | None,
        about("request ids", "request_id of a few of them, to find them in Avi's logs", changes=True),
    ] = None
    virtualservices: Annotated[
        tuple[VirtualService, ...] | None,
        about("virtual services", "virtual services of the requests, a few"),
    ] = None
    service_engines: Annotated[
        tuple[ServiceEngine, ...] | None, about("Service Engines", "the Service Engines that handled them, a few")
    ] = None
    only_service_engine: Annotated[
        ServiceEngine | None,
        about(
            "only Service Engine",
            "the one Service Engine that all failures of the log come from, where others had their requests scanned by"
            " the same servers",
        ),
    ] = None
    quiet_s: Annotated[
        float | None,
        about(
            "quiet after it",
            "of an outage, in which nearly all failed, with which the log does not end: how long after the last failure"
            " requests were scanned",
            "s",
            changes=True,
        ),
    ] = None
    clients: Annotated[
        tuple[Address, ...] | None, about("clients", "where the requests came from, the most frequent first, a few")
    ] = None
    users: Annotated[tuple[Person, ...] | None, about("users", "user_id of the requests, a few")] = None
    http_methods: Annotated[tuple[Word, ...] | None, about("methods", "HTTP methods of the requests, a few")] = None
    http_hosts: Annotated[tuple[HostName, ...] | None, about("hosts", "Host of the requests, a few")] = None
    paths: Annotated[
        tuple[Text, ...] | None, about("paths", "paths of the requests, a few; of long ones the first three segments")
    ] = None
    uploads: Annotated[
        tuple[Text, ...] | None,
        about("uploads", "method and path of a few requests with a body that went through ICAP, such as POST /upload"),
    ] = None
    content_types: Annotated[tuple[Text, ...] | None, about("content types", "media types of the requests, a few")] = (
        None
    )
    policy_rules: Annotated[
        tuple[Text, ...] | None, about("rules", "names of the policy rules that matched the requests, a few")
    ] = None
    source_ports: Annotated[
        tuple[Word, ...] | None,
        about("source ports", "of a few ICAP connections, to find them in a capture", changes=True),
    ] = None
    pool_uuids: Annotated[tuple[PoolName, ...] | None, about("pool uuids", "of the pool groups, a few")] = None
    nsx_pending: Annotated[
        int | None, about("NSX pending", "how many have a task of NSX Defender without a score", changes=True)
    ] = None
    nsx_tasks: Annotated[
        tuple[Text, ...] | None, about("NSX tasks", "links to the analyses of NSX Defender, a few", changes=True)
    ] = None
    resolutions: Annotated[
        tuple[Word, ...] | None,
        about("resolutions", "what MetaDefender did with the threats (opswat_log.violations[].resolution)"),
    ] = None
    timestamp: Annotated[
        Moment | None,
        about("timestamp", "when the request was logged; UTC unless it has an offset", "ISO 8601", changes=True),
    ] = None


class PastedAnswer(RequestGroup):
    """An ICAP response outside a log: bytes, a client's output, header lines. Only what it contains is written."""

    nulls = frozenset()
    moved = "service_uri count; odd_headers error protocol_rule peer peer_excerpt"


class ReportedGroup(RequestGroup):
    """A group in a report: with its status, its counts by name, and the findings that explain it."""

    moved = RequestGroup.moved + "; ^ probe"
    required = frozenset({"probe", "count", "findings"})

    probe: Annotated[
        Word | None,
        about("probe", "answer: a raw ICAP response; empty: requests of a log", values=("", "answer"), closed=True),
    ] = None
    member: Annotated[MemberName | None, about("member", "of an answer: who sent it")] = None
    status: Annotated[Word | None, about("status", "failed: ICAP failed for these requests")] = None
    reason: Annotated[Word | None, about("reason", "of an answer: why it failed")] = None
    logged_reason: Annotated[
        Text | None,
        about(
            "logged reason",
            "why they ended so, in one text: the codes of a failure, otherwise the words of the server or of"
            " MetaDefender, with … for names of threats",
        ),
    ] = None
    by_member: Annotated[
        dict[MemberName, int] | None, about("by member", "by ICAP server", "requests", changes=True)
    ] = None
    by_pool: Annotated[dict[PoolName, int] | None, about("by pool", "by pool group", "requests", changes=True)] = None
    by_threat: Annotated[dict[Text, int] | None, about("by threat", "by threat name", "requests", changes=True)] = None
    by_virtualservice: Annotated[
        dict[VirtualService, int] | None, about("by virtual service", "by virtual service", "requests", changes=True)
    ] = None
    last_by_virtualservice: Annotated[
        dict[VirtualService, Moment] | None,
        about(
            "last by virtual service", "time of the last one of each, where there are several", "ISO 8601", changes=True
        ),
    ] = None
    looked_at: Annotated[
        Whole | None,
        about(
            "sampled",
            "requests whose client, path and so on were read: all, except in very large logs; the next counts add up to"
            " this number",
            "requests",
            changes=True,
        ),
    ] = None
    by_client: Annotated[
        dict[Address, int] | None, about("by client", "by the client's address", "requests", changes=True)
    ] = None
    by_user: Annotated[dict[Person, int] | None, about("by user", "by user_id", "requests", changes=True)] = None
    by_method: Annotated[dict[Word, int] | None, about("by method", "by HTTP method", "requests", changes=True)] = None
    by_host: Annotated[dict[HostName, int] | None, about("by host", "by Host", "requests", changes=True)] = None
    by_path: Annotated[
        dict[Text, int] | None,
        about("by path", "by path; of long ones the first three segments", "requests", changes=True),
    ] = None
    by_content_type: Annotated[
        dict[Text, int] | None, about("by content type", "by media type", "requests", changes=True)
    ] = None
    by_size: Annotated[dict[Word, int] | None, about("by size", "by request_length", "requests", changes=True)] = None
    by_rule: Annotated[
        dict[Text, int] | None, about("by rule", "by name of the policy rule", "requests", changes=True)
    ] = None
    by_service_engine: Annotated[
        dict[ServiceEngine, int] | None, about("by Service Engine", "by Service Engine", "requests", changes=True)
    ] = None
    findings: Annotated[tuple[RunbookID, ...], about("findings", "ids of the findings that explain it")] = ()


class ReportedAnswer(ReportedGroup):
    """A pasted answer in a report."""

    nulls = frozenset({"reason"})
    moved = PastedAnswer.moved + "; ^ probe"
