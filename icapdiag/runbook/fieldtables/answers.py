"""Fields of an ICAP answer, met live or kept in a log: the status, the verdict, the headers."""

from __future__ import annotations

from icapdiag.icap.header_table import FACTS
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

FIELDS += table(
    ANSWERED,
    ICAP,
    tuple((row.fact, str(row.kind), row.unit, f"header {row.name} of the ICAP answer") for row in FACTS),
)
