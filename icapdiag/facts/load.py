"""What a member can take at a time: how many connections, and what came of more and more scans. One sheet a probe."""

from __future__ import annotations

from typing import Annotated

import msgspec

from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.sheet import Record, Word, about
from icapdiag.vocabulary import Reason

OfferedConnections = Annotated[
    int | None, about("offered connections", "Max-Connections of the same member's OPTIONS answer")
]


class Capacity(Record):
    """What is asked of a member, and how many connections that needs."""

    offered_connections: OfferedConnections = None
    expected_rps: Annotated[
        float | None,
        about("expected rate", "requests per second that the member is to take (--expected-rps)", "1/s"),
    ] = None
    expected_latency_ms: Annotated[
        float | None,
        about("expected latency", "of a scan: as stated (--expected-latency), else as measured", "ms", changes=True),
    ] = None
    needed_connections: Annotated[
        int | None,
        about("connections needed", "that Avi has open at a time for that: rate times latency"),
    ] = None


class LoadStep(Record):
    """Scans at so many at a time."""

    nulls = frozenset({"p50_ms", "p95_ms", "max_ms"})
    concurrency: Annotated[int | None, about("at a time", "scans at a time")] = None
    requests: Annotated[int | None, about("requests", "how many in all")] = None
    errors: Annotated[int | None, about("errors", "those that failed")] = None
    p50_ms: Annotated[float | None, about("p50", "half of them took no longer", "ms", changes=True)] = None
    p95_ms: Annotated[float | None, about("p95", "95 in 100 took no longer", "ms", changes=True)] = None
    max_ms: Annotated[float | None, about("max", "the longest", "ms", changes=True)] = None
    rps: Annotated[float | None, about("rate", "answered per second", "1/s", changes=True)] = None
    uncertain: Annotated[bool | None, about("uncertain", "our delays may make more than 5 % of it", changes=True)] = (
        None
    )
    syn_retries: Annotated[
        int | None, about("SYNs sent again", "for their connections; absent if none was", changes=True)
    ] = None


class Load(ProbeSheet):
    """load: more and more scans at a time."""

    ceiling: Annotated[int | None, about("ceiling", "scans at a time at most (--load-ceiling)")] = None
    steps: Annotated[
        tuple[LoadStep, ...] | None,
        about(
            "steps", "of the ramp: concurrency, requests, errors, p50_ms, p95_ms, max_ms, rps, uncertain, syn_retries"
        ),
    ] = None
    load_ended: Annotated[
        Word | None,
        about(
            "ended",
            "why the ramp ended: busy is a 503 or the like; refused, a connection; failed, anything else; slower, p95"
            " doubled, or connections had to be tried again; local, this host had no more to give",
            values=("ceiling", "busy", "refused", "failed", "slower", "deadline", "local"),
        ),
    ] = None
    held_connections: Annotated[
        int | None,
        about("held connections", "the most scans at a time that the member answered, none much later"),
    ] = None
    broke_at: Annotated[int | None, about("ended at", "scans at a time that were too many")] = None
    broke_status: Annotated[int | None, about("ended with", "ICAP status of the first scan refused")] = None
    broke_reason: Annotated[
        Word | None,
        about(
            "ended because",
            "the reason of the first scan that failed",
            values=tuple(str(reason) for reason in Reason),
        ),
    ] = None
    broke_connecting: Annotated[
        bool | None, about("no connection", "that scan got no connection, so the server did not see it")
    ] = None
    broke_syn_retries: Annotated[
        int | None,
        about("SYNs sent again", "in the step that ended the ramp; absent if some were before", changes=True),
    ] = None
    capacity: Capacity = msgspec.field(default_factory=Capacity)
    needed_held: Annotated[
        Word | None,
        about(
            "held what is needed",
            "whether the member stood needed_connections; unknown if the ramp did not get that far",
            values=("yes", "no", "unknown"),
        ),
    ] = None
