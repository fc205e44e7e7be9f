"""The settings of a request, as facts."""

from __future__ import annotations

from icapdiag.facts.connection import ProfileInForce
from icapdiag.pool import Profile
from icapdiag.probe.base import Context, Settings


def profile_facts(context: Context) -> ProfileInForce:
    """The settings in force, so that a runbook can compare an observation with them."""
    profile = context.pool.profile
    return ProfileInForce(
        service_uri=profile.service_uri,
        profile_vendor=profile.vendor,
        profile_preview_size=context.preview_size,
        profile_allow_204=profile.allow_204,
        profile_response_timeout=profile.response_timeout,
        profile_slow_response_warning_threshold=profile.slow_response_warning_threshold,
        timeout_ms=round(context.settings.timeout * 1000),
        **thresholds(profile, context.settings),
    )


def thresholds(profile: Profile, settings: Settings) -> dict[str, int]:
    """Above how many ms an answer is slow, and too slow: from the options of the run, otherwise from the profile."""
    warn, crit = settings.warn_ms, settings.crit_ms
    return {
        "warn_ms": profile.slow_response_warning_threshold if warn is None else warn,
        "crit_ms": profile.response_timeout if crit is None else crit,
    }
