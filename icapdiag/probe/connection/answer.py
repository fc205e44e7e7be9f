"""An ICAP answer as facts: the names that runbooks match on."""

from __future__ import annotations

from collections.abc import Sequence

from icapdiag.icap.body import Body
from icapdiag.icap.client import Exchange
from icapdiag.icap.header_checks import hop_by_hop, odd_headers
from icapdiag.icap.header_table import TEXT_KEPT, header_facts
from icapdiag.icap.message import Deviation, Response
from icapdiag.icap.verdict import judge
from icapdiag.model import JSONValue
from icapdiag.pool import Profile
from icapdiag.probe.base import Context, Facts, Settings

TEXTS_KEPT = 20  # of a list that a server fills


def response_facts(response: Response, exchange: Exchange) -> Facts:
    """Status, deviations and headers of an answer."""
    facts: Facts = {
        "icap_status": response.status,
        "icap_reason": response.reason[:TEXT_KEPT],
        "complete": response.complete,
        **deviation_facts((*response.deviations, *exchange.deviations)),
    }
    if response.http_response is not None and response.http_response.status is not None:
        facts["http_status"] = response.http_response.status
    facts.update(header_facts(response.headers))
    if (encapsulated := response.headers.get("Encapsulated")) is not None:
        facts["encapsulated"] = encapsulated[:TEXT_KEPT]
    for name, found in (
        ("parts", [part.name for part in response.encapsulated or ()]),
        ("hop_by_hop", hop_by_hop(response)),
        ("odd_headers", odd_headers(response.headers)),
    ):
        if found:
            facts[name] = found[:TEXTS_KEPT]
    return facts


def deviation_facts(deviations: Sequence[Deviation]) -> Facts:
    """What RFC 3507 forbids and the server did, in full and as rules."""
    return {
        "deviations": [
            {"rule": d.rule, "section": d.section, "detail": d.detail, "seen": d.seen.decode("latin-1")}
            for d in deviations[:TEXTS_KEPT]
        ],
        "deviation_rules": list(dict.fromkeys(d.rule for d in deviations)),
    }


def verdict_facts(response: Response, sent_body: bytes | Body, *, method: str = "REQMOD") -> Facts:
    """What the answer says about the body that was sent."""
    judgement = judge(response, sent_body=sent_body, method=method)
    return {
        "verdict": judgement.verdict,
        "verdict_reason": judgement.reason,
        "threats": list(judgement.threats),
        "decided_by": list(judgement.decided_by),
    }


def profile_facts(context: Context) -> Facts:
    """The settings in force, so that a runbook can hold an observation against them."""
    profile: Profile = context.pool.profile
    values: dict[str, JSONValue] = {
        "service_uri": profile.service_uri,
        "profile_vendor": profile.vendor,
        "profile_preview_size": profile.preview_size if profile.enable_preview else None,
        "profile_allow_204": profile.allow_204,
        "profile_response_timeout": profile.response_timeout,
        "profile_slow_response_warning_threshold": profile.slow_response_warning_threshold,
        "timeout_ms": round(context.settings.timeout * 1000),
        **thresholds(profile, context.settings),
    }
    return values


def thresholds(profile: Profile, settings: Settings) -> dict[str, int]:
    """After how many ms an answer is slow, and too slow: as this run was told, else by the profile."""
    warn, crit = settings.warn_ms, settings.crit_ms
    return {
        "warn_ms": profile.slow_response_warning_threshold if warn is None else warn,
        "crit_ms": profile.response_timeout if crit is None else crit,
    }
