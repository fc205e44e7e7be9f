"""Fields of every observation: where it comes from, and what became of the probe."""

from __future__ import annotations

from icapdiag.runbook.field import (
    ANSWER,
    BOOLEAN,
    EVERY,
    INTEGER,
    LIVE,
    LOG,
    NUMBER,
    PROBES,
    SKIP_REASONS,
    SUMMARY,
    TEXT,
    Field,
    table,
)
from icapdiag.vocabulary import Reason, Status

_REASONS = tuple(dict.fromkeys((*(str(reason) for reason in Reason), *PROBES, *SKIP_REASONS)))

FIELDS = [
    Field("source", TEXT, "", "where the observation comes from", EVERY, PROBES, EVERY),
    Field(
        "probe",
        TEXT,
        "",
        "which probe made it; pool for what differs between members, answer for a pasted ICAP answer, summary for a log"
        " as a whole, empty for a log's requests and switched-off members",
        EVERY,
        PROBES,
        (*PROBES, SUMMARY, ANSWER),
    ),
    Field("pool", TEXT, "", "the pool's name; in a log usually the pool group's", EVERY, PROBES),
    Field("member", TEXT, "", "the member's name, host:port unless the pool file names it", EVERY, PROBES),
    Field("status", TEXT, "", "what became of the probe", EVERY, PROBES, tuple(str(status) for status in Status)),
    Field(
        "reason",
        TEXT,
        "",
        "why it failed; for status blocked the probe that was in the way, for skipped why there was no need",
        EVERY,
        PROBES,
        _REASONS,
    ),
    Field("elapsed_ms", NUMBER, "ms", "wall time of the step; absent if it never ran", EVERY, PROBES),
    Field("timestamp", TEXT, "ISO 8601", "when the request was logged; UTC unless it says otherwise", LOG, ()),
]

FIELDS += table(
    LIVE,
    PROBES,
    (
        ("host", TEXT, "", "the member's host as configured: an address or a name"),
        ("port", INTEGER, "", "the member's TCP port"),
        ("address", TEXT, "", "the IP address that was dialled"),
        ("tls", BOOLEAN, "", "the member is reached by ICAPS, ICAP inside TLS"),
    ),
)
