"""Fields of what a probe measures on its connection, the profile's own limits among them."""

from __future__ import annotations

from icapdiag.runbook.field import (
    BOOLEAN,
    ICAP,
    ICAP_DEEP,
    INTEGER,
    LIVE,
    NUMBER,
    RECORDS,
    SAMPLE,
    TEXT,
    TEXTS,
    Field,
    table,
)

FIELDS = table(
    LIVE,
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

FIELDS += table(
    LIVE,
    ("tcp",),
    (
        ("local_address", TEXT, "", "our address on the connection"),
        ("family", TEXT, "", "ipv4 or ipv6"),
        ("rtt_ms", NUMBER, "ms", "round trip of the handshake as the kernel measured it"),
        ("retransmits", INTEGER, "", "segments of the handshake that had to be sent again"),
        ("interface", TEXT, "", "the interface of this host that has our address"),
        ("route_interface", TEXT, "", "the interface that the kernel's route to the address leaves by"),
        ("route_gateway", TEXT, "", "the next hop of that route; absent if there is none"),
        ("route_mtu", INTEGER, "bytes", "the longest packet that the kernel knows the route to take"),
    ),
)

FIELDS += table(
    LIVE,
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

FIELDS += table(
    LIVE,
    ICAP,
    (
        ("bytes_sent", INTEGER, "bytes", "sent on the connection for this request"),
        ("bytes_received", INTEGER, "bytes", "received in answer"),
        ("first_byte_ms", NUMBER, "ms", "from the request to the first byte of the answer"),
        ("answer_ms", NUMBER, "ms", "from the request to the arrival of the answer's first bytes, by answer_clock"),
        ("answer_application_ms", NUMBER, "ms", "the same by this program's own clock, which counts its own delays"),
        (
            "answer_uncertain",
            BOOLEAN,
            "",
            "our own delays, or a clock that was set, may make more than 5 % of answer_ms",
        ),
        ("reset_after_answer", BOOLEAN, "", "the connection was reset after a whole answer"),
        ("clock_offset_s", NUMBER, "s", "how far the server's clock is ahead of this host's, by the answer's Date"),
        ("clock_uncertainty_s", NUMBER, "s", "by how much that may be wrong, either way"),
        ("clock_skew_s", NUMBER, "s", "by how much the two clocks differ at the least, whichever is ahead"),
    ),
)
FIELDS += table(
    LIVE,
    ICAP_DEEP,
    (
        ("continued", BOOLEAN, "", "the server asked for the rest of the body with 100 Continue"),
        ("timeout_ms", NUMBER, "ms", "how long this program was ready to wait"),
        ("profile_vendor", TEXT, "", "vendor of the ICAP profile, such as ICAP_VENDOR_OPSWAT"),
        ("profile_preview_size", INTEGER, "bytes", "preview_size of the ICAP profile"),
        ("profile_allow_204", BOOLEAN, "", "allow_204 of the ICAP profile"),
        ("warn_ms", INTEGER, "ms", "an answer is slow after this: --warn, else slow_response_warning_threshold"),
        ("crit_ms", INTEGER, "ms", "an answer is too slow after this: --crit, else response_timeout"),
        ("profile_response_timeout", INTEGER, "ms", "response_timeout of the ICAP profile"),
        ("profile_slow_response_warning_threshold", INTEGER, "ms", "slow_response_warning_threshold of the profile"),
    ),
)
FIELDS += table(
    LIVE,
    (*SAMPLE, "preview"),
    (("offered_preview", INTEGER, "bytes", "Preview of the same member's OPTIONS answer"),),
)
FIELDS += table(
    LIVE,
    SAMPLE,
    (
        ("sample_sha256", TEXT, "hex", "digest of the body that was sent"),
        ("sample_size", INTEGER, "bytes", "its length"),
        ("correlation_id", TEXT, "", "sent as a header, to find the request in the server's logs"),
        ("istag_changed", BOOLEAN, "", "ISTag is another than in the same member's OPTIONS answer a moment ago"),
        ("offered_204", BOOLEAN, "", "offers_204 of the same member's OPTIONS answer"),
        ("options_answer_ms", NUMBER, "ms", "answer_ms of the same member's OPTIONS answer"),
    ),
)
FIELDS += table(
    LIVE,
    ("options",),
    (
        ("offers_reqmod", BOOLEAN, "", "the OPTIONS answer lists REQMOD among its methods"),
        ("offers_204", BOOLEAN, "", "the OPTIONS answer allows 204"),
    ),
)
FIELDS += [
    Field(
        "request_acknowledged",
        BOOLEAN,
        "",
        "nothing came back in time, though the peer's kernel acknowledged every byte that was sent",
        LIVE,
        ("tls", "options"),
    ),
    Field(
        "close_reaction",
        TEXT,
        "",
        "nothing came back in time: what came when this program closed its half of the connection; none if nothing"
        " did, which is how a connection looks that no process has taken from the kernel's queue",
        LIVE,
        ("tls", "options"),
        ("none", "closed", "reset", "answered"),
    ),
    Field(
        "answer_clock",
        TEXT,
        "",
        "whose clock answer_ms is by: the kernel's receive timestamp, or this program's own",
        LIVE,
        ICAP,
        ("kernel", "application"),
    ),
    Field(
        "samples",
        RECORDS,
        "",
        "each step of several rounds: step, sent, lost, loss_percent, min_ms, avg_ms, p95_ms, max_ms, clock (kernel,"
        " application or both)",
        LIVE,
        ("repeat",),
    ),
    Field(
        "stopped",
        TEXT,
        "",
        "why there were fewer rounds, or fewer tries: enough is that all that was announced had been sent, error that"
        " this host failed",
        LIVE,
        ("repeat", "preview", "services", "variants", "size"),
        ("busy", "deadline", "connection", "enough", "error"),
    ),
]
