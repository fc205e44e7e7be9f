"""What the documentation of a field consists of, its closed vocabularies, and the flat record of all fields."""

from __future__ import annotations

from msgspec import Struct

from icapdiag.model import JSONValue, Observation

TEXT, INTEGER, NUMBER, BOOLEAN = "text", "integer", "number", "boolean"
TEXTS, RECORDS = "list of text", "list of records"

POOL = "pool"  # "probe" of what differs between the members, and of nobody's connection
DEEP = ("conformance", "preview", "size", "keepalive", "services", "variants", "respmod", "load")
PROBES = ("dns", "tcp", "tls", "options", "clean", "eicar", "repeat", *DEEP, POOL)
SUMMARY = "summary"  # "probe" of the one observation about a log as a whole
ANSWER = "answer"  # "probe" of an ICAP answer outside of a log: bytes, a client's print, header lines
ACTIONS = ("ICAP_DISABLED", "ICAP_PASSED", "ICAP_MODIFIED", "ICAP_BLOCKED", "ICAP_FAILED")
OUTCOMES = ("unscanned", "refused-500", "refused-413", "blocked", "passed", "modified", "disabled", "unknown")
SKIP_REASONS = ("disabled", "not-asked", "not-needed", "literal-address", "plain")  # of status skipped
BASE = ("source", "probe", "pool", "member", "status", "reason", "elapsed_ms")

EVERY = ("probe", "log", "config")
LIVE = ("probe",)
LOG = ("log",)
ANSWERED = ("probe", "log")  # of an ICAP answer, met live or kept in a log
ICAP = ("options", "clean", "eicar")
ICAP_DEEP = (*ICAP, "preview", "conformance")
SAMPLE = ("clean", "eicar")
COMPARED = ("service", "service_id", "server", "istag", "methods", "allow", "preview", "max_connections",
             "options_ttl", "transfer_preview", "transfer_ignore", "transfer_complete", "x_include", "options_status",
             "clean_status", "clean_verdict", "eicar_verdict", "transport", "tls_version", "cipher", "cert_issuer",
             "cert_sha256", "cert_days_left", "family", "source_address", "route", "rtt", "scan_time", "clock_offset",
             "tcp_outcome", "tls_outcome", "options_outcome", "clean_outcome", "eicar_outcome", "address",
             "identity")  # fmt: skip
KINDS = ("outlier", "two-camps", "several-camps", "all-different", "same-server")
PEERS = ("http", "tls", "ssh", "smtp", "clamd", "unknown")


class Field(Struct, frozen=True):
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


def table(
    sources: tuple[str, ...], probes: tuple[str, ...], rows: tuple[tuple[str, str, str, str], ...]
) -> list[Field]:
    """A field for each row of name, type, unit and meaning, all of the same sources and probes."""
    return [Field(name, kind, unit, meaning, sources, probes) for name, kind, unit, meaning in rows]
