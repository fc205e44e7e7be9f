"""How many connections a member accepts, and how many parallel scans it handles. One sheet per probe."""

from __future__ import annotations

from typing import Annotated

import msgspec

from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.sheet import Record, Word, about
from icapdiag.vocabulary import Reason

OfferedConnections = Annotated[
    int | None, about("offered connections", "Max-Connections of the same member's OPTIONS answer", zero="0")
]


class Capacity(Record):
    """The load that a member is expected to handle, and how many connections that needs."""

    offered_connections: OfferedConnections = None
    expected_rps: Annotated[
        float | None,
        about("expected rate", "requests per second that the member must handle (--expected-rps)", "1/s"),
    ] = None
    expected_latency_ms: Annotated[
        float | None,
        about("expected latency", "of a scan: as stated (--expected-latency), else as measured", "ms", changes=True),
    ] = None
    needed_connections: Annotated[
        int | None,
        about("connections needed", "connections that Avi has open at the same time at that rate: rate times latency"),
    ] = None


class LoadStep(Record):
    """Scans at one level of concurrency."""

    nulls = frozenset({"p50_ms", "p95_ms", "max_ms"})
    concurrency: Annotated[int | None, about("concurrency", "parallel scans")] = None
    requests: Annotated[int | None, about("requests", "how many in all")] = None
    errors: Annotated[int | None, about("errors", "those that failed")] = None
    p50_ms: Annotated[float | None, about("p50", "median", "ms", changes=True)] = None
    p95_ms: Annotated[float | None, about("p95", "95th percentile", "ms", changes=True)] = None
    max_ms: Annotated[float | None, about("max", "the longest", "ms", changes=True)] = None
    rps: Annotated[float | None, about("rate", "scans answered per second", "1/s", changes=True)] = None
    uncertain: Annotated[
        bool | None, about("uncertain", "the times may include more than 5 % of client-side delay", changes=True)
    ] = None
    syn_retries: Annotated[
        int | None, about("SYNs retransmitted", "for their connections; absent if none", changes=True)
    ] = None


class Load(ProbeSheet):
    """load: a growing number of parallel scans."""

    ceiling: Annotated[int | None, about("ceiling", "most parallel scans to try (--load-ceiling)")] = None
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
            "why the ramp ended: busy, the server answered 503 or the like; refused, it refused a connection; failed,"
            " anything else; slower, p95 doubled, or SYNs were retransmitted; local, this host reached its own limits",
            values=("ceiling", "busy", "refused", "failed", "slower", "deadline", "local"),
        ),
    ] = None
    held_connections: Annotated[
        int | None,
        about("parallel scans sustained", "the most that the member answered without getting much slower"),
    ] = None
    broke_at: Annotated[int | None, about("ended at", "the number of parallel scans that was too many")] = None
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
        bool | None, about("no connection", "that scan got no connection, so the server never saw it")
    ] = None
    broke_syn_retries: Annotated[
        int | None,
        about("SYNs retransmitted", "in the step that ended the ramp; absent if some were before", changes=True),
    ] = None
    capacity: Capacity = msgspec.field(default_factory=Capacity)
    needed_held: Annotated[
        Word | None,
        about(
            "sustains what is needed",
            "whether the member sustained needed_connections; unknown if the ramp did not get that far",
            values=("yes", "no", "unknown"),
        ),
    ] = None
