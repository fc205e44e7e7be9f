"""Fields of what an Avi log says of its requests."""

from __future__ import annotations

from icapdiag.runbook.field import ACTIONS, BOOLEAN, INTEGER, LOG, NUMBER, OUTCOMES, TEXT, TEXTS, Field, table

FIELDS = [
    Field("icap_action", TEXT, "", "icap_log.action: what Avi did with the requests", LOG, (), ACTIONS),
    Field(
        "client_outcome",
        TEXT,
        "",
        "what the client got: unscanned passed without a scan (fail-open), refused-500 and refused-413 were turned"
        " away by fail-closed, disabled was not to be scanned",
        LOG,
        (),
        OUTCOMES,
    ),
]
FIELDS += table(
    LOG,
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
