"""Every field that a runbook may look at: its type, its unit, what it means, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from icapdiag.model import JSONValue, Observation, Reason, Status, Verdict

TEXT, INTEGER, NUMBER, BOOLEAN = "text", "integer", "number", "boolean"
TEXTS, RECORDS = "list of text", "list of records"

POOL = "pool"  # "probe" of what differs between the members, and of nobody's connection
DEEP = ("conformance", "preview", "size", "keepalive", "services", "variants", "respmod", "load")
PROBES = ("dns", "tcp", "tls", "options", "clean", "eicar", "repeat", *DEEP, POOL)
SUMMARY = "summary"  # "probe" of the one observation about a log as a whole
ANSWER = "answer"  # "probe" of an ICAP answer outside of a log: bytes, a client's print, header lines
ACTIONS = ("ICAP_DISABLED", "ICAP_PASSED", "ICAP_MODIFIED", "ICAP_BLOCKED", "ICAP_FAILED")
OUTCOMES = ("unscanned", "refused-500", "refused-413", "blocked", "passed", "modified", "disabled", "unknown")
SKIP_REASONS = ("disabled", "not-asked", "literal-address", "plain")  # of status skipped: nothing to do, or not wanted
BASE = ("source", "probe", "pool", "member", "status", "reason", "elapsed_ms")

_EVERY = ("probe", "log", "config")
_LIVE = ("probe",)
_LOG = ("log",)
_ANSWER = ("probe", "log")  # of an ICAP answer, met live or kept in a log
_ICAP = ("options", "clean", "eicar")
_SAMPLE = ("clean", "eicar")
_COMPARED = ("service", "service_id", "server", "istag", "methods", "allow", "preview", "max_connections",
             "options_ttl", "transfer_preview", "transfer_ignore", "transfer_complete", "x_include", "options_status",
             "clean_status", "clean_verdict", "eicar_verdict", "transport", "tls_version", "cipher", "cert_issuer",
             "cert_sha256", "cert_days_left", "family", "rtt", "scan_time", "clock_offset", "tcp_outcome",
             "tls_outcome", "options_outcome", "clean_outcome", "eicar_outcome", "address", "identity")  # fmt: skip
_KINDS = ("outlier", "two-camps", "several-camps", "all-different", "same-server")
_PEERS = ("http", "tls", "ssh", "smtp", "clamd", "unknown")


@dataclass(frozen=True, slots=True)
class Field:
    """Documentation of one field.

    ``sources`` are the kinds of observation that have it; ``probes`` those of source ``probe``
    that can have it (not every observation does). ``values`` is a closed vocabulary, or empty.
    """

    name: str
    type: str
    unit: str
    meaning: str
    sources: tuple[str, ...]
    probes: tuple[str, ...]
    values: tuple[str, ...] = ()


def flatten(observation: Observation) -> dict[str, JSONValue]:
    """The flat record that conditions look at: the observation's own fields, and its facts.

    A fact never hides a field of the observation itself.
    """
    return {
        **observation.facts,
        "source": observation.source,
        "probe": observation.probe,
        "pool": observation.pool,
        "member": observation.member,
        "status": str(observation.status),
        "reason": observation.reason if observation.reason is None else str(observation.reason),
        "elapsed_ms": observation.elapsed_ms,
    }


def _table(
    sources: tuple[str, ...], probes: tuple[str, ...], rows: tuple[tuple[str, str, str, str], ...]
) -> list[Field]:
    return [Field(name, kind, unit, meaning, sources, probes) for name, kind, unit, meaning in rows]


_REASONS = tuple(dict.fromkeys((*(str(reason) for reason in Reason), *PROBES, *SKIP_REASONS)))

_ALL = [
    Field("source", TEXT, "", "where the observation comes from", _EVERY, PROBES, _EVERY),
    Field(
        "probe",
        TEXT,
        "",
        "which probe made it; pool for what differs between members, answer for a pasted ICAP answer, summary for a log"
        " as a whole, empty for a log's requests and switched-off members",
        _EVERY,
        PROBES,
        (*PROBES, SUMMARY, ANSWER),
    ),
    Field("pool", TEXT, "", "the pool's name; in a log usually the pool group's", _EVERY, PROBES),
    Field("member", TEXT, "", "the member's name, host:port unless the pool file names it", _EVERY, PROBES),
    Field("status", TEXT, "", "what became of the probe", _EVERY, PROBES, tuple(str(status) for status in Status)),
    Field(
        "reason",
        TEXT,
        "",
        "why it failed; for status blocked the probe that was in the way, for skipped why there was no need",
        _EVERY,
        PROBES,
        _REASONS,
    ),
    Field("elapsed_ms", NUMBER, "ms", "wall time of the step; absent if it never ran", _EVERY, PROBES),
    Field("timestamp", TEXT, "ISO 8601", "when the request was logged; UTC unless it says otherwise", _LOG, ()),
]

_ALL += _table(
    _LIVE,
    PROBES,
    (
        ("host", TEXT, "", "the member's host as configured: an address or a name"),
        ("port", INTEGER, "", "the member's TCP port"),
        ("address", TEXT, "", "the IP address that was dialled"),
        ("tls", BOOLEAN, "", "the member is reached by ICAPS, ICAP inside TLS"),
    ),
)

_ALL += _table(
    _LIVE,
    ("dns",),
    (
        ("addresses", TEXTS, "", "all addresses that the resolvers gave"),
        ("records", RECORDS, "", "each record: type, address, ttl_s, resolver"),
        ("resolvers", TEXTS, "", "the resolvers that were asked"),
        ("answers_differ", BOOLEAN, "", "two resolvers gave different addresses"),
        ("hosts_file_only", BOOLEAN, "", "only this host's own hosts file knows the name, DNS does not"),
        ("rcode", TEXT, "", "the DNS response code, such as NXDOMAIN or SERVFAIL"),
    ),
)

_ALL += _table(
    _LIVE,
    ("tcp",),
    (
        ("local_address", TEXT, "", "our address on the connection"),
        ("family", TEXT, "", "ipv4 or ipv6"),
        ("rtt_ms", NUMBER, "ms", "round trip of the handshake as the kernel measured it"),
        ("retransmits", INTEGER, "", "segments of the handshake that had to be sent again"),
        ("interface", TEXT, "", "the interface of this host that has our address"),
        ("route_mtu", INTEGER, "bytes", "the longest packet that the kernel knows the route to take"),
    ),
)

_ALL += _table(
    _LIVE,
    ("tls",),
    (
        ("tls_version", TEXT, "", "the protocol agreed on, such as TLSv1.3"),
        ("cipher", TEXT, "", "the cipher suite agreed on"),
        ("server_name", TEXT, "", "the name that the certificate must have"),
        ("sni", BOOLEAN, "", "the name was sent with the handshake; a literal address is not"),
        ("verified", BOOLEAN, "", "the certificate's chain, name and dates were checked and hold"),
        ("verify_error", TEXT, "", "why they do not"),
        ("cert_subject", TEXT, "", "the certificate's subject"),
        ("cert_issuer", TEXT, "", "the certificate's issuer"),
        ("cert_names", TEXTS, "", "names and addresses that the certificate is for"),
        ("cert_not_before", TEXT, "ISO 8601", "start of its validity"),
        ("cert_not_after", TEXT, "ISO 8601", "end of its validity"),
        ("cert_days_left", NUMBER, "days", "until the end of its validity; negative once past"),
        ("cert_error", TEXT, "", "why the certificate could not be read"),
        ("cert_sha256", TEXT, "hex", "its fingerprint"),
        ("cert_chain", RECORDS, "", "the certificates that the server sent, its own first"),
    ),
)

_ALL += _table(
    _ANSWER,
    _ICAP,
    (
        ("method", TEXT, "", "the ICAP method of the request: OPTIONS, REQMOD or RESPMOD"),
        ("service_uri", TEXT, "", "the path of the ICAP service, such as /avscan"),
        ("icap_status", INTEGER, "", "the status code of the ICAP answer"),
        ("icap_reason", TEXT, "", "the words after it"),
        ("http_status", INTEGER, "", "the status code of the HTTP response inside the answer"),
        ("verdict_reason", TEXT, "", "the server's reason in its own words"),
        ("threats", TEXTS, "", "names of threats that the server found"),
        ("decided_by", TEXTS, "", "the headers or status codes that the verdict was read from"),
        ("deviation_rules", TEXTS, "", "rules of RFC 3507 that the answer breaks, as slugs"),
        ("deviations", RECORDS, "", "each of them: rule, section, detail, seen"),
        ("protocol_rule", TEXT, "", "the rule at which reading stopped, with reason protocol or too-large"),
        ("complete", BOOLEAN, "", "the answer was received to its end"),
        ("complete_body_sent", BOOLEAN, "", "the server got the whole body, not only the preview"),
    ),
)
_ALL += [
    Field(
        "verdict",
        TEXT,
        "",
        "what the server decided about the body",
        _ANSWER,
        _ICAP,
        tuple(str(verdict) for verdict in Verdict),
    ),
    Field(
        "answer_clock",
        TEXT,
        "",
        "whose clock answer_ms is by: the kernel's receive timestamp, or this program's own",
        _LIVE,
        _ICAP,
        ("kernel", "application"),
    ),
    Field("peer", TEXT, "", "what the peer speaks instead, with reason not-icap", _ANSWER, _ICAP, _PEERS),
    Field("peer_excerpt", TEXT, "", "the first bytes that such a peer sent", _ANSWER, _ICAP),
    Field("error", TEXT, "", "the operating system's or the library's own words", _ANSWER, PROBES),
]
_ALL += _table(
    _LIVE,
    _ICAP,
    (
        ("bytes_sent", INTEGER, "bytes", "sent on the connection for this request"),
        ("bytes_received", INTEGER, "bytes", "received in answer"),
        ("first_byte_ms", NUMBER, "ms", "from the request to the first byte of the answer"),
        ("answer_ms", NUMBER, "ms", "from the request to the arrival of the answer's first bytes, by answer_clock"),
        ("answer_application_ms", NUMBER, "ms", "the same by this program's own clock, which counts its own delays"),
        ("answer_uncertain", BOOLEAN, "", "this program was too busy, or the clock was set, to vouch for answer_ms"),
        ("reset_after_answer", BOOLEAN, "", "the connection was reset after a whole answer"),
        ("continued", BOOLEAN, "", "the server asked for the rest of the body with 100 Continue"),
        ("clock_offset_s", NUMBER, "s", "how far the server's clock is ahead of this host's, by the answer's Date"),
        ("clock_uncertainty_s", NUMBER, "s", "by how much that may be wrong, either way"),
        ("clock_skew_s", NUMBER, "s", "by how much the two clocks differ at the least, whichever is ahead"),
        ("timeout_ms", NUMBER, "ms", "how long this program was ready to wait"),
        ("profile_vendor", TEXT, "", "vendor of the ICAP profile, such as ICAP_VENDOR_OPSWAT"),
        ("profile_preview_size", INTEGER, "bytes", "preview_size of the ICAP profile"),
        ("profile_allow_204", BOOLEAN, "", "allow_204 of the ICAP profile"),
        ("profile_response_timeout", INTEGER, "ms", "response_timeout of the ICAP profile"),
        ("profile_slow_response_warning_threshold", INTEGER, "ms", "slow_response_warning_threshold of the profile"),
    ),
)
_ALL += _table(
    _LIVE,
    _SAMPLE,
    (
        ("sample_sha256", TEXT, "hex", "digest of the body that was sent"),
        ("sample_size", INTEGER, "bytes", "its length"),
        ("correlation_id", TEXT, "", "sent as a header, to find the request in the server's logs"),
        ("offered_204", BOOLEAN, "", "offers_204 of the same member's OPTIONS answer"),
        ("offered_preview", INTEGER, "bytes", "Preview of the same member's OPTIONS answer"),
    ),
)
_ALL += _table(
    _LIVE,
    ("options",),
    (
        ("offers_reqmod", BOOLEAN, "", "the OPTIONS answer lists REQMOD among its methods"),
        ("offers_204", BOOLEAN, "", "the OPTIONS answer allows 204"),
    ),
)
_ALL += [
    Field(
        "samples",
        RECORDS,
        "",
        "each step of several rounds: step, sent, lost, loss_percent, min_ms, avg_ms, p95_ms, max_ms",
        _LIVE,
        ("repeat",),
    ),
    Field("stopped", TEXT, "", "why there were fewer rounds", _LIVE, ("repeat",), ("busy", "deadline")),
]

_ALL += [
    Field(
        "fact",
        TEXT,
        "",
        "what differs between the members, or is the same and should not be",
        _LIVE,
        (POOL,),
        _COMPARED,
    ),
    Field(
        "kind",
        TEXT,
        "",
        "how the members stand to each other: outlier is one against a majority, and the observation is about it;"
        " with same-server it is about a member that shares its server; else it is about no single member",
        _LIVE,
        (POOL,),
        _KINDS,
    ),
]
_ALL += _table(
    _LIVE,
    (POOL,),
    (
        ("value", TEXT, "", "of the odd member; (none) if its answer does not say, (changes) if it says several"),
        ("values", TEXTS, "", "all that there are, those of most members first, 20 at most"),
        ("camps", RECORDS, "", "each of them: value, count, members"),
        ("majority_value", TEXT, "", "of those that agree, where there is an odd one out"),
        ("majority_members", TEXTS, "", "the members that have it, 20 at most"),
        ("majority_count", INTEGER, "members", "how many have it"),
        ("same_as", TEXTS, "", "other members that are, or likely are, the same server"),
    ),
)

_HEADERS = (
    ("istag", TEXT, "", "ISTag"),
    ("server", TEXT, "", "Server"),
    ("service", TEXT, "", "Service"),
    ("service_id", TEXT, "", "Service-ID"),
    ("methods", TEXTS, "", "Methods"),
    ("preview", INTEGER, "bytes", "Preview"),
    ("allow", TEXTS, "", "Allow"),
    ("max_connections", INTEGER, "", "Max-Connections"),
    ("options_ttl", INTEGER, "s", "Options-TTL"),
    ("transfer_preview", TEXT, "", "Transfer-Preview"),
    ("transfer_ignore", TEXT, "", "Transfer-Ignore"),
    ("transfer_complete", TEXT, "", "Transfer-Complete"),
    ("x_include", TEXT, "", "X-Include"),
    ("x_response_info", TEXT, "", "X-Response-Info"),
    ("x_response_desc", TEXT, "", "X-Response-Desc"),
    ("x_response_description", TEXT, "", "X-Response-Description"),
    ("x_blocked_reason", TEXT, "", "X-Blocked-Reason"),
    ("x_block_reason", TEXT, "", "X-Block-Reason"),
    ("x_block_result", TEXT, "", "X-Block-Result"),
    ("x_infection_found", TEXT, "", "X-Infection-Found"),
    ("x_violations_found", TEXT, "", "X-Violations-Found"),
    ("x_virus_id", TEXT, "", "X-Virus-ID"),
    ("x_virus_name", TEXT, "", "X-Virus-Name"),
    ("x_icap_profile", TEXT, "", "X-ICAP-Profile"),
    ("x_fsecure_scan_result", TEXT, "", "X-FSecure-Scan-Result"),
    ("x_fsecure_infection_name", TEXT, "", "X-FSecure-Infection-Name"),
    ("x_error_code", TEXT, "", "X-Error-Code"),
    ("connection", TEXT, "", "Connection"),
    ("date", TEXT, "", "Date"),
)
_ALL += _table(
    _ANSWER,
    _ICAP,
    tuple((name, kind, unit, f"header {header} of the ICAP answer") for name, kind, unit, header in _HEADERS),
)

_ALL += [
    Field("icap_action", TEXT, "", "icap_log.action: what Avi did with the requests", _LOG, (), ACTIONS),
    Field(
        "client_outcome",
        TEXT,
        "",
        "what the client got: unscanned passed without a scan (fail-open), refused-500 and refused-413 were turned"
        " away by fail-closed, disabled was not to be scanned",
        _LOG,
        (),
        OUTCOMES,
    ),
]
_ALL += _table(
    _LOG,
    (),
    (
        ("count", INTEGER, "requests", "how many requests the observation stands for"),
        ("first_seen", TEXT, "ISO 8601", "when the first of them was logged"),
        ("last_seen", TEXT, "ISO 8601", "when the last of them was logged"),
        ("members", TEXTS, "", "the ICAP servers that they went to, host:port, busiest first"),
        ("pools", TEXTS, "", "names of the pool groups (Avi logs the group, not the pool), busiest first"),
        (
            "adf_codes",
            TEXTS,
            "",
            "codes of significant_log that concern ICAP or the server side, such as ADF_ICAP_TIMEDOUT",
        ),
        ("significance", TEXT, "", "why Avi calls the entry significant, in its own words"),
        ("icap_method", TEXT, "", "the ICAP method as Avi writes it, such as ICAP_METHOD_REQMOD"),
        ("response_code", INTEGER, "", "the HTTP status that the client got"),
        ("opswat_reason", TEXT, "", "MetaDefender's reason as Avi read it (reason, or opswat_log.reason)"),
        ("nsx_score_max", INTEGER, "0 to 100", "the highest score that NSX Defender gave (nsx_defender_log.score)"),
        ("vendor", TEXT, "", "vendor of the ICAP profile in force, such as ICAP_VENDOR_OPSWAT"),
        ("latency_p50_ms", NUMBER, "ms", "half of the requests spent no longer than this in ICAP"),
        ("latency_p95_ms", NUMBER, "ms", "the same of 95 in 100"),
        ("latency_p99_ms", NUMBER, "ms", "the same of 99 in 100"),
        ("latency_max_ms", NUMBER, "ms", "the longest time in ICAP"),
        ("request_length_max", INTEGER, "bytes", "the longest of the requests"),
        ("modified_content_length_max", INTEGER, "bytes", "the longest content that an ICAP server gave back"),
        ("preview_sent", INTEGER, "bytes", "the Preview that the Service Engine announced"),
        ("request_ids", TEXTS, "", "request_id of a few of them, to be looked up in Avi's logs"),
        ("virtualservices", TEXTS, "", "the virtual services that they came through, a few"),
        ("service_engines", TEXTS, "", "the Service Engines that handled them, a few"),
        ("entries_total", INTEGER, "entries", "log entries read"),
        ("entries_icap", INTEGER, "entries", "those with an icap_log"),
        ("entries_passed", INTEGER, "entries", "those with action ICAP_PASSED"),
        ("entries_modified", INTEGER, "entries", "those with action ICAP_MODIFIED"),
        ("entries_blocked", INTEGER, "entries", "those with action ICAP_BLOCKED"),
        ("entries_failed", INTEGER, "entries", "those with action ICAP_FAILED"),
        ("entries_disabled", INTEGER, "entries", "those with action ICAP_DISABLED"),
        ("only_significant", BOOLEAN, "", "all entries are significant and none passed: exported without nf=true"),
        ("span_s", NUMBER, "s", "from the first entry to the last"),
        ("failed_share", NUMBER, "0 to 1", "failed entries among those that went through ICAP"),
        ("unscanned_count", INTEGER, "requests", "requests that passed without a scan because ICAP failed"),
    ),
)

# What an Avi configuration will be read for. Nothing makes such observations yet: see tests/runbook/test_evidence.py.
_ALL += _table(
    ("config",),
    (),
    (
        (
            "object",
            TEXT,
            "",
            "type of Avi object: icapprofile, poolgroup, pool, server, virtualservice",
        ),
        ("object_name", TEXT, "", "its name"),
        ("icap_profiles", INTEGER, "", "ICAP profiles that a virtual service refers to"),
        ("icap_rules", INTEGER, "", "rules with the ICAP action that can be reached, in its policies"),
        ("fail_action", TEXT, "", "fail_action of an ICAP profile: ICAP_FAIL_OPEN (default) or ICAP_FAIL_CLOSED"),
        ("buffer_size_exceed_action", TEXT, "", "the same for bodies larger than buffer_size"),
        ("group_fail_action", TEXT, "", "type of the fail_action of a pool group or pool; absent if there is none"),
        ("broken_references", TEXTS, "", "references that lead nowhere, or into another cloud or tenant"),
        ("monitor_type", TEXT, "", "type of a pool's health monitor, such as HEALTH_MONITOR_TCP"),
        ("monitor_request", TEXT, "", "what the monitor sends, if anything"),
        ("enabled", BOOLEAN, "", "the object, or server, is switched on"),
        ("ratio", INTEGER, "", "weight of a pool or server in its group; 0 gets nothing"),
        ("same_server_as", TEXTS, "", "other entries of the pool group with the same address and port"),
    ),
)

FIELDS: Mapping[str, Field] = MappingProxyType({field.name: field for field in _ALL})
