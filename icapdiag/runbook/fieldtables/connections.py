"""Fields of what the deep probes find out about keeping connections, and about many of them at a time."""

from __future__ import annotations

from icapdiag.runbook.field import BOOLEAN, INTEGER, LIVE, NUMBER, RECORDS, TEXT, TEXTS, Field, table
from icapdiag.vocabulary import Reason

_PAIR = ("keepalive",)
_DEMAND = ("keepalive", "load")

FIELDS = [
    Field("pair", TEXT, "", "what was sent on one connection", LIVE, _PAIR, ("eicar-clean", "clean-clean")),
    Field(
        "reuse",
        TEXT,
        "",
        "what became of the second request: honoured is answered rightly; announced-close and closed, the server closed"
        " after the first answer, with and without saying so; desynchronised, see desync_signs",
        LIVE,
        _PAIR,
        ("honoured", "announced-close", "closed", "unanswered", "desynchronised"),
    ),
]
FIELDS += table(
    LIVE,
    _PAIR,
    (
        (
            "desync_signs",
            TEXTS,
            "",
            "signs of an answer to another request: bytes-left-over, body-of-first, verdict-of-first, unreadable",
        ),
        ("extra_bytes", INTEGER, "bytes", "came after the end of the first answer, before there was a second request"),
        ("extra_excerpt", TEXT, "", "the first of them"),
        ("closed_after_ms", NUMBER, "ms", "from the first answer to the server's close, without a second request"),
        ("first_status", INTEGER, "", "ICAP status of the first answer"),
        ("first_verdict", TEXT, "", "what it says about the first body"),
        ("second_status", INTEGER, "", "ICAP status of the second answer"),
        ("second_verdict", TEXT, "", "what it says about the second body"),
        ("idle_waited_s", NUMBER, "s", "how long the connection was left idle, with --idle"),
        ("idle_closed", BOOLEAN, "", "the server closed it in that time"),
        ("idle_close_s", NUMBER, "s", "after how long"),
    ),
)
FIELDS += table(
    LIVE,
    _DEMAND,
    (
        ("offered_connections", INTEGER, "", "Max-Connections of the same member's OPTIONS answer"),
        ("expected_rps", NUMBER, "1/s", "requests per second that the member is to take (--expected-rps)"),
        ("expected_latency_ms", NUMBER, "ms", "of a scan: as stated (--expected-latency), else as measured"),
        ("needed_connections", INTEGER, "", "that Avi has open at a time for that: rate times latency"),
    ),
)
_LOAD = ("load",)
FIELDS += table(
    LIVE,
    _LOAD,
    (
        ("ceiling", INTEGER, "", "the most scans at a time that the ramp goes to (--load-ceiling)"),
        ("steps", RECORDS, "", "of the ramp: concurrency, requests, errors, p50_ms, p95_ms, max_ms, rps, uncertain"),
        ("held_connections", INTEGER, "", "the most scans at a time that the member answered, none much later"),
        ("broke_at", INTEGER, "", "the scans at a time with which the ramp ended for the member's sake"),
        ("broke_status", INTEGER, "", "the ICAP status of the first scan that it did not take"),
    ),
)
FIELDS += [
    Field(
        "load_ended",
        TEXT,
        "",
        "why the ramp ended: busy is a 503 or the like; refused, a connection; failed, anything else; slower, p95"
        " doubled; local, this host had no more to give",
        LIVE,
        _LOAD,
        ("ceiling", "busy", "refused", "failed", "slower", "deadline", "local"),
    ),
    Field(
        "broke_reason",
        TEXT,
        "",
        "the reason of the first scan that failed",
        LIVE,
        _LOAD,
        tuple(str(reason) for reason in Reason),
    ),
    Field(
        "needed_held",
        TEXT,
        "",
        "whether the member stood needed_connections; unknown if the ramp did not get that far",
        LIVE,
        _LOAD,
        ("yes", "no", "unknown"),
    ),
]
