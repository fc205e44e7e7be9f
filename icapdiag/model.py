"""The words every part of the program speaks: observations in, findings and reports out.

Frozen data without behaviour that needs anything else of ours, so that collecting
(``probe``), judging (``runbook``) and drawing (``report``) never import each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

SCHEMA_VERSION = 1

JSONValue = str | int | float | bool | None | Sequence["JSONValue"] | Mapping[str, "JSONValue"]
Facts = Mapping[str, JSONValue]


class Severity(StrEnum):
    """What a finding means for the people behind the load balancer, worst first."""

    CRITICAL = "critical"  # requests pass unscanned, or good requests fail, now
    WARNING = "warning"  # it may come to that, or the verdict can't be told
    INFO = "info"  # works as intended and worth knowing


SEVERITY_ORDER: tuple[Severity, ...] = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


class Health(StrEnum):
    """The verdict on a member or on a whole report."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"  # some probe could not run, and nothing worse was found
    DISABLED = "disabled"  # members only: switched off in the pool


class Status(StrEnum):
    """What became of a probe; says nothing about what the server thinks of a body."""

    OK = "ok"
    FAILED = "failed"  # the server, or the path to it, did not do what the probe needs
    BLOCKED = "blocked"  # a probe this one needs failed; the reason is that probe's name
    SKIPPED = "skipped"  # not asked for
    ERROR = "error"  # our own fault: nothing was learnt about the server


class Reason(StrEnum):
    """Closed vocabulary for ``failed`` and ``error``; the same word in every output.

    RFC 3507 section 6.2 proposes numbers for some of these (1000 can't connect,
    1001 response close, 1002 response reset); Avi and RFC numbers are in the runbooks.
    """

    # dns
    NXDOMAIN = "nxdomain"
    NO_ADDRESS = "no-address"  # the name exists and has neither A nor AAAA
    DNS_FAILURE = "dns-failure"  # SERVFAIL, REFUSED or a broken answer
    DNS_TIMEOUT = "dns-timeout"
    # tcp, and any later step on the same connection
    REFUSED = "refused"
    TIMEOUT = "timeout"
    RESET = "reset"
    CLOSED = "closed"  # end of stream before the answer was complete
    UNREACHABLE = "unreachable"
    PROHIBITED = "prohibited"  # EACCES/EPERM: a local or remote filter forbids it
    # tls
    TLS_HANDSHAKE = "tls-handshake"  # alert, no common version or cipher
    TLS_EXPIRED = "tls-expired"
    TLS_NOT_YET_VALID = "tls-not-yet-valid"
    TLS_NAME = "tls-name"
    TLS_UNTRUSTED = "tls-untrusted"
    TLS_CLIENT_CERTIFICATE = "tls-client-certificate"  # the server demands one
    TLS_NOT_TLS = "tls-not-tls"  # the peer answered in clear text
    # icap
    NOT_ICAP = "not-icap"
    PROTOCOL = "protocol"  # ICAP that can't be read to its end
    TOO_LARGE = "too-large"  # over one of our caps
    ICAP_STATUS = "icap-status"  # a complete answer with a 4xx or 5xx status
    # error: ours
    LOCAL_NETWORK = "local-network"  # out of descriptors, ports or memory; no local address
    CONFIGURATION = "configuration"  # an unusable CA file, certificate or key
    DEADLINE = "deadline"  # the run's total deadline came before this probe
    INTERRUPTED = "interrupted"
    BUG = "bug"


class Verdict(StrEnum):
    """What the server decided about a body."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    MODIFIED = "modified"
    UNSCANNABLE = "unscannable"  # encrypted, over an archive limit, unsupported
    ERROR = "error"  # the scanner failed; the answer is no statement about the body
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One fact sheet about one member (``check``) or one request (``explain``).

    ``facts`` maps documented field names (``icapdiag runbooks fields``) to JSON values.
    ``elapsed_ms`` is wall time of the step in milliseconds, None if it never ran.
    ``reason`` is a `Reason`; for ``blocked`` the name of the probe that blocked it;
    for ``skipped`` a word such as ``disabled`` or ``not-asked``; None for ``ok``.
    ``transcript``: what was sent and received, where that was asked for, and what happened beside it.
    """

    source: str  # "probe" | "log" | "config"
    probe: str  # "dns" | "tcp" | "tls" | "options" | "clean" | "eicar"; "" for logs
    pool: str
    member: str
    status: Status
    reason: str | None = None
    elapsed_ms: float | None = None
    facts: Facts = field(default_factory=dict)
    transcript: tuple[Facts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A runbook and the observations that matched it."""

    id: str
    severity: Severity
    title: str
    members: tuple[str, ...]
    count: int  # observations that matched
    first_seen: str | None = None  # ISO 8601, UTC
    last_seen: str | None = None
    evidence: tuple[Facts, ...] = ()  # the first few observations, flat
    meaning: str = ""  # the runbook's "What it means"
    remedy: tuple[str, ...] = ()  # first steps, most useful first
    runbook: str = ""  # "runbooks/<id>.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberReport:
    """One pool member with everything that was tried on it, in order."""

    name: str
    address: str  # the host as configured: an address or a DNS name
    port: int
    verdict: Health
    probes: tuple[Observation, ...]
    line: int | None = None  # of the pool file, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """Failed observations that no runbook explains: gaps made visible."""

    count: int = 0
    examples: tuple[Facts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What every output format is drawn from (design section 7)."""

    command: str
    started_at: str  # ISO 8601, UTC, milliseconds
    finished_at: str
    complete: bool
    verdict: Health
    vantage: Facts
    subject: Facts
    tool: Facts = field(default_factory=dict)
    members: tuple[MemberReport, ...] = ()
    comparison: tuple[Facts, ...] = ()  # the members side by side: fact, kind, camps, odd, unknown
    conformance: tuple[Facts, ...] = ()  # rules of RFC 3507: who keeps to each, who deviates, of whom it isn't known
    groups: tuple[Facts, ...] = ()  # requests of a log that went alike, the most frequent first
    timeline: tuple[Facts, ...] = ()  # counts by outcome, a bucket a minute, hour or day
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Facts, ...] = ()  # findings that the pool file accepts: id, members, owner, until, …
    unmatched: Unmatched = Unmatched()
    configuration: Facts = field(default_factory=dict)  # the pool as it was in force, and the options of the run
    notes: tuple[str, ...] = ()  # what the reader must know: interrupted, replaced runbooks, TLS not verified
    schema_version: int = SCHEMA_VERSION
