"""What each fault of the lab gives: the cause that is named first, and how sure it is.

A fault is not always told from its neighbours. None: its runbook is of severity info and has no causes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from icapdiag.lab import FAULTS

FIRST_CAUSES: Mapping[str, tuple[str, str] | None] = {
    "refused": ("stopped", "possible"),
    "reset-on-accept": ("dead-backend", "likely"),
    "reset-mid-body": ("crash", "likely"),
    "mute": ("service-hangs", "likely"),
    "drip": ("unfinished", "likely"),
    "slow": ("capacity", "possible"),
    "no-security-rule": ("client-filter", "possible"),
    "core-error": ("polling", "likely"),
    "eicar-missed": ("wrong-service", "possible"),
    "form-missed": ("virus-scan-form", "possible"),
    "shadow": ("shadow", "proven"),
    "clean-blocked": ("other-service", "likely"),
    "unclear": ("nothing-said", "likely"),
    "not-scanned": ("engines", "likely"),
    "passes-not-scanned": ("no-engine", "possible"),
    "rewrites": ("disarmed", "possible"),
    "disarms": ("cleaned", "possible"),
    "404": ("wrong-path", "possible"),
    "405": ("client-refused", "likely"),
    "400": ("wrong-path", "possible"),
    "403": ("access-list", "possible"),
    "500": ("engine-down", "likely"),
    "503": ("too-many-requests", "possible"),
    "408": ("held-back", "possible"),
    "418": ("offsets", "possible"),
    "429": ("limit", "likely"),
    "501": ("no-handler", "possible"),
    "options-refused": ("not-implemented", "likely"),
    "blocks-with-403": ("product-403", "possible"),
    "licence": ("licence", "proven"),
    "not-icap-http": ("web-port", "likely"),
    "not-icap-ssh": ("other-machine", "proven"),
    "tls-alert": ("no-ssl-profile", "proven"),
    "tls-on-plain-port": ("tls-hangs", "likely"),
    "tls-refused": ("cipher", "likely"),
    "no-empty-line": ("empty-line", "proven"),
    "wrong-encapsulated": ("offsets", "proven"),
    "bad-chunk": ("chunks", "likely"),
    "endless-body": ("endless-body", "likely"),
    "answer-then-rst": ("wrong-path", "possible"),
    "echo-without-allow": ("switched-off", "possible"),
    "small-preview": ("too-long", "proven"),
    "tls-expired": ("expired", "proven"),
    "tls-wrong-name": ("address-only", "likely"),
    "tls-untrusted": ("private-ca", "possible"),
    "tls-client-certificate": ("client-certificate", "proven"),
    "threads-exhausted": ("threads-busy", "possible"),
    "waits-for-thread": ("threads-busy", "possible"),
    "100-after-ieof": ("ieof-not-understood", "proven"),
    "100-in-vain": ("ieof", "proven"),
    "206": ("ignores-allow", "possible"),
    "other-path": ("wrong-path", "proven"),
    "response-path": ("paths-mixed-up", "proven"),
    "respmod-only": ("respmod-service", "proven"),
    "refuses-preview": ("preview", "proven"),
    "refuses-allow": ("allow-header", "proven"),
    "needs-user-agent": ("user-agent", "proven"),
    "needs-content-length": ("content-length", "proven"),
    "options-without-encapsulated": ("header", "proven"),
    "istag-changes": ("several-backends", "possible"),
    "clock-skewed": ("no-time-service", "possible"),
    "disabled": None,
    "blocks-without-header": None,
    "offers-respmod": None,
    "no-connections": None,
    "no-istag": None,
    "closes-unannounced": None,
    "max-connections-enforced": ("limit-too-small", "possible"),
    "resets-above-n": ("connections-rejected", "likely"),
    "slow-above-n": ("threads", "possible"),
    "size-limit-pass": ("max-object-size", "possible"),
    "size-limit-unread": ("max-object-size", "possible"),
    "size-limit-error": ("size-limit", "proven"),
    "size-limit-block": ("size-limit", "likely"),
    "size-limit-drop": ("size-limit", "possible"),
    "tiny-refused": ("refuses-by-status", "proven"),
    "needs-inner-length": ("needs-length", "proven"),
    "keepalive-desync": ("writes-more", "possible"),
    "preview-zero-only": ("too-long", "proven"),
    "preview-refused": ("no-continue", "likely"),
    "preview-204-unsupported": ("no-preview-support", "likely"),
    "no-100": ("no-continue", "likely"),
    "204-without-allow": ("always-204", "possible"),
}


def first_causes(depth: str) -> list[tuple[str, tuple[str, str] | None]]:
    """Each fault that a run of this depth is the first to see, with its cause; of those that give a finding."""
    return [(name, FIRST_CAUSES[name]) for name, fault in FAULTS.items() if fault.finding and fault.depth == depth]


def first_cause(problems: Iterable[Mapping[str, Any]], member: str) -> tuple[str, str] | None:
    """What the one problem of this member has first, as a JSON report says it."""
    [problem] = [problem for problem in problems if member in problem["members"]]
    causes = problem.get("causes")
    return (causes[0]["id"], causes[0]["status"]) if causes else None
