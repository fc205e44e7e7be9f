"""The 48 diagnoses of the knowledge base (E), and the runbooks that each of them became."""

from __future__ import annotations

from collections.abc import Mapping

COVERAGE: Mapping[str, tuple[str, ...]] = {
    "RB-01": ("tcp-refused", "icap-connection-error", "server-connection-failed"),
    "RB-02": ("tcp-timeout", "tcp-unreachable", "icap-connection-error", "server-connection-failed"),
    "RB-03": ("dns-name-not-found", "dns-resolver-failure", "dns-answers-differ"),
    "RB-04": ("ipv6-not-accepted",),
    "RB-05": ("tcp-reset", "server-connection-failed", "mtu-black-hole"),
    "RB-06": ("tls-handshake-failed", "server-tls-failed"),
    "RB-07": ("tls-certificate-expired", "tls-certificate-name", "tls-certificate-untrusted", "server-tls-failed"),
    "RB-08": ("plain-on-tls-port", "tls-on-plain-port"),
    "RB-09": ("not-icap",),
    "RB-10": ("service-not-found", "wrong-service"),
    "RB-11": ("bad-request", "invalid-request-blocked", "refused-for-allow", "refused-for-header"),
    "RB-12": ("method-not-allowed", "reqmod-not-offered", "respmod-only", "wrong-service"),
    "RB-13": ("bad-composition",),
    "RB-14": (
        "overloaded",
        "no-connections-offered",
        "server-threads-exhausted",
        "connection-waits",
        "fails-under-load",
        "max-connections-enforced",
        "slow-under-load",
        "capacity-below-expected",
    ),
    "RB-15": ("server-error", "options-refused"),
    "RB-16": ("access-denied", "blocked-with-icap-error"),
    "RB-17": ("method-not-implemented",),
    "RB-18": (
        "malformed-response",
        "response-too-large",
        "unexpected-status",
        "icap-server-error",
        "istag-missing",
        "partial-content-unasked",
    ),
    "RB-19": ("no-response", "icap-timeout", "request-timeout-status"),
    "RB-20": ("slow-member", "slow-beyond-limit", "slow-requests"),
    "RB-21": ("preview-too-large", "preview-refused", "refused-for-preview"),
    "RB-22": ("preview-not-continued", "continue-after-ieof", "unexpected-continue"),
    "RB-23": (
        "body-not-fully-sent",
        "allowed-from-preview",
        "preview-passes-unscanned",
        "preview-pass-unproven",
    ),
    "RB-24": ("allow-204-missing", "204-without-allow"),
    "RB-25": ("body-too-large-unscanned", "body-too-large-refused"),
    "RB-26": ("server-size-limit", "size-limit-pass", "size-limit-error"),
    "RB-27": ("se-out-of-memory",),
    "RB-28": ("slow-requests", "slow-member", "overloaded"),  # told in their texts: see TOLD
    "RB-29": ("no-security-rule", "blocked-without-scan"),
    "RB-30": ("request-blocked-infected", "eicar-test", "request-blocked", "blocked-known-bad", "block-without-reason"),
    "RB-31": (
        "clean-blocked",
        "blocked-by-list",
        "blocked-sensitive-data",
        "blocked-suspicious",
        "blocked-type-mismatch",
        "blocked-unwanted-program",
        "blocked-vulnerable-file",
        "blocked-yara-rule",
    ),
    "RB-32": ("encrypted-upload",),
    "RB-33": ("archive-limits",),
    "RB-34": ("failed-to-scan", "unsupported-file-type", "allowed-without-scan"),
    "RB-35": ("core-unreachable",),
    "RB-36": ("scanner-licence",),
    "RB-37": ("istag-differs", "istag-changes", "members-disagree-on-verdict", "no-engine-loaded"),
    "RB-38": ("eicar-not-detected", "threat-passed", "shadow-service", "allow-listed", "verdict-unclear"),
    "RB-39": ("request-modified", "clean-modified", "eicar-modified"),
    "RB-40": ("nsx-defender-score", "nsx-defender-no-score"),
    "RB-41": ("icap-never-ran", "icap-disabled", "significant-logs-only"),
    "RB-42": ("pool-group-fail-action",),
    "RB-43": ("unscanned-passed", "refused-by-fail-closed", "icap-failed", "fails-open"),
    "RB-44": ("profile-reference-broken",),
    "RB-45": ("health-monitor-unfit",),
    "RB-46": ("member-disabled", "member-gets-no-traffic"),
    "RB-47": ("duplicate-server", "one-server-two-addresses"),
    "RB-48": ("vantage-failure", "clock-skewed"),
}

# No state of its own, as a Service Engine opens a connection for each request in health as well, and Avi has no switch
# for it. Where it costs something, these texts say so.
TOLD: Mapping[str, Mapping[str, str]] = {
    "RB-28": {
        "slow-requests": r"`Connection: close`.*TLS handshake.*TIME-WAIT.*no setting to keep connections open",
        "slow-member": r"`Connection: close`.*new TCP connection.*new TLS handshake",
        "overloaded": r"Avi opens a new connection for each request",
    },
}
