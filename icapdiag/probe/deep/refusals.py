"""What became of OPTIONS and of the clean upload, for probes that look into a refusal."""

from __future__ import annotations

from icapdiag.probe.base import Context, Outcome
from icapdiag.vocabulary import Status


def refusal(context: Context, probe: str) -> int | None:
    """The ICAP status with which this probe's request was turned away; None if it was not, or did not run."""
    outcome = _outcome(context, probe)
    status = outcome.facts.get("icap_status") if outcome else None
    return status if isinstance(status, int) and status >= 400 else None


def served(context: Context, probe: str) -> bool:
    """Whether this probe ran and its request was taken."""
    outcome = _outcome(context, probe)
    return outcome is not None and outcome.status is Status.OK


def lists_reqmod(context: Context) -> bool | None:
    """Whether OPTIONS lists REQMOD among the methods; None if it lists none, or was not answered."""
    outcome = _outcome(context, "options")
    return outcome.facts.get("offers_reqmod") is True if outcome and outcome.facts.get("methods") else None


def _outcome(context: Context, probe: str) -> Outcome | None:
    found = context.outcomes.get(probe)
    return found[0] if found else None
