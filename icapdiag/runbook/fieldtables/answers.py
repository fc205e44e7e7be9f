"""Fields of an ICAP answer, met live or kept in a log: the status, the verdict, the headers."""

from __future__ import annotations

from icapdiag.runbook.field import (
    ANSWERED,
    BOOLEAN,
    ICAP,
    ICAP_DEEP,
    INTEGER,
    PEERS,
    PROBES,
    RECORDS,
    TEXT,
    TEXTS,
    Field,
    table,
)
from icapdiag.vocabulary import Verdict

FIELDS = table(
    ANSWERED,
    ICAP,
    (
        ("method", TEXT, "", "the ICAP method of the request: OPTIONS, REQMOD or RESPMOD"),
        ("icap_status", INTEGER, "", "the status code of the ICAP answer"),
        ("icap_reason", TEXT, "", "the words after it"),
        ("http_status", INTEGER, "", "the status code of the HTTP response inside the answer"),
        ("verdict_reason", TEXT, "", "the server's reason in its own words"),
        ("threats", TEXTS, "", "names of threats that the server found"),
        ("decided_by", TEXTS, "", "the headers or status codes that the verdict was read from"),
        ("protocol_rule", TEXT, "", "the rule at which reading stopped, with reason protocol or too-large"),
        ("complete", BOOLEAN, "", "the answer was received to its end"),
        ("complete_body_sent", BOOLEAN, "", "the server got the whole body, not only the preview"),
    ),
)
FIELDS += table(
    ANSWERED,
    ICAP_DEEP,
    (
        ("service_uri", TEXT, "", "the path of the ICAP service, such as /avscan"),
        ("deviation_rules", TEXTS, "", "rules of RFC 3507 that the answer breaks, as slugs"),
        ("deviations", RECORDS, "", "each of them: rule, section, detail, seen"),
    ),
)
FIELDS += [
    Field(
        "verdict",
        TEXT,
        "",
        "what the server decided about the body",
        ANSWERED,
        ICAP,
        tuple(str(verdict) for verdict in Verdict),
    ),
    Field("peer", TEXT, "", "what the peer speaks instead, with reason not-icap", ANSWERED, ICAP, PEERS),
    Field("peer_excerpt", TEXT, "", "the first bytes that such a peer sent", ANSWERED, ICAP),
    Field("error", TEXT, "", "the operating system's or the library's own words", ANSWERED, PROBES),
]

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
FIELDS += table(
    ANSWERED,
    ICAP,
    tuple((name, kind, unit, f"header {header} of the ICAP answer") for name, kind, unit, header in _HEADERS),
)
