"""The closed vocabularies: the same words in every output, in runbooks and on the command line."""

from __future__ import annotations

from enum import IntEnum, StrEnum

COMMAND_LINE = "command line"  # source and name of a pool that no file describes
FROM_COMMAND_LINE = "from the command line"  # its name in a report of `icapdiag check`


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


HEALTH_ORDER: tuple[Health, ...] = (Health.CRITICAL, Health.WARNING, Health.UNKNOWN, Health.OK, Health.DISABLED)


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
    ADDRESS_LIMIT = "address-limit"  # the name has more addresses than may be tested
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


class Effect(StrEnum):
    """What a finding means for requests behind the load balancer, worst first."""

    UNSCANNED = "unscanned"  # they pass, and no scanner looked at them
    REFUSED = "refused"  # users get an error for good requests
    SLOW = "slow"
    NONE = "none"


EFFECT_ORDER: tuple[Effect, ...] = tuple(Effect)


class CauseStatus(StrEnum):
    """How certain a cause is, by the facts of this run or log."""

    PROVEN = "proven"
    LIKELY = "likely"  # some fact supports it, and none proves it
    POSSIBLE = "possible"
    RULED_OUT = "ruled out"


CERTAINTY_ORDER: tuple[CauseStatus, ...] = tuple(CauseStatus)


class ExitStatus(IntEnum):
    """What a script that runs the program can tell apart (design section 5)."""

    OK = 0  # nothing at or above --fail-on
    FINDINGS = 1
    USAGE = 2  # wrong usage, a file that can't be read, an output that can't be written
    INCOMPLETE = 3  # some probe could not run, or a failure has no explanation, and nothing worse was found
    INTERRUPTED = 130  # 128 + SIGINT
    BROKEN_PIPE = 141  # 128 + SIGPIPE: who reads our output went away
